"""Commands on a cluster: the bytes that they write here, and clear refusals."""

import re
import socket
import subprocess
import sys
import threading
import time

import pytest
import ray.cluster_utils
import yaml

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.cluster import connection


def one_error(capsys):
    """The one line on stderr that a command ends with."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    lines = (f"The {n} dogs <mask> in the {n % 7} gardens." for n in range(300))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_predictions_are_those_of_one_machine(nodes, texts, tmp_path):
    command = ["predict", "xlm_tiny", str(texts)]
    command += ["--batch-size", "1"]  # five blocks
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    assert main([*command, "--output", str(here)]) == 0
    on = ["--cluster", nodes.address, "--workers", "2"]
    assert main([*command, "--output", str(there), *on]) == 0
    assert there.read_bytes() == here.read_bytes()
    assert len(here.read_bytes().splitlines()) == 300


@pytest.mark.slow
def test_a_killed_command_goes_on(nodes, texts, tmp_path, capsys):
    command = ["predict", "xlm_tiny", str(texts), "--batch-size", "1"]
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    assert main([*command, "--output", str(here)]) == 0
    command += ["--output", str(there), "--cluster", nodes.address, "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-m", "xlm_tf.cli", *command])
    blocks = tmp_path / "there.jsonl.unfinished" / "blocks.jsonl"
    while not blocks.exists() or not blocks.read_bytes().endswith(b"\n"):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    capsys.readouterr()
    assert main(command) == 0
    assert "Continuing behind" in capsys.readouterr().err
    assert there.read_bytes() == here.read_bytes()
    assert not blocks.parent.exists()


@pytest.mark.slow
def test_what_workers_refuse_is_said_as_here(nodes, texts, tmp_path, capsys):
    output = tmp_path / "there.jsonl"
    command = ["predict", "xlm_tiny", str(texts), "--output", str(output)]
    assert main([*command, "--language", "xx", "--cluster", nodes.address]) == 2
    there = one_error(capsys)
    assert main([*command, "--language", "xx"]) == 2
    assert there == one_error(capsys)
    assert not output.exists()


@pytest.mark.slow
def test_translations_are_those_of_one_machine(nodes, texts, tmp_path):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    model = xlm_tf.XLMSeq2SeqLM.from_masked_lm(masked_lm, num_decoder_layers=1)
    model.preprocessor.sequence_length = 32
    model.preprocessor.source_languages = ["en"]
    model.preprocessor.target_languages = ["de"]
    model.save_to_preset(tmp_path / "model")
    command = ["translate", "--model", str(tmp_path / "model"), "--max-length", "6"]
    here, there = tmp_path / "here.txt", tmp_path / "there.txt"
    assert main([*command, "--scores", str(texts), "--output", str(here)]) == 0
    command += ["--cluster", nodes.address, "--scores", str(texts)]
    assert main([*command, "--output", str(there)]) == 0
    assert there.read_bytes() == here.read_bytes()
    assert main([*command, "--round-trip"]) == 2


@pytest.mark.slow
def test_prepared_corpora_are_those_of_one_machine(nodes, tmp_path, write_recipe):
    texts = {
        language: [f"{language} {n} {word} {n % 11}" for n in range(5000)]
        for language, word in (("en", "dogs"), ("fr", "chiens"))
    }
    training = {"steps": 2, "evaluate_every": 2, "checkpoint_every": 2}
    recipe = write_recipe(tmp_path, texts, training)
    command = ["prepare", str(recipe), "--output"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main([*command, str(here)]) == 0
    assert main([*command, str(there), "--cluster", nodes.address]) == 0
    names = sorted(path.name for path in here.iterdir())
    assert names == sorted(path.name for path in there.iterdir())
    for name in names:
        # Only when the files were written is another.
        one, other = (
            re.sub(rb'"changed": \d+', b"", (folder / name).read_bytes())
            for folder in (here, there)
        )
        assert one == other, name
    on = ["--cluster", nodes.address, "--threads", "2"]
    assert main([*command, str(tmp_path / "more"), *on]) == 2


@pytest.mark.slow
def test_cleaned_texts_are_those_of_one_machine_and_survive_a_node(tmp_path, capsys):
    lines = [
        f"The {n} dogs of my neighbour bark at cat {n % 97}." for n in range(20_000)
    ]
    lines[::50] = ["Das ist ein deutscher Satz."] * len(lines[::50])
    (tmp_path / "en.txt").write_text("\n".join(lines))
    recipe = {
        "output": "unused",
        "data": {"monolingual": {"en": ["en.txt"]}},
        "rules": {"duplicates": False, "boilerplate": False},
        "rejected": True,
    }
    (tmp_path / "cleaning.yaml").write_text(yaml.safe_dump(recipe))
    command = ["clean", str(tmp_path / "cleaning.yaml"), "--output"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main([*command, str(here), "--processes", "1"]) == 0
    # Of its own: a node of it dies.
    cluster = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2}
    )
    try:
        node = cluster.add_node(num_cpus=2)

        def remove_node():
            while not list(there.glob("unfinished/*.partial")):
                time.sleep(0.05)
            time.sleep(1)
            cluster.remove_node(node, allow_graceful=False)

        thread = threading.Thread(target=remove_node)
        thread.start()
        on = ["--cluster", cluster.address, "--workers", "2"]
        assert main([*command, str(there), *on]) == 0
        thread.join()
    finally:
        cluster.shutdown()
    files = sorted(
        str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()
    )
    assert len(files) == 6
    for name in files:
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    assert "A worker died" in capsys.readouterr().err
    on = ["--cluster", "localhost:9", "--processes", "2"]
    assert main([*command, str(tmp_path / "more"), *on]) == 2
    assert "--processes are of this machine" in one_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "--workers is of a cluster"),
        (["--cluster", "somewhere"], "A cluster is HOST:PORT of its head"),
        (["--cluster", "ray://localhost:10001"], "A cluster is HOST:PORT of its head"),
        (["--cluster", "localhost:99999"], "Nothing answers at localhost:99999"),
        (["--cluster", "localhost:9", "--workers", "0"], "workers must be"),
    ],
)
def test_clusters_that_cannot_be(texts, tmp_path, capsys, arguments, message):
    output = tmp_path / "answers.jsonl"
    command = ["predict", "xlm_tiny", str(texts)]
    try:
        code = main([*command, "--output", str(output), *arguments])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert message in one_error(capsys)
    assert not output.exists()


@pytest.mark.slow
def test_what_answers_and_is_no_cluster(texts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = ["predict", "xlm_tiny", str(texts)]
        output = str(tmp_path / "answers.jsonl")
        assert main([*command, "--output", output, "--cluster", address]) == 2
    assert "There is no Ray cluster to work on at 127.0.0.1" in one_error(capsys)
