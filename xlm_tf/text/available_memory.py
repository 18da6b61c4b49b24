"""How much memory this process may still take."""

import os
import re
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_memory():
    """Bytes that are free, or that caches would give up; in a container, of its own.

    Where the system does not say, all that the machine has.
    """
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        available = int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) * 1024
    except (OSError, TypeError):
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit, used = (
            int((_CGROUP / name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # no container, or one without a limit
        return available
    return min(available, max(limit - used, 0))
