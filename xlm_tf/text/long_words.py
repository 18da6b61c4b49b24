"""Words without an end in long texts, cut before SentencePiece reads them."""

import tensorflow as tf

# SentencePiece's time grows with the square of the length of a run of unknown
# characters: half a minute for a megabyte of garbage, were words not cut.
LONG_TEXT = 20_000  # bytes
LONG_WORD = 1_000  # characters
_SPACES = [0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x3000]
# In no vocabulary, as invalid UTF-8; U+FFFD would be normalised to a space.
NO_CHARACTER = 0xF0000


def cut_long_words(texts):
    """Put a space after every 1,000 characters without one, in texts that are long.

    Args:
        texts: string tensor (B,).

    Returns:
        string tensor (B,); texts of up to 20,000 bytes are as they were.
    """
    is_long = tf.strings.length(texts) > LONG_TEXT
    return tf.cond(tf.reduce_any(is_long), lambda: _cut(texts, is_long), lambda: texts)


def _cut(texts, is_long):
    rows = tf.where(is_long)  # (L, 1)
    characters = tf.strings.unicode_decode(
        tf.gather_nd(texts, rows), "UTF-8", replacement_char=NO_CHARACTER
    )  # (L, None)
    codes = characters.flat_values
    positions = tf.range(tf.size(codes))
    row = characters.value_rowids()
    begins = tf.concat([[True], row[1:] != row[:-1]], axis=0)  # of a text, or a word
    begins |= tf.reduce_any(codes[:, None] == _SPACES, axis=1)
    word = tf.cumsum(tf.cast(begins, "int32")) - 1
    starts = tf.gather(tf.math.segment_min(positions, word), word)
    is_cut = (positions - starts) % LONG_WORD == LONG_WORD - 1
    # A space, or nothing (-1), after each character.
    after = tf.where(is_cut, 32, -1)
    both = tf.reshape(tf.stack([codes, after], axis=1), [-1])  # (2 characters,)
    both = tf.RaggedTensor.from_row_splits(both, characters.row_splits * 2)
    both = tf.ragged.boolean_mask(both, both >= 0)
    return tf.tensor_scatter_nd_update(
        texts, rows, tf.strings.unicode_encode(both, "UTF-8")
    )
