"""A local server with TF Serving's REST and gRPC interfaces."""

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from export.serving.addresses import host_port
from export.serving.grpc_services import ModelService, PredictionService
from export.serving.http_server import HttpServer
from export.serving.model_repository import ModelRepository
from export.serving.rest_api import RestApi

logger = logging.getLogger(__name__)
MAX_REQUEST_BYTES = 64 << 20
POLL_SECONDS = 1.0  # TF Serving's --file_system_poll_wait_seconds
GRACE_SECONDS = 5.0


class LocalServer:
    """Serves exported models on this machine, as the official server would.

    For development, tests and small loads, where TF Serving cannot be had: requests
    run side by side, without batching them together. Both ports are bound when the
    object is made, so that one in use is known before any model is loaded; `start` (or
    entering a `with`) loads the models, replays their warm-up records and answers from
    then on.

    Versions that come into the directory are loaded, and take the place of those
    before them; versions whose folders go are dropped. Copy a version under another
    name and rename it; a folder that is copied in place is loaded when nothing in it
    has changed between two looks.

    Args:
        directory: path of a model directory (version folders inside; the model has
            the directory's name) or of a directory of those.
        rest_port: int, 0 for any free port.
        grpc_port: int, 0 for any free port.
        host: string, the address to listen on. Nothing outside this machine reaches
            the default.
        all_versions: bool, serve every version instead of each model's latest.
        max_request_bytes: int, larger requests are refused (HTTP 413, gRPC
            RESOURCE_EXHAUSTED).
        poll_seconds: float, seconds between two looks at the directory; 0 for a look
            at the start alone.
        report: function of a str, called for every version that comes or goes;
            defaults to the log.

    Raises:
        OSError: if a port is in use or the address is not this machine's.
        ValueError: if a port is not a port or both are the same; from `start` if a
            model cannot be loaded, see `ModelRepository`.

    Example:

    ```python
    with LocalServer("models/sentiment") as server:
        client = Client(rest_port=server.rest_port, model="sentiment")
        client.predict({"text": ["Ça marche très bien"]})
    ```
    """

    def __init__(
        self,
        directory,
        rest_port=0,
        grpc_port=0,
        host="127.0.0.1",
        all_versions=False,
        max_request_bytes=MAX_REQUEST_BYTES,
        poll_seconds=POLL_SECONDS,
        report=logger.info,
    ):
        for name, port in (("rest_port", rest_port), ("grpc_port", grpc_port)):
            if not 0 <= port <= 65535:
                raise ValueError(
                    f"{name} must be a port, or 0 for any free one. Received: {port}."
                )
        if rest_port == grpc_port != 0:
            raise ValueError(
                f"rest_port and grpc_port must differ. Received: {rest_port} for both."
            )
        if not poll_seconds >= 0:
            raise ValueError(
                f"poll_seconds must not be negative. Received: {poll_seconds}."
            )
        self.directory = directory
        self.poll_seconds = poll_seconds
        self._report = report
        self._watcher = None
        self._is_stopping = threading.Event()
        self.host = host
        self.all_versions = all_versions
        self.repository = None
        with _port_errors(host, rest_port, "rest_port"):
            self._http = HttpServer(host, rest_port, max_request_bytes)
        try:
            self._grpc = _make_grpc_server(max_request_bytes)
            with _port_errors(host, grpc_port, "grpc_port"):
                self.grpc_port = self._grpc.add_insecure_port(
                    host_port(host, grpc_port)
                )
        except OSError:
            self._http.server_close()
            raise
        self.rest_port = self._http.server_address[1]

    @property
    def rest_url(self):
        """URL of the REST API, without a path."""
        return f"http://{host_port(self.host, self.rest_port)}"

    @property
    def grpc_address(self):
        """`host:port` of the gRPC services."""
        return host_port(self.host, self.grpc_port)

    def start(self):
        """Load the models and begin to answer.

        Returns:
            self.

        Raises:
            OSError, ValueError: if a model cannot be loaded; see `ModelRepository`.
                The ports are free again then.
        """
        try:
            self.repository = ModelRepository(self.directory, self.all_versions)
            prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
                PredictionService(self.repository), self._grpc
            )
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(
                ModelService(self.repository), self._grpc
            )
            self._http.start(RestApi(self.repository))
            self._grpc.start()
            if self.poll_seconds:
                self._watcher = threading.Thread(target=self._watch, daemon=True)
                self._watcher.start()
        except (OSError, ValueError):
            self.stop(grace_s=0)
            raise
        return self

    def stop(self, grace_s=GRACE_SECONDS):
        """Stop answering and free the ports, losing nothing that was sent.

        HTTP clients that keep a connection open are answered, with `Connection: close`,
        until they have closed it; gRPC clients are told by its protocol.

        Args:
            grace_s: float, seconds that such clients have to come again, and then
                that running requests have to finish.
        """
        self._is_stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        self._http.drain(grace_s)
        grpc_stopped = self._grpc.stop(grace_s)
        self._http.stop(grace_s)
        grpc_stopped.wait()

    def _watch(self):
        while not self._is_stopping.wait(self.poll_seconds):
            for change in self.repository.refresh():
                self._report(change)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()


def _make_grpc_server(max_request_bytes):
    return grpc.server(
        ThreadPoolExecutor(max_workers=16, thread_name_prefix="grpc"),
        options=[
            # Without it a second server binds the same port without an error.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", max_request_bytes),
            ("grpc.max_send_message_length", -1),
        ],
    )


@contextlib.contextmanager
def _port_errors(host, port, name):
    try:
        yield
    except (OSError, RuntimeError) as error:  # RuntimeError is gRPC's
        raise OSError(
            f"Cannot listen on {host_port(host, port)}: {error}. Another program may "
            f"use the port: choose another {name}, or 0 for any free one."
        ) from error
