import json
import os
import subprocess
import sys

import pytest

from xlm_tf.cli import main, quickstart_corpus
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
    output = tmp_path / "my results"
    output.mkdir()
    os.symlink(wheels[0].parent, output / "wheels")
    command = [sys.executable, "-m", "xlm_tf.cli", "quickstart", "--tiny"]
    process = subprocess.run(
        [*command, "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    for name in ("9/9", "results.png", "gRPC, 1 text", "int8 TFLite, 1 text"):
        assert name in process.stdout
    results = json.loads((output / "results.json").read_text())
    assert set(results["retrieval"]) == {"random", "pretrained", "scratch", "finetuned"}
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


@pytest.mark.parametrize("name", ["results [1]", "what?", "all*"])
def test_paths_that_are_patterns_are_refused_first(tmp_path, capsys, name):
    assert main(["quickstart", "--output", str(tmp_path / name / "results")]) == 2
    assert "in a path without" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_kept(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert "is no folder of a quickstart" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"scale": "tiny", "seconds": {}}, "holds a tiny run"),
        ({"scale": "full", "seconds": {}}, "of another version"),
        ({"scale": "full", "made_with": {"version": 2}}, "of another version"),
        ([], "is no folder of a quickstart"),
        ('{"scale": "full', "is no folder of a quickstart"),
    ],
)
def test_other_results_are_refused_and_kept(tmp_path, capsys, content, message):
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "results.json").write_text(text)
    assert main(["quickstart", "--output", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]
    assert (tmp_path / "results.json").read_text() == text


def test_wheels_of_other_releases_are_no_part_of_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(quickstart_corpus, "WHEELS", {"a-b": "1.0", "c": "2.1"})
    for name in ("a_b-1.0-py3-none-any.whl", "c-2.0-py3-none-any.whl"):
        (tmp_path / name).touch()
    asked = []

    def download(command, **arguments):
        asked.append(command)
        (tmp_path / "c-2.1-py3-none-any.whl").touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", download)
    for _ in range(2):
        names = [wheel.name for wheel in quickstart_corpus.download_wheels(tmp_path)]
        assert names == ["a_b-1.0-py3-none-any.whl", "c-2.1-py3-none-any.whl"]
    assert len(asked) == 1
    assert asked[0][-2:] == ["a-b==1.0", "c==2.1"]
