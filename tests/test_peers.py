"""What needs a peer is marked, and no peer can be missing without a word."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


def test_what_needs_a_peer_is_marked():
    files = [
        path
        for path in TESTS.rglob("test_*.py")
        if "pytest.importorskip(" in path.read_text(encoding="utf-8")
        and path != Path(__file__)
    ]
    assert len(files) >= 4
    unmarked = [
        path.name
        for path in files
        if "pytest.mark.parity" not in path.read_text(encoding="utf-8")
    ]
    assert not unmarked, f"{unmarked} would run neither here nor beside the peers."


@pytest.mark.parametrize(
    ("test", "with_peers", "code"),
    [
        ("test_all = lambda: pytest.importorskip('no_such_peer')", True, 1),
        ("pytest.importorskip('no_such_peer')", True, 1),
        ("pytest.importorskip('no_such_peer')", False, 0),
        ("test_no_corpora = lambda: pytest.skip('No corpora here')", True, 0),
    ],
)
def test_a_peer_that_is_missing_is_an_error(tmp_path, test, with_peers, code):
    # The suite's own needs TensorFlow.
    (tmp_path / "conftest.py").write_text(
        "import pytest\nfixed_seed = pytest.fixture(lambda: None)\n"
    )
    (tmp_path / "test_here.py").write_text("def test_other():\n    pass\n")
    (tmp_path / "test_there.py").write_text(f"import pytest\n{test}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "--rootdir", tmp_path, "--confcutdir"]
    command += [tmp_path, "-c", "/dev/null", tmp_path, *["--peers"] * with_peers]
    process = subprocess.run(
        command, cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert process.returncode == code, process.stdout + process.stderr
    assert ("ERROR" in process.stdout) == bool(code), process.stdout
