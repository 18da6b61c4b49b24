"""Words of raw text, and where they stand."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xlm_tf.text.byte_offsets import as_strings, character_offsets
from xlm_tf.text.word_offsets import split_words_with_offsets


def words_of(text):
    words, starts, ends = split_words_with_offsets(tf.constant([text]))
    data = text.encode() if isinstance(text, str) else text
    places = zip(starts.values.numpy(), ends.values.numpy(), strict=True)
    found = [data[start:end] for start, end in places]
    assert found == words.values.numpy().tolist() or b"\0" in data
    return [word.decode("utf-8", "replace") for word in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sioux Falls (South Dakota).", "Sioux|Falls|(|South|Dakota|)|."),
        ("Jean-Paul don't l'Italia 3.5 U.S. x", "Jean-Paul|don't|l'Italia|3.5|U.S.|x"),
        ("乔治在New York。", "乔|治|在|New|York|。"),
        ("ที่นี่", "ที่|นี่"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner within a word
        ("नमस्ते दुनिया।", "नमस्ते|दुनिया|।"),
        (" \u3000 \u00a0\t\n", ""),
        ("", ""),
        ("a\0b", "a|b"),
        (b"ab \xff\xfe cd\xc3", "ab|cd"),
        ("$5 👩 !?", "$|5|👩|!|?"),
    ],
)
def test_words(text, expected):
    assert words_of(text) == expected.split("|") * bool(expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_nothing_that_is_seen_is_lost(texts):
    _, starts, ends = split_words_with_offsets(tf.constant(texts))
    for number, text in enumerate(texts):
        data, begin = text.encode(), 0
        for start, end in zip(
            starts[number].numpy(), ends[number].numpy(), strict=True
        ):
            assert begin <= start < end <= len(data)
            between = data[begin:start].decode()
            assert not any(x.isalnum() for x in between), (text, between)
            begin = end
        assert not any(x.isalnum() for x in data[begin:].decode())


def test_characters_of_bytes():
    text = "aé乔👩b"
    offsets = character_offsets(text)
    for number, character in enumerate(text):
        begin = len(text[:number].encode())
        size = len(character.encode())
        assert set(offsets[begin : begin + size]) == {number}
    assert offsets[-1] == len(text) and len(offsets) == len(text.encode()) + 1
    assert as_strings([b"a\xff", "b"]) == ["a\ufffd", "b"]
