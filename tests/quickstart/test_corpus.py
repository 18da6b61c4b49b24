"""The messages of the quickstart: those that there were, and none on both sides."""

import subprocess

import pytest

from xlm_tf.data.near_duplicates import group_near_duplicates
from xlm_tf.quickstart import corpus as quickstart_corpus
from xlm_tf.quickstart.corpus import LANGUAGES, is_sentence, read_corpus


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
