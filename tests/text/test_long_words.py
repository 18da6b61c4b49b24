"""Long texts, whose words are cut."""

import tensorflow as tf

from xlm_tf.text.long_words import LONG_TEXT, LONG_WORD, cut_long_words


def test_words_of_long_texts_are_cut():
    long_word = "x" * (LONG_WORD - 2)  # with the space before it
    texts = [
        "x" * LONG_TEXT,  # not yet long
        "x" * (LONG_TEXT + 1),
        "fox " + " ".join([long_word] * 30),
        "é" * LONG_TEXT,
    ]
    whole, cut, of_words, of_letters = (
        text.decode() for text in cut_long_words(tf.constant(texts)).numpy()
    )
    assert whole == texts[0]
    assert cut == " ".join(["x" * LONG_WORD] * 20 + ["x"])
    assert of_words == texts[2]
    assert of_letters.split() == ["é" * LONG_WORD] * 20
