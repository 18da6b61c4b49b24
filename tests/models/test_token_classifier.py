"""Words have labels, texts have entities."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import xlm_tf

SENTENCES = [
    ["The", "quick", "fox", "jumps", "."],
    ["敏", "捷", "的"],
    [],
    ["", "\u200b", "ленивую"],
]
TAGS = [
    ["O", "B-PER", "I-PER", "O", "O"],
    ["B-PER", "I-PER", "O"],
    [],
    ["O", "O", "B-PER"],
]
LABELS = ["O", "B-PER", "I-PER"]


@pytest.fixture
def make_tagger(make_backbone, tokenizer):
    def make(labels=LABELS, sequence_length=32, **arguments):
        preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, sequence_length)
        return xlm_tf.XLMTokenClassifier(
            make_backbone(num_layers=1, **arguments),
            labels=labels,
            preprocessor=preprocessor,
            dropout=0.0,
        )

    return make


@pytest.fixture
def tagger(make_tagger):
    return make_tagger()


def test_labels_stand_at_the_first_tokens(tagger, tokenizer):
    words = tf.ragged.constant(SENTENCES)
    labels = tf.ragged.constant([[0, 1, 2, 0, 0], [1, 2, 0], [], [0, 0, 1]])
    inputs, y, weights = tagger.preprocessor({"words": words}, labels)
    for row, sentence in enumerate(SENTENCES):
        at, expected = 1, []
        for word, label in zip(sentence, labels[row].numpy(), strict=True):
            ids = tokenizer([word])[0].numpy().tolist() or [tokenizer.unk_token_id]
            assert inputs["token_ids"][row, at : at + len(ids)].numpy().tolist() == ids
            expected.append((at, label))
            at += len(ids)
        places = np.flatnonzero(weights[row].numpy())
        assert [(i, y.numpy()[row, i]) for i in places] == expected
        assert inputs["token_ids"][row, at] == tokenizer.end_token_id
    per_word = tf.ragged.constant([[2.0, 0, 1, 1, 1], [1.0, 1, 1], [], [0.0, 0, 3]])
    _, _, weighed = tagger.preprocessor({"words": words}, labels, per_word)
    assert weighed.numpy().sum(1).tolist() == [5, 3, 0, 3]


@pytest.mark.slow
def test_it_learns_words_and_tags_them(tagger):
    tagger.compile(optimizer=keras.optimizers.Adam(0.02))
    tagger.fit(SENTENCES, TAGS, epochs=25, verbose=0)
    assert tagger.tag_words(SENTENCES) == TAGS
    data = {"words": tf.ragged.constant(SENTENCES)}, tf.ragged.constant(TAGS)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(3)
    assert tagger.evaluate(dataset, verbose=0) < 0.1
    assert tagger.evaluate({"words": SENTENCES}, TAGS, verbose=0) < 0.1
    (entities, chinese, nothing) = tagger.tag(["The quick fox jumps.", "敏捷的", ""])
    assert [(x["type"], x["text"]) for x in entities] == [("PER", "quick fox")]
    assert [(x["text"], x["start"], x["end"]) for x in chinese] == [("敏捷", 0, 2)]
    assert nothing == []
    assert 0.3 < entities[0]["score"] <= 1
    text = "🦊é (quick) fox"
    for entity in tagger.tag(text)[0]:
        assert text[entity["start"] : entity["end"]] == entity["text"]


def test_a_long_text_is_read_in_windows(make_tagger):
    tagger = make_tagger(sequence_length=12)
    words = [["fox", "dog", "lazy", "quick"] * 20, ["fox"]]
    inputs, places = tagger.preprocessor.pack_windows(tf.ragged.constant(words))
    assert inputs["token_ids"].shape[1] <= 12
    # Every word in one window alone, with all of its tokens.
    numbers = np.unique(places.numpy())
    assert numbers.tolist() == list(range(-1, 81))
    one = tagger.word_probabilities(words)
    assert [len(x) for x in one] == [80, 1]
    # A window by itself says the same of the words that are its own.
    logits = tagger({name: x[1:2] for name, x in inputs.items()}).numpy()[0]
    own = places.numpy()[1][: len(logits)]
    first = np.flatnonzero((own >= 0) & (np.diff(own, prepend=-2) != 0))[0]
    expected = np.exp(logits[first]) / np.exp(logits[first]).sum()
    np.testing.assert_allclose(one[0][own[first]], expected, rtol=1e-4)
    for size in (1, 7):  # windows at once
        np.testing.assert_allclose(
            tagger.word_probabilities(words, batch_size=size)[0], one[0], rtol=1e-3
        )


def test_what_a_word_is_told_of_its_tokens(tagger):
    words = [["jumps", "quick"]]
    inputs, places = tagger.preprocessor.pack_windows(tf.ragged.constant(words))
    logits = tagger(inputs).numpy()[0]
    tokens = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    own = tokens[places.numpy()[0] == 0]
    assert len(own) > 1  # several tokens
    expected = {
        "first": own[0],
        "mean": own.mean(0),
        "max": own[own.max(-1).argmax()],
    }
    for aggregation, probabilities in expected.items():
        found = tagger.word_probabilities(words, aggregation)[0][0]
        np.testing.assert_allclose(found, probabilities, rtol=1e-4)
    with pytest.raises(ValueError, match="must be one of"):
        tagger.tag("x", aggregation="sum")


def test_labels_that_are_no_entities(make_tagger):
    tagger = make_tagger(labels=["NOUN", "VERB"])
    found = tagger.tag("fox jumps.")[0]
    assert [x["text"] for x in found] == ["fox", "jumps", "."]
    assert {x["type"] for x in found} <= {"NOUN", "VERB"}


def test_new_weights_are_seen(tagger):
    before = tagger.word_probabilities([["fox"]])
    tagger.logits_dense.bias.assign([5.0, 0.0, 0.0])
    assert tagger.tag_words([["fox"]]) == [["O"]]
    tagger.enable_lora(2)
    after = tagger.word_probabilities([["fox"]])
    assert not np.allclose(before[0], after[0])


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("raw text", "list of lists of words"),
        (["raw text"], "raw texts are for `tag`. Row 0"),
        ([["a"], "b"], "Row 1 is 'b'"),
        ([["a", 1]], "Every word must be a str. Row 0 holds 1"),
    ],
)
def test_what_is_no_words_is_refused(tagger, sentences, message):
    with pytest.raises(ValueError, match=message):
        tagger.tag_words(sentences)


def test_a_label_that_is_none_and_words_without_labels(tagger):
    with pytest.raises(ValueError, match=r"Row 1 of `y` is 'B-LOC'"):
        tagger.fit(SENTENCES[:2], [["O"] * 5, ["B-LOC", "O", "O"]], verbose=0)
    with pytest.raises(ValueError, match="leave `language` out"):
        tagger.tag_words([["a"]], language="en")


@pytest.mark.parametrize(
    ("x", "y", "arguments", "message"),
    [
        (SENTENCES, [*TAGS[:3], ["O"] * 2], {}, "`y` must hold one .* Row 3 has 2 for"),
        (SENTENCES, TAGS, {"sample_weight": [[1.0]] * 3 + [[1, 1]]}, "Row 0 has 1 for"),
        (
            {"words": SENTENCES, "id": ["a"] * 4},
            TAGS,
            {},
            r"Received: \['id', 'words'\]",
        ),
    ],
)
def test_what_does_not_fit_the_words_is_refused(tagger, x, y, arguments, message):
    tagger.compile()
    with pytest.raises(ValueError, match=message):
        tagger.fit(x, y, verbose=0, **arguments)


@pytest.mark.slow
def test_every_form_of_words_is_the_same(tagger):
    tagger.compile()
    weights = [[2.0, 0, 1, 1, 1], [1, 1, 1], [], [0.0, 0, 3]]
    expected = tagger.evaluate(SENTENCES, TAGS, sample_weight=weights, verbose=0)
    columns = pd.DataFrame({"words": SENTENCES, "tags": TAGS}, index=[3, 5, 7, 9])
    parts = tuple(map(tf.ragged.constant, (SENTENCES, TAGS, weights)))
    dataset = tf.data.Dataset.from_tensor_slices(parts).batch(4)
    assert tagger.evaluate(dataset, verbose=0) == pytest.approx(expected)
    found = tagger.evaluate(
        columns["words"], columns["tags"], sample_weight=weights, verbose=0
    )
    assert found == pytest.approx(expected)
    assert expected != pytest.approx(tagger.evaluate(SENTENCES, TAGS, verbose=0))
    short = parts[0], tf.ragged.constant([["O"] * 4, *TAGS[1:]])
    dataset = tf.data.Dataset.from_tensor_slices(short).batch(4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Every word needs one"):
        tagger.evaluate(dataset, verbose=0)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5])
def test_batches_of_no_size(tagger, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a whole number"):
        tagger.tag("A fox", batch_size=batch_size)
