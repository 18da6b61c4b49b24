"""The client's error: what a server answered, or that none did."""


class ServingError(Exception):
    """A request that a server refused, or that did not reach one.

    Attributes:
        code: string, the canonical status code, the same over both protocols:
            `"INVALID_ARGUMENT"`, `"NOT_FOUND"`, `"UNAVAILABLE"` (no server answers),
            `"DEADLINE_EXCEEDED"` (it took longer than `timeout_s`), ...
        message: string, the server's own message.
        http_status: int, the HTTP status; None over gRPC and where no server
            answered.
    """

    def __init__(self, code, message, http_status=None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status


def outputs_changed(expected, received):
    """Return the error of an answer that does not fit the signature that was read."""
    received = sorted(received) if hasattr(received, "keys") else "a single value"
    return ServingError(
        "FAILED_PRECONDITION",
        f"The answer has {received} where the signature had {sorted(expected)}: the "
        "server has another version of the model now. Call metadata() to read it.",
    )
