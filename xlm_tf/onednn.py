"""oneDNN's kernels on processors for which TensorFlow does not choose them itself.

With AVX2 alone, they train and predict up to twice as fast. TensorFlow reads the
variable while it is imported, and never again.
"""

import os
import platform
import sys
import warnings
from pathlib import Path

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
# With one of these instruction sets, as Linux calls them, TensorFlow chooses them.
_CHOSEN_WITH = {
    "avx512_vnni",
    "avx512_bf16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
}


class _Kernels:
    came_late = False


def enable():
    """Turn them on, where they were measured, unless the environment says otherwise."""
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if not is_x86 or VARIABLE in os.environ:
        return
    _Kernels.came_late = "tensorflow" in sys.modules
    if not _Kernels.came_late:
        os.environ[VARIABLE] = "1"


def warn_if_late(has_gpu):
    """Warn, once, where they are missed.

    Args:
        has_gpu: bool, whether a GPU computes.
    """
    if not _Kernels.came_late:
        return
    _Kernels.came_late = False
    instructions = processor_instructions()
    if has_gpu or "avx2" not in instructions or instructions & _CHOSEN_WITH:
        return
    warnings.warn(
        "TensorFlow was imported before xlm_tf, and without the kernels that are up to "
        "twice as fast on this processor. Import xlm_tf first, or set "
        f"{VARIABLE}=1 (0 for none, and no warning).",
        stacklevel=3,
    )


def processor_instructions():
    """The instruction sets of the processor, as Linux calls them; else an empty set."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith("flags")]
    return set(lines[0].partition(":")[2].split()) if lines else set()
