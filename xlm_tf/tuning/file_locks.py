"""Locks between processes, which end with the process that holds them."""

import contextlib
import fcntl


@contextlib.contextmanager
def locked(path):
    """Hold a file alone; waits for whoever holds it.

    Args:
        path: Path, made where it does not exist.
    """
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(path):
    """Whether a living process holds a file that exists: bool."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
