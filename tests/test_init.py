"""What `import xlm_tf` does to a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = "import os, sys, xlm_tf; print(os.environ[{!r}], 'tensorflow' in sys.modules)"


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_somebody_says_otherwise(given, expected):
    name = "TF_ENABLE_ONEDNN_OPTS"
    environment = {key: value for key, value in os.environ.items() if key != name}
    if given is not None:
        environment[name] = given
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.split() == [expected, "False"]
