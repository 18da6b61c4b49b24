"""The memory of a step is there for the next one."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from xlm_tf.freed_memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(25_000_000)
before = faults()
for _ in range(5):
    np.ones(25_000_000)  # 200 MB
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's mallopt")
def test_freed_memory_is_used_again():
    def page_faults(argument):
        process = subprocess.run(
            [sys.executable, "-c", PROGRAM, argument],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"},
        )
        return int(process.stdout)

    assert page_faults("keep") < 0.1 * page_faults("give back")
