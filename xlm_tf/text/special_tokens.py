"""Special tokens that stand in a text, which is tokenised around them."""

import re

import tensorflow as tf

from xlm_tf.text.long_words import NO_CHARACTER

# Put around special tokens, to split at: in no text that is UTF-8.
_MARK = b"\xff"
_MARKED = _MARK + rb"\1" + _MARK


def pattern(tokens):
    """A regular expression for tokens, of which the longest is found."""
    return "|".join(map(re.escape, sorted(tokens, key=len, reverse=True)))


def tokenize_around(texts, tokens, tokenize):
    """Token ids of texts, read in parts where there are special tokens in them.

    Args:
        texts: string tensor (B,).
        tokens: dict from special tokens, str, to their ids.
        tokenize: function from texts without them, string (B,), to their ids.

    Returns:
        int32 RaggedTensor (B, None).
    """
    has_tokens = texts != tf.strings.regex_replace(texts, pattern(tokens), "")

    def tokenize_apart():
        # A text without such tokens does not depend on its neighbours.
        rows = tf.concat([tf.where(~has_tokens), tf.where(has_tokens)], 0)[:, 0]
        ids = tf.concat(
            [
                tokenize(tf.boolean_mask(texts, ~has_tokens)),
                _tokenize_parts(tf.boolean_mask(texts, has_tokens), tokens, tokenize),
            ],
            axis=0,
        )
        return tf.gather(ids, tf.argsort(rows))

    return tf.cond(tf.reduce_any(has_tokens), tokenize_apart, lambda: tokenize(texts))


def _tokenize_parts(texts, tokens, tokenize):
    # The parts between special tokens are texts of their own, as in the original.
    texts = tf.strings.unicode_transcode(
        texts, "UTF-8", "UTF-8", replacement_char=NO_CHARACTER
    )
    texts = tf.strings.regex_replace(texts, f"({pattern(tokens)})", _MARKED)
    parts = tf.strings.split(texts, _MARK)  # (B, None)
    flat = parts.values
    special = tf.fill(tf.shape(flat), -1)
    for token, token_id in tokens.items():
        special = tf.where(flat == token, token_id, special)
    is_special = special >= 0
    text_ids = tokenize(tf.where(is_special, "", flat))
    special_ids = tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(special, is_special),
        tf.cast(is_special, "int64"),
        validate=False,
    )
    ids = tf.concat([text_ids, special_ids], axis=1)  # (parts, None)
    return parts.with_values(ids).merge_dims(1, 2)


def encode_around(text, tokens, encode):
    """As `tokenize_around`, of one text in Python: str -> list of int."""
    ids = []
    for part in re.split(f"({pattern(tokens)})", text):
        ids += [tokens[part]] if part in tokens else encode(part)
    return ids
