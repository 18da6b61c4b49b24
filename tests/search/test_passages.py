"""Long texts become passages that the model reads whole."""

import numpy as np
import pytest

from xlm_tf.search import passages
from xlm_tf.search.passages import cut_passages


def test_short_texts_stay_whole(embedder, messages):
    cut = cut_passages([*messages, "", " "], embedder.preprocessor)
    assert cut == [[(0, len(text))] for text in [*messages, "", " "]]


@pytest.mark.parametrize("text", ["The file was not found. ", "Быстрая лиса, 狐狸. "])
def test_every_character_of_a_long_text_is_in_a_passage(embedder, text):
    text = text * 50
    ((first, *others),) = cut_passages([text], embedder.preprocessor)
    assert first[0] == 0
    end = first[1]
    for start, stop in others:
        assert start < end < stop  # neighbours overlap
        if " " in text[start:end]:
            assert text[start].isspace()
            assert text[end].isspace()
        end = stop
    assert text[end:].strip() == ""
    tokenizer = embedder.preprocessor.tokenizer
    lengths = [len(tokenizer.encode(text[a:b])) for a, b in [first, *others]]
    assert max(lengths) <= 31  # the room is 30: a piece may be two when it is first
    assert np.mean(lengths[:-1]) > 25


def test_a_text_of_several_parts_is_cut_part_by_part(embedder, monkeypatch):
    monkeypatch.setattr(passages, "_AT_ONCE", 100)
    text = "Nothing was found in any folder of the disk. " * 10
    cut, short = cut_passages([text, "x"], embedder.preprocessor)
    assert short == [(0, 1)]
    covered = np.zeros(len(text), bool)
    for start, end in cut:
        covered[start:end] = True
    lost = "".join(c for c, x in zip(text, covered, strict=True) if not x)
    assert not lost.strip()
