"""The command of the quickstart: what it refuses before it begins."""

import pytest

from xlm_tf.cli import main


@pytest.mark.parametrize("name", ["results [1]", "what?", "all*"])
def test_paths_that_are_patterns_are_refused_first(tmp_path, capsys, name):
    assert main(["quickstart", "--output", str(tmp_path / name / "results")]) == 2
    assert "in a path without" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_an_error_of_the_command(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert "is no folder of a quickstart" in capsys.readouterr().err
