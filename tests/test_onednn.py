"""oneDNN's kernels: on by `import xlm_tf`; a word where it comes too late."""

import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from xlm_tf import onednn

ROOT = Path(__file__).resolve().parents[1]


def run(program, given=None):
    environment = {
        key: value for key, value in os.environ.items() if key != onednn.VARIABLE
    }
    if given is not None:
        environment[onednn.VARIABLE] = given
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "1" if IS_X86 else "None"), ("0", "0")]
)
def test_they_are_on_unless_somebody_says_otherwise(given, expected):
    program = "import os, sys, xlm_tf; print('tensorflow' in sys.modules)\n"
    program += f"print(os.environ.get({onednn.VARIABLE!r}))"
    assert run(program, given).stdout.split() == ["False", expected]


@pytest.mark.parametrize("given", [None, "0", "1"])
def test_a_warning_where_tensorflow_came_first(given):
    program = """
import keras, xlm_tf
from xlm_tf import onednn
onednn.processor_instructions = lambda: {"avx2", "sse"}
for _ in range(2):
    xlm_tf.XLMTextClassifier.from_preset("xlm_tiny", num_classes=2)
"""
    count = run(program, given).stderr.count("Import xlm_tf first")
    assert count == (IS_X86 and given is None)


@pytest.mark.parametrize(
    ("instructions", "has_gpu", "count"),
    [
        ({"avx2"}, False, 1),
        ({"avx2"}, True, 0),
        ({"avx2", "avx512_vnni"}, False, 0),
        ({"sse2"}, False, 0),
        (set(), False, 0),
    ],
)
def test_where_they_are_missed(monkeypatch, instructions, has_gpu, count):
    monkeypatch.setattr(onednn, "processor_instructions", lambda: instructions)
    monkeypatch.setattr(onednn._Kernels, "came_late", True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        onednn.warn_if_late(has_gpu)
        onednn.warn_if_late(has_gpu)
    assert len(caught) == count


def test_instructions_of_this_processor():
    instructions = onednn.processor_instructions()
    assert all(isinstance(name, str) for name in instructions)
    assert instructions or not Path("/proc/cpuinfo").exists()
