"""Characters outside of the vocabulary on their way back to text."""

import pytest
import sentencepiece
import tensorflow as tf

import xlm_tf
from xlm_tf.text.unknown_characters import MARK, PLACE, copies_in_order, filled


def ragged(rows):
    return tf.ragged.constant(rows, dtype=tf.string, ragged_rank=1)


def test_places_are_filled_in_order():
    texts = tf.constant([f"a{PLACE} {PLACE}", PLACE, "plain", "", f"{PLACE}{PLACE}b"])
    copies = ragged([["1"], ["2", "3"], ["4"], [], ["5", "6"]])
    marked = [f"a1 {MARK}", "2", "plain", "", "56b"]
    for function in (filled, tf.function(filled)):
        found = function(texts, copies=copies).numpy()
        assert [x.decode() for x in found] == marked
        assert function(texts, mark="").numpy().tolist()[0] == b"a "
    assert filled(tf.constant([], tf.string), copies=ragged([])).shape == (0,)


def test_what_is_copied_where_it_is_clear():
    unknown = ragged([["x", "y"], ["x", "y"], ["x"], ["x", "x"], [], []])
    places = tf.constant([2, 1, 3, 1, 2, 0], "int64")
    found = copies_in_order(unknown, places)
    expected = [[b"x", b"y"], [], [b"x"] * 3, [b"x"], [], []]
    assert found.to_list() == expected


TEXTS = ["fox ₪ dog", "no ₿€ fox", "fox", "", "₪", "<mask> fox ₪"]


def test_sentencepiece_marks_what_it_does_not_know(tokenizer, spm_proto):
    """As the package sentencepiece does, in graph and in Python."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=spm_proto)
    for text in TEXTS[:5]:
        expected = processor.decode(processor.encode(text))
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == expected
        assert tokenizer.detokenize(tokenizer(text)).numpy().decode() == expected
    assert "\u2047" in tokenizer.decode(tokenizer.encode("5 ₪"))
    assert tokenizer.decode(tokenizer.encode("fox ₪"), mark="?") == "fox ?"
    # What is saved is the vocabulary as it was given.
    assert tokenizer.proto == spm_proto


def test_the_parts_are_those_of_the_text(tokenizer):
    parts = tf.function(tokenizer.unknown_parts)(tf.constant(TEXTS))
    found = [[x.decode() for x in row] for row in parts.to_list()]
    assert found == [["₪"], ["₿€"], [], [], ["₪"], ["₪"]]
    ids = tokenizer(TEXTS)
    counts = tf.reduce_sum(tf.cast(ids == tokenizer.unk_token_id, "int64"), axis=1)
    assert counts.numpy().tolist() == parts.row_lengths().numpy().tolist()
    copied = tokenizer.detokenize(ids, copies=parts).numpy()
    assert [x.decode() for x in copied] == [*TEXTS[:5], "fox ₪"]


def test_bytes_that_are_no_text_are_copied_as_text(tokenizer):
    texts = tf.constant([b"\xff\xfe dog", b"dog \xe2\x82", b"\xc3(\xf0\x9f"])
    parts = tokenizer.unknown_parts(texts).flat_values.numpy()
    assert [part.decode() for part in parts] == [
        "\ufffd\ufffd",
        "\ufffd",
        "\ufffd(\ufffd",
    ]


@pytest.mark.parametrize("words", ["whitespace", "moses"])
def test_words_of_byte_pairs(words):
    specials = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokenizer = xlm_tf.XLMBPETokenizer(
        vocabulary=[*specials, "dog</w>", "d", "o", "g", "g</w>"],
        merges=[("d", "o"), ("do", "g</w>")],
        words=words,
    )
    # Moses takes a symbol for a word of its own.
    inside = {"whitespace": "d₪g dog", "moses": "dog €"}[words]
    texts = ["dog ₪ dog", inside, "dog"]
    ids = tokenizer(texts)
    parts = tokenizer.unknown_parts(tf.constant(texts))
    assert [[x.decode() for x in row] for row in parts.to_list()] == [
        ["₪</w>"],
        ["₪" if words == "whitespace" else "€</w>"],
        [],
    ]
    copied = tokenizer.detokenize(ids, copies=parts).numpy()
    assert [x.decode() for x in copied] == texts
    marked = [x.decode() for x in tokenizer.detokenize(ids).numpy()]
    assert marked == [tokenizer.decode(row) for row in ids.to_list()]
    assert marked[0].split() == ["dog", "\u2047", "dog"]
