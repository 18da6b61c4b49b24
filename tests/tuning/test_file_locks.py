import fcntl
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from xlm_tf.tuning import file_locks
from xlm_tf.tuning.file_locks import is_held, locked


def _locking(descriptor, mode, size):
    """What `msvcrt.locking` does: a byte of the file, or a PermissionError."""
    assert (mode, size) == ("now", 1)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError("Permission denied") from error


@pytest.fixture(params=["posix", "windows"])
def system(request, monkeypatch):
    if request.param == "windows":
        fake = SimpleNamespace(locking=_locking, LK_NBLCK="now")
        monkeypatch.setattr(file_locks, "fcntl", None)
        monkeypatch.setattr(file_locks, "msvcrt", fake, raising=False)


@pytest.mark.usefixtures("system")
def test_a_file_is_held_until_the_block_ends(tmp_path):
    path = tmp_path / "lock"
    with locked(path):
        assert is_held(path)
    assert not is_held(path)
    with pytest.raises(KeyError), locked(path):
        raise KeyError
    assert not is_held(path)


@pytest.mark.usefixtures("system")
def test_who_comes_later_waits(tmp_path):
    path, order = tmp_path / "lock", []

    def second():
        with locked(path):
            order.append("second")

    with locked(path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_without_locks_of_posix_the_module_is_imported(tmp_path):
    (tmp_path / "fcntl.py").write_text("raise ImportError\n")
    (tmp_path / "msvcrt.py").write_text("")
    program = "import xlm_tf.tuning.file_locks as own; assert own.fcntl is None"
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"
    subprocess.run([sys.executable, "-c", path], check=True)
