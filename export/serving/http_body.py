"""Reads the body of an HTTP request, whole or in chunks, up to a limit."""

import contextlib
import gzip
import io
import time
import zlib

from export.serving.request_error import RequestError, invalid_argument

_PIECE = 1 << 16  # bytes read at a time
_DRAIN_SECONDS = 5.0


def read_body(headers, stream, limit):
    """Read a request body.

    Args:
        headers: `email.message.Message` of the request.
        stream: binary file, positioned after the headers.
        limit: int, the most bytes that a body may have, unpacked.

    Returns:
        bytes; empty where the request has no body.

    Raises:
        RequestError: HTTP 413 above the limit, 415 for an unknown encoding, 400 for
            a body that breaks off or a length that is not a number.
    """
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        body = _read_chunks(stream, limit)
    else:
        body = _read_exactly(stream, declared_length(headers, limit))
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise RequestError(
            "INVALID_ARGUMENT",
            f"Content-Encoding {encoding} is not known. Expected gzip or none.",
            http_status=415,
        )
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as unpacked:
            body = unpacked.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise invalid_argument(f"The body is not gzip: {error}") from error
    if len(body) > limit:
        raise _too_large(limit)
    return body


def declared_length(headers, limit):
    """Return the Content-Length of a request, 0 where it has none.

    Raises:
        RequestError: HTTP 413 above the limit, 400 if it is not a number.
    """
    text = headers.get("Content-Length", "0").strip()
    if not (text.isdecimal() and text.isascii()):
        raise invalid_argument(f"Content-Length is not a number: {text}")
    if len(text) > 18 or int(text) > limit:
        raise _too_large(limit)
    return int(text)


def drain(stream):
    """Read and drop what a refused client is still sending, for a few seconds.

    A client that is busy sending only sees the answer once it has been read; closing
    at once would reset the connection under it.
    """
    deadline = time.monotonic() + _DRAIN_SECONDS
    with contextlib.suppress(OSError):  # silent for too long, or gone: both are the end
        while time.monotonic() < deadline and stream.read1(_PIECE):
            pass


def _read_exactly(stream, length):
    body = stream.read(length)
    if len(body) < length:
        raise invalid_argument(
            f"The body broke off after {len(body)} of {length} bytes."
        )
    return body


def _read_chunks(stream, limit):
    body = bytearray()
    while True:
        size_text = stream.readline(1024).partition(b";")[0].strip()
        try:
            size = int(size_text, 16)
        except ValueError as error:
            raise invalid_argument(f"Not a chunk size: {size_text!r}") from error
        if size < 0:
            raise invalid_argument(f"Not a chunk size: {size_text!r}")
        if len(body) + size > limit:
            raise _too_large(limit)
        if size == 0:
            break
        body += _read_exactly(stream, size)
        stream.readline(1024)  # the line end after the chunk
    while stream.readline(1024).strip():  # trailers
        pass
    return bytes(body)


def _too_large(limit):
    return RequestError(
        "RESOURCE_EXHAUSTED",
        f"The request body is larger than {limit} bytes. Send smaller batches.",
        http_status=413,
    )
