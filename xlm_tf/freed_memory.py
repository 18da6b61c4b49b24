"""Keep the memory of a step for the next one."""

import contextlib
import ctypes

# Parameters of glibc's mallopt, from its malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_MAX = -4
_ARENA_MAX = -8


def keep_freed_memory():
    """Let glibc keep what is freed, instead of giving it back to the system.

    A training step takes and frees the same hundreds of megabytes again and again, and
    every page that comes fresh from the system costs a fault. `xlm-tf` calls it; call
    it in a program or notebook that trains on processors, best at its beginning. The
    process then holds its peak of memory until it ends. Other C libraries are left as
    they are.
    """
    with contextlib.suppress(AttributeError):  # no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
