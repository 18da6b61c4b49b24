import json
import os
import subprocess
import sys

import pytest

from xlm_tf.cli import main
from xlm_tf.cli.quickstart_corpus import (
    LANGUAGES,
    download_wheels,
    is_sentence,
    read_corpus,
)
from xlm_tf.data.near_duplicates import group_near_duplicates


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The real wheels, from pip's index or its cache."""
    try:
        return download_wheels(tmp_path_factory.mktemp("wheels"))
    except ValueError as error:
        pytest.skip(f"no package index: {error}")


@pytest.fixture(scope="module")
def corpus(wheels):
    return read_corpus(wheels)


@pytest.mark.slow
def test_the_corpus_is_as_large_as_it_was(corpus):
    assert len(corpus.translations) == pytest.approx(6180, rel=0.1)
    sentences = sum(map(is_sentence, corpus.translations))
    assert 0.06 < len(corpus.held_out) / sentences < 0.08
    assert all(map(is_sentence, corpus.held_out))
    for language, count in {"fr": 3645, "zh": 3251, "el": 1544, "th": 769}.items():
        found = len(corpus.sentences(language)) + len(corpus.pairs(language, True))
        assert found == pytest.approx(count, rel=0.1)
    assert all(" %(" not in text or ")" in text for text in corpus.texts("en", True))


@pytest.mark.slow
def test_nothing_held_out_is_in_the_training_text(corpus):
    for language in LANGUAGES:
        train = {target.lower() for _, target in corpus.pairs(language, False)}
        held_out = {target.lower() for _, target in corpus.pairs(language, True)}
        assert not train & held_out
    messages = sorted(corpus.translations)
    groups = group_near_duplicates(messages)
    sides = {}
    for message, group in zip(messages, groups, strict=True):
        sides.setdefault(group, set()).add(message in corpus.held_out)
    assert all(len(both) == 1 for both in sides.values())


@pytest.mark.slow
def test_the_whole_path(wheels, tmp_path):
    output = tmp_path / "results"
    output.mkdir()
    os.symlink(wheels[0].parent, output / "wheels")
    (output / "results.json").write_text(json.dumps({"scale": "tiny", "seconds": {}}))
    command = [sys.executable, "-m", "xlm_tf.cli", "quickstart", "--tiny"]
    process = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    for name in ("8/8", "results.png", "gRPC, 1 text", "int8 TFLite, 1 text"):
        assert name in process.stdout
    results = json.loads((output / "results.json").read_text())
    assert set(results["retrieval"]) == {"random", "pretrained", "finetuned"}
    for stage in results["retrieval"].values():
        assert set(stage) == set(LANGUAGES)
        assert all(row["candidates"] >= 200 for row in stage.values())
    assert len(results["routing"]) == 15
    for artefact, num_bytes in results["artefacts"].values():
        assert (output / artefact).exists()
        assert num_bytes > 1000
    report = (output / "report.md").read_text()
    assert "| fr |" in report
    assert "Zero-shot routing" in report
    assert (output / "results.png").stat().st_size > 30_000
    # Started again, everything is there: nothing is trained twice.
    before = (output / "embedder" / "model.weights.h5").stat().st_mtime_ns
    again = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr[-3000:]
    assert (output / "embedder" / "model.weights.h5").stat().st_mtime_ns == before


def test_a_folder_of_something_else_is_kept(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert "is no folder of a quickstart" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_another_scale_is_refused(tmp_path, capsys):
    (tmp_path / "results.json").write_text(json.dumps({"scale": "tiny", "seconds": {}}))
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert "holds a tiny run" in capsys.readouterr().err
