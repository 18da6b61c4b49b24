import argparse
import os
import shutil

import pytest

from xlm_tf.cli.finished_blocks import finished_blocks


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in.txt").write_text("a\nb\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("w")
    return str(tmp_path / "out.txt"), [str(tmp_path / x) for x in ("in.txt", "model")]


def run(files, ends_at=None, cluster="here", **arguments):
    """The results of six items, and those that were worked on."""
    worked = []

    def work(item):
        if item == ends_at:
            raise KeyboardInterrupt
        worked.append(item)
        return {"item": item, "score": item / 3}

    args = argparse.Namespace(cluster=cluster, workers=2, **arguments)
    with finished_blocks(args, *files) as results_of:
        results = list(results_of(lambda items: map(work, items), iter(range(6))))
    return results, worked


def test_an_interrupted_command_goes_on(files, tmp_path, capsys):
    expected, worked = run(files)
    assert worked == list(range(6))
    with pytest.raises(KeyboardInterrupt):
        run(files, ends_at=4)
    journal = tmp_path / "out.txt.unfinished" / "blocks.jsonl"
    with open(journal, "a") as file:
        file.write('{"item": 4, "sc')  # its writer was killed
    results, worked = run(files)
    assert results == expected
    assert worked == [4, 5]
    assert capsys.readouterr().err == "Continuing behind 4 parts of the input.\n"
    assert not journal.parent.exists()


def test_input_and_model_may_be_elsewhere(files, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(files, ends_at=4, input=files[1][0], model=files[1][1])
    shutil.copytree(tmp_path, tmp_path / "there")
    there = [str(tmp_path / "there" / name) for name in ("in.txt", "model")]
    output = str(tmp_path / "there" / "out.txt")
    _, worked = run((output, there), input=there[0], model=there[1])
    assert worked == [4, 5]


@pytest.mark.parametrize(
    ("changed", "named"),
    [("in.txt", "input"), ("model/weights", "model.weights"), ("arguments", "top_k")],
)
def test_what_was_done_of_something_else_is_done_anew(
    files, tmp_path, capsys, changed, named
):
    with pytest.raises(KeyboardInterrupt):
        run(files, ends_at=4, top_k=1)
    if changed != "arguments":  # of the same size
        (tmp_path / changed).write_text((tmp_path / changed).read_text().upper())
    _, worked = run(files, top_k=2 if changed == "arguments" else 1)
    assert worked == list(range(6))
    assert capsys.readouterr().err == f"Beginning anew: other {named} than before.\n"


def test_nothing_is_left_where_nothing_was_done(files, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(files, ends_at=0)
    assert not (tmp_path / "out.txt.unfinished").exists()


def test_on_one_machine_and_of_streams_nothing_is_kept(files, tmp_path):
    os.mkfifo(tmp_path / "pipe")  # whose reader would wait for ever
    for output, inputs, cluster in (
        (*files, None),
        (files[0], [str(tmp_path / "pipe"), files[1][1]], "here"),
        ("-", files[1], "here"),
        (files[0], ["-", "model"], "here"),
    ):
        with pytest.raises(KeyboardInterrupt):
            run((output, inputs), ends_at=4, cluster=cluster)
    assert not (tmp_path / "out.txt.unfinished").exists()


def test_two_processes_at_once_are_refused(files, tmp_path, lock_elsewhere):
    folder = tmp_path / "out.txt.unfinished"
    folder.mkdir()
    lock_elsewhere(folder)
    with pytest.raises(ValueError, match="Another process writes to"):
        run(files)
