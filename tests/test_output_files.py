"""Files that are there whole, or not at all."""

import errno
import os
import stat

import numpy as np
import pytest

from xlm_tf.output_files import (
    check_new,
    check_output,
    check_room,
    folders_unlocked,
    full_disk_named,
    lock_folder,
    unlock_folder,
    visible_names,
    whole_file,
    whole_folder,
)


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("before")
    with whole_file(path) as partial:
        partial.write_text("after")
        assert path.read_text() == "before"
        assert partial.parent == path.parent
        assert partial.name.startswith(".")
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_stops_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "out.txt"
    path.write_text("before")
    with pytest.raises(error), whole_file(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "before"
    with pytest.raises(error), whole_folder(tmp_path / "folder") as partial:
        partial.mkdir()
        (partial / "half").write_text("x")
        raise error
    assert list(tmp_path.iterdir()) == [path]


def test_an_input_is_no_output(tmp_path):
    path, model = tmp_path / "in.txt", tmp_path / "model"
    path.write_text("x")
    model.mkdir()
    (model / "weights").write_text("x")
    os.symlink(path, tmp_path / "link")
    os.link(path, tmp_path / "hard")
    for output in (path, tmp_path / "link", tmp_path / "hard", model / "weights"):
        with pytest.raises(ValueError, match="another file than what is read"):
            check_output(output, inputs=[path, model])
    check_output(model / "new", inputs=[path, model])
    with pytest.raises(IsADirectoryError):
        check_output(model)
    with pytest.raises(FileNotFoundError, match="no folder"):
        check_output(tmp_path / "absent" / "out.txt")


def test_links_modes_and_devices_stay(tmp_path):
    path, link = tmp_path / "real.txt", tmp_path / "link.txt"
    path.write_text("before")
    path.chmod(0o640)
    os.symlink(path, link)
    with whole_file(link) as partial:
        partial.write_text("after")
    assert link.is_symlink()
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with whole_file("/dev/null") as device:
        device.write_text("x")
    assert not os.path.isfile("/dev/null")


def test_a_folder_is_new(tmp_path):
    with whole_folder(tmp_path / "a" / "b") as partial:
        partial.mkdir()
        (partial / "x").write_text("x")
    assert (tmp_path / "a" / "b" / "x").read_text() == "x"
    with pytest.raises(FileExistsError, match="Choose another"), whole_folder(tmp_path):
        pass


def test_a_folder_is_one_process_alone(tmp_path, lock_elsewhere):
    end = lock_elsewhere(tmp_path)
    for _ in range(2):
        with pytest.raises(ValueError, match="Another process writes to"):
            lock_folder(tmp_path)
    end()  # killed
    lock_folder(tmp_path)
    lock_folder(tmp_path)  # again, by the same process
    assert visible_names(tmp_path) == set()
    unlock_folder(tmp_path)
    lock_elsewhere(tmp_path)
    unlock_folder(tmp_path)
    with pytest.raises(ValueError, match="Another process writes to"):
        lock_folder(tmp_path)


def test_folders_are_unlocked_however_a_function_ends(tmp_path, is_free_elsewhere):
    outer, own, other = (tmp_path / name for name in ("outer", "own", "other"))
    for folder in (outer, own, other):
        folder.mkdir()

    @folders_unlocked()
    def write(error=None):
        lock_folder(own)
        lock_folder(other)
        assert not is_free_elsewhere(own)
        if error is not None:
            raise error

    with folders_unlocked():
        lock_folder(outer)
        write()
        assert is_free_elsewhere(own)
        for error in (KeyboardInterrupt, ValueError):
            with pytest.raises(error):
                write(error)
            assert is_free_elsewhere(own)
            assert is_free_elsewhere(other)
        assert not is_free_elsewhere(outer)
    assert is_free_elsewhere(outer)


def test_a_full_disk_is_said_of_the_file(tmp_path, full_disk):
    path = tmp_path / "big"
    for write in (whole_file, whole_folder):
        with (
            pytest.raises(OSError, match=f"'{path}'") as caught,
            write(path) as partial,
        ):
            if write is whole_folder:
                partial.mkdir()
            file = partial / "file" if write is whole_folder else partial
            file.write_bytes(bytes(200_000))
        assert caught.value.filename == str(path)
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_of_the_file_of_an_array(tmp_path, full_disk):
    path = tmp_path / "big.npy"
    with (
        pytest.raises(OSError, match=f"No space left on device: '{path}'"),
        whole_file(path) as partial,
        open(partial, "wb") as file,
    ):
        np.save(file, np.zeros(100_000))
    assert list(tmp_path.iterdir()) == []
    # Another error without a number is what it was.
    with pytest.raises(OSError, match=r"^no file of bzip2$"), full_disk_named(path):
        raise OSError("no file of bzip2")


def test_room_is_taken_and_given_back(tmp_path, full_disk):
    check_room(tmp_path, 90_000)
    check_room(tmp_path, 0)
    check_room(tmp_path, 250_000, 90_000)  # three files
    path = tmp_path / "model"
    for sizes in ((150_000,), (150_000, 120_000.5)):
        with pytest.raises(OSError, match=f"'{path}'"), full_disk_named(path):
            check_room(tmp_path, *sizes)
    assert list(tmp_path.iterdir()) == []


def test_room_where_it_cannot_be_taken(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, "not by this file system")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    check_room(tmp_path, 1000)
    monkeypatch.delattr(os, "posix_fallocate")
    check_room(tmp_path, 1000)
    with pytest.raises(OSError, match="No space left"):
        check_room(tmp_path, 1 << 60)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_read_only_is_said_before(tmp_path, monkeypatch):
    """As on a file system that is; root may write to any other folder."""
    there = tmp_path / "there.txt"
    there.write_text("x")
    link = tmp_path / "link.txt"
    link.symlink_to(there)
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    for path in (tmp_path / "new.txt", there, link):
        with pytest.raises(PermissionError, match=f"the folder {tmp_path} is read-on"):
            check_output(path)
    for path in (tmp_path / "new", tmp_path / "a" / "b"):
        with pytest.raises(PermissionError, match=f"{path} cannot be written"):
            check_new(path)
    assert {x.name for x in tmp_path.iterdir()} == {"link.txt", "there.txt"}
    check_output(os.devnull)  # nothing is made beside it
    (tmp_path / "inner").mkdir()
    check_output(tmp_path / "inner" / "new.txt")
    check_new(tmp_path / "inner" / "new")
