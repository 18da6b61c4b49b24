"""Translations there and back, of a model with random weights and of a turned text."""

import itertools

import pytest

import xlm_tf
from xlm_tf.evaluation.round_trip_scores import (
    RoundTrip,
    round_trip_scores,
    round_trips,
)

TEXTS = ["The dog", "", "reads small texts now", "  ", "fox"]


@pytest.fixture
def model(make_backbone, tokenizer):
    encoder = make_backbone(num_languages=3, num_layers=1)
    preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
        tokenizer, sequence_length=40, languages=["de", "en", "fr"]
    )
    model = xlm_tf.XLMSeq2SeqLM(xlm_tf.XLMSeq2SeqBackbone(encoder), preprocessor)
    model.compile(sampler="greedy", run_eagerly=True)
    return model


@pytest.fixture
def calls(model, monkeypatch):
    """The languages of every batch, of a model that turns texts round."""
    calls = []

    def generate(texts, source_language, target_language, **others):
        calls.append((source_language, target_language, texts))
        return [text[::-1] for text in texts], [0.0] * len(texts)

    monkeypatch.setattr(model, "generate", generate)
    return calls


def test_each_text_goes_there_and_back(model):
    trips = list(round_trips(model, iter(TEXTS), "en", "de", max_length=5))
    assert [own.text for own in trips] == TEXTS
    there = model.generate(
        TEXTS, source_language="en", target_language="de", max_length=5
    )
    back = model.generate(
        there, source_language="de", target_language="en", max_length=5
    )
    assert [own.translations[0][0] for own in trips] == there
    assert [own.back_translation for own in trips] == back
    assert trips[1] == RoundTrip("", [("", 0.0)], "")


def test_what_comes_back_is_scored(model, calls):
    scores = round_trip_scores(model, TEXTS, "eng", "de_DE")
    assert scores.bleu == pytest.approx(100)
    assert scores.chrf == pytest.approx(100)
    # Empty texts, which would always come back, do not count.
    ((*there, texts), (*back, translations)) = calls
    assert there == ["eng", "de_DE"]
    assert back == ["de_DE", "eng"]
    assert sorted(texts) == sorted(text for text in TEXTS if text.strip())
    assert sorted(translations) == sorted(text[::-1] for text in texts)


def test_the_tokens_counted_are_those_of_the_source(model, calls, monkeypatch):
    monkeypatch.setattr(model.preprocessor, "languages", ["en", "zh"])
    assert round_trip_scores(model, ["我们 很好"], "zh", "en").tokenization == "zh"
    assert round_trip_scores(model, ["We are"], "en", "zh").tokenization == "13a"


def test_texts_are_read_as_they_are_needed(model, calls, monkeypatch):
    monkeypatch.setattr("xlm_tf.models.generation_in_order.WINDOW", 4)
    trips = round_trips(model, (f"dog {i}" for i in itertools.count()), "en", "fr")
    first = list(itertools.islice(trips, 10))
    assert [own.back_translation for own in first] == [f"dog {i}" for i in range(10)]
    assert len(calls) < 10


def test_what_cannot_come_back_is_refused_at_once(model, monkeypatch):
    unread = iter(TEXTS)
    for languages, message in (
        (("en", "xx"), r"both directions, en-xx and xx-en.*writes.*Received: 'xx'"),
        (("xx", "en"), r"both directions.*reads.*Received: 'xx'"),
        (("en", "en_GB"), "needs two languages"),
        (("en", None), "must be a string"),
    ):
        with pytest.raises(ValueError, match=message):
            round_trips(model, unread, *languages)
    assert next(unread) == TEXTS[0]
    with pytest.raises(ValueError, match="none but empty ones"):
        round_trip_scores(model, ["", " "], "en", "de")
    with pytest.raises(ValueError, match="batch_size"):
        round_trip_scores(model, TEXTS, "en", "de", batch_size=0)
    # A model that was trained in one direction.
    monkeypatch.setattr(model.preprocessor, "target_languages", ["de"])
    with pytest.raises(ValueError, match=r"this model writes: de\. Received: 'en'"):
        round_trip_scores(model, TEXTS, "en", "de")
