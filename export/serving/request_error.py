"""The error that a request gets as its answer, the same over REST and gRPC."""

import grpc
import tensorflow as tf

# TF Serving's table from canonical codes to HTTP (`http_server.cc`).
HTTP_STATUS_OF_CODE = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
CODE_OF_NUMBER = {status.value[0]: status.name for status in grpc.StatusCode}


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        code: string, a canonical status code such as `"INVALID_ARGUMENT"`.
        message: string, for the person who sent the request.
        http_status: int, where HTTP has a more exact status than the code's own.
        http_headers: dict of str, extra headers of the HTTP answer.
    """

    def __init__(self, code, message, http_status=None, http_headers=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status or HTTP_STATUS_OF_CODE[code]
        self.http_headers = http_headers or {}

    @property
    def grpc_status(self):
        """The `grpc.StatusCode` of this error."""
        return grpc.StatusCode[self.code]


def invalid_argument(message):
    """Return the error of a request that is wrong in itself (HTTP 400)."""
    return RequestError("INVALID_ARGUMENT", message)


def from_tensorflow(error):
    """Return the `RequestError` for a `tf.errors.OpError` raised by a model.

    TensorFlow wraps an op's message in lines about the Python source of the graph,
    which a loaded model does not have; only the op's own words are kept.
    """
    if not isinstance(error, tf.errors.OpError):
        raise TypeError(f"Expected a tf.errors.OpError. Received: {error!r}.")
    message = error.message.rpartition("<stack traces unavailable>")[2].strip()
    return RequestError(CODE_OF_NUMBER.get(error.error_code, "UNKNOWN"), message)
