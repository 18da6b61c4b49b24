"""HTTP/1.1 with keep-alive for the REST API, on the standard library's server."""

import logging
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from export.serving import http_body
from export.serving.request_error import RequestError
from export.serving.rest_api import error_json

logger = logging.getLogger(__name__)
_DRAIN_TIMEOUT_S = 2.0


class RestHandler(BaseHTTPRequestHandler):
    """One connection: reads requests, asks the `RestApi`, writes JSON."""

    protocol_version = "HTTP/1.1"
    server_version = "xlm-tf"
    sys_version = ""
    timeout = 60  # seconds that a connection may be idle
    wbufsize = -1  # headers and body leave in one packet,
    disable_nagle_algorithm = True  # without waiting for the client's ack

    def do_any(self):
        """Answer one request of any method."""
        self._answered = False
        body_was_read = False
        try:
            body_was_read = self._answer()
        finally:
            if not self._answered:  # a failure of ours: its traceback is logged
                self.close_connection = True
                self._send(500, error_json("Internal error; see the server's log."))
        if not body_was_read:
            self.connection.settimeout(_DRAIN_TIMEOUT_S)
            http_body.drain(self.rfile)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_any

    def _answer(self):
        """Answer the request; False where its body was not read to its end."""
        try:
            body = http_body.read_body(
                self.headers, self.rfile, self.server.max_request_bytes
            )
        except RequestError as error:
            # What is left of the body would be read as the next request.
            self.close_connection = True
            self._send_request_error(error)
            return False
        except TimeoutError:
            self.close_connection = True
            self._send(408, error_json("The request body did not arrive in time."))
            return True
        try:
            answer = self.server.api.answer(self.command, self.path, body)
        except RequestError as error:
            self._send_request_error(error)
        else:
            self._send(200, answer)
        return True

    def handle_expect_100(self):
        """Refuse a body that is too large before it is sent (curl waits for this)."""
        try:
            http_body.declared_length(self.headers, self.server.max_request_bytes)
        except RequestError as error:
            self.close_connection = True
            self._send_request_error(error)
            return False
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def send_error(self, code, message=None, explain=None):
        """Answer what the standard library refuses, in JSON as everything else."""
        self.close_connection = True
        # A request line that cannot be read counts as HTTP/0.9, which has no headers.
        self.request_version = self.protocol_version
        self._send(int(code), error_json(message or self.responses[code][0]))

    def _send_request_error(self, error):
        self._send(error.http_status, error_json(error.message), error.http_headers)

    def _send(self, status, body, headers=None):
        self._answered = True
        if self.server.is_draining:
            # The client sends its next request elsewhere, instead of into a
            # connection that is about to go.
            self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", None) != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format, *args):
        """Send the access log to `logging`, at the level debug."""
        logger.debug("%s %s", self.address_string(), format % args)


class HttpServer(ThreadingHTTPServer):
    """Binds its port at once, and listens from `start` to `stop`.

    Args:
        host: string, address or name to bind.
        port: int, 0 for any free port.
        max_request_bytes: int.

    Raises:
        OSError: if the port cannot be bound.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host, port, max_request_bytes):
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), RestHandler, bind_and_activate=False)
        self.max_request_bytes = max_request_bytes
        self.is_draining = False
        self._connections = set()
        self._changed = threading.Condition()
        self._thread = None
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self):
        """Bind without the reverse name look-up of `HTTPServer`, which may hang."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request_thread(self, request, client_address):
        """Serve one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._connections.discard(request)
                self._changed.notify_all()

    def process_request(self, request, client_address):
        """Start a thread for a connection, known to `stop` as long as it is open."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        """Log what went wrong with a connection."""
        if isinstance(sys.exc_info()[1], ConnectionError):
            logger.debug("The client %s went away.", client_address)
        else:
            logger.exception("A request of %s failed.", client_address)

    def start(self, api):
        """Listen, and answer with a `RestApi` in threads.

        Raises:
            OSError: if another program listens on the port by now.
        """
        self.api = api
        self.server_activate()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def drain(self, grace_s):
        """Answer what still comes, each with `Connection: close`.

        Returns when no connection is open any more, or after the time: a client that
        keeps a connection open learns with its next answer to open another one, and
        what it sends until then is answered.

        Args:
            grace_s: float, seconds.
        """
        self.is_draining = True
        if self._thread is not None:
            self._wait_until_closed(grace_s)

    def stop(self, grace_s):
        """Accept nothing more, let what was received be answered, close the rest.

        Args:
            grace_s: float, seconds that running requests have to finish.
        """
        self.is_draining = True
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
            self._accept_waiting()
        self.server_close()
        # No end of writing: an answer on its way arrives. Idle handlers read the end,
        # those with a request in their buffers read that before.
        self._shut(socket.SHUT_RD)
        if not self._wait_until_closed(grace_s):
            self._shut(socket.SHUT_RDWR)

    def _accept_waiting(self):
        """Serve the connections that the system accepted for us in the meantime."""
        self.socket.setblocking(False)
        while True:
            try:
                request, client_address = self.socket.accept()
            except BlockingIOError:
                return
            request.setblocking(True)
            self.process_request(request, client_address)

    def _wait_until_closed(self, timeout_s):
        with self._changed:
            return self._changed.wait_for(lambda: not self._connections, timeout_s)

    def _shut(self, how):
        with self._changed:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(how)
            except OSError:
                logger.debug("A connection was closed by its client.")
