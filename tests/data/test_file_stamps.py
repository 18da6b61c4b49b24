import os

import pytest

from xlm_tf.data.file_stamps import file_stamps


def test_a_change_of_any_file_is_told(tmp_path):
    (tmp_path / "model" / "assets").mkdir(parents=True)
    files = [tmp_path / x for x in ("a.txt", "model/config", "model/assets/vocabulary")]
    for file in files:
        file.write_text("before")
    paths = [str(files[0]), tmp_path / "model"]
    stamps = file_stamps(paths)
    assert sorted(stamps) == sorted(map(str, files))
    for file in files:
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
        changed = file_stamps(paths)
        assert {x for x in stamps if stamps[x] != changed[x]} == {str(file)}
        stamps = changed
    files[1].unlink()
    assert str(files[1]) not in file_stamps(paths)


def test_a_file_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.txt"):
        file_stamps([tmp_path / "gone.txt"])
