"""Special tokens in a text, around which it is read."""

import tensorflow as tf

from xlm_tf.text.special_tokens import encode_around, pattern, tokenize_around

TOKENS = {"<mask>": 9, "<ma": 8}


def lengths(texts):
    """Stands for a tokenizer: the length of a text that is not empty."""
    sizes = tf.RaggedTensor.from_tensor(tf.strings.length(texts)[:, None])
    return tf.ragged.boolean_mask(sizes, sizes > 0)


def test_the_longest_token_is_found():
    assert pattern(TOKENS) == "<mask>|<ma"


def test_texts_are_read_in_parts_around_them():
    texts = ["fox", "a<mask>dog", "<mab"]
    expected = [[3], [1, 9, 3], [8, 1]]
    ids = tokenize_around(tf.constant(texts), TOKENS, lengths)
    assert ids.to_list() == expected
    for text, row in zip(texts, expected, strict=True):
        assert encode_around(text, TOKENS, lambda x: [len(x)] if x else []) == row
