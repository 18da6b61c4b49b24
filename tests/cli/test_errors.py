"""What commands say when they cannot go on."""

import errno
import io
import sys

import pytest
import tensorflow as tf
import yaml

from xlm_tf import cli
from xlm_tf.cli import extend, main
from xlm_tf.cli.errors import is_expected, one_line
from xlm_tf.cluster.connection import ClusterError


def raised(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:  # whichever it is
        return error


def check_in_graph():
    @tf.function
    def graph(x):
        tf.debugging.Assert(x > 1, ["The number is too small. Received:", x])
        return x

    graph(tf.constant(0))


EXPECTED = {
    "value": (raised(int, "x"), "invalid literal"),
    "encoding": (raised(b"\xff".decode), "invalid start byte"),
    "file": (raised(open, "/absent/x"), "/absent/x: No such file"),
    "disk": (OSError(errno.ENOSPC, "No space left on device"), "temporary files"),
    "yaml": (raised(yaml.safe_load, "a: [\n"), "line 2, column 1"),
    "memory": (MemoryError(), "MemoryError"),
    "package": (ModuleNotFoundError("No module named 'x'"), "No module named"),
    "check": (raised(check_in_graph), "The number is too small. Received: 0"),
    "tensorflow's file": (
        raised(tf.io.read_file, "/absent/x"),
        "/absent/x; No such file or directory (NotFoundError",
    ),
}
BUGS = {
    "key": raised({}.__getitem__, "x"),
    "attribute": raised(getattr, 3, "x"),
    "type": raised(len, 3),
    "shapes": raised(tf.matmul, tf.zeros((2, 3)), tf.zeros((2, 3))),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_user_can_mend_is_one_line(name):
    error, message = EXPECTED[name]
    assert is_expected(error)
    assert message in one_line(error)
    assert "\n" not in one_line(error)
    assert "{{" not in one_line(error)
    assert "[Op:" not in one_line(error)


@pytest.mark.parametrize("name", BUGS)
def test_bugs_show_where_they_are(name):
    assert not is_expected(BUGS[name])


def run_with(monkeypatch, error, *arguments):
    def run(args):
        raise error

    monkeypatch.setattr(extend, "run", run)
    monkeypatch.setattr(cli, "SUBCOMMANDS", {"extend": "x"})
    return main([*arguments, "extend", "model", "out", "--token", "x"])


def test_the_command_ends_with_it(monkeypatch, capsys):
    assert run_with(monkeypatch, ValueError("two\n\nlines")) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: two lines")
    assert said.count("\n") == 1
    for error in (KeyError("x"), AssertionError()):
        with pytest.raises(type(error)):
            run_with(monkeypatch, error)
    with pytest.raises(ValueError, match="two"):
        run_with(monkeypatch, ValueError("two"), "--debug")
    assert run_with(monkeypatch, KeyboardInterrupt()) == 130
    assert run_with(monkeypatch, BrokenPipeError()) == 141


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (ImportError("no CUDA"), 2)]
)
def test_what_ends_the_start_of_tensorflow(monkeypatch, capsys, error, code):
    def start():
        raise error

    monkeypatch.setattr(cli, "start_tensorflow", start)
    assert cli.main(["pretrain", "recipe.yaml"]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_parser_says_one_line(capsys):
    for arguments in ([], ["extend"], ["nothing"], ["extend", "a", "b", "--tokn", "x"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert "--help)" in said


def test_a_terminal_that_cannot_show_a_character(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    monkeypatch.setattr(extend, "run", lambda args: print("狐") or 0)
    assert main(["extend", "model", "out", "--token", "x"]) == 0
    sys.stdout.flush()
    assert written.getvalue() == b"\\u72d0\n"


def test_a_cluster_that_fails_is_no_bug():
    error = ClusterError("No worker could be had.")
    assert is_expected(error)
    assert one_line(error).startswith("No worker could be had.")
    assert not is_expected(RuntimeError("of another package"))
