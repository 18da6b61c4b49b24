"""Locks between processes, which end with the process that holds them."""

import contextlib
import time

try:
    import fcntl
except ImportError:  # on Windows
    import msvcrt

    fcntl = None

# Between two looks at what another process holds, where nothing wakes who waits.
_SECONDS = 0.1


@contextlib.contextmanager
def locked(path):
    """Hold a file alone; waits for whoever holds it.

    Args:
        path: Path, made where it does not exist.
    """
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            while not _is_locked_now(file):
                time.sleep(_SECONDS)
        yield


def is_held(path):
    """Whether a living process holds a file that exists: bool."""
    with path.open("a") as file:
        return not _is_locked_now(file)


def _is_locked_now(file):
    """Lock a file until it is closed, if nobody else holds it: bool, whether it is."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True
