"""`xlm-tf collect`, as it is called."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from tests.collecting.test_collect import write_inputs
from xlm_tf.cli import main


def test_the_command_starts_without_tensorflow(tmp_path):
    inputs = write_inputs(tmp_path / "in")
    program = (
        "import sys; from xlm_tf.cli import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    arguments = [*inputs, "--output", tmp_path / "out", "--processes", "1"]
    ended = subprocess.run(
        [sys.executable, "-c", program, "collect", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout == (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    with gzip.open(tmp_path / "out" / "documents.jsonl.gz", "rt") as file:
        assert len([json.loads(line) for line in file]) == 8


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["absent.warc.gz"], "There is no file or folder absent.warc.gz"),
        (["dump.xml", "--languages", "en,tlh"], "tlh is not one"),
        (["dump.xml", "--processes", "0"], "processes"),
        (["dump.xml", "--min-characters", "x"], "min_characters"),
        (["notes.txt"], "notes.txt is another kind of file. Expected WARC"),
    ],
)
def test_what_is_refused_in_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    write_inputs(tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("Notes.")
    monkeypatch.chdir(tmp_path / "in")
    try:
        code = main(["collect", *arguments, "--output", "../out"])
    except SystemExit as error:
        code = error.code
    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_cut_file_is_a_warning(tmp_path, capsys):
    path = write_inputs(tmp_path / "in")[0]
    path.write_bytes(path.read_bytes()[:-50])
    arguments = ["collect", str(path), "--output", str(tmp_path / "out"), "--quiet"]
    assert main([*arguments, "--processes", "1"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"warning: {path}, before byte ")
    assert "## Damaged files" in (tmp_path / "out" / "report.md").read_text()
