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
    return cut_long_words_with_offsets(texts)[0]


def cut_long_words_with_offsets(texts):
    """As `cut_long_words`, and the way back to the bytes of the texts as they were.

    Args:
        texts: string tensor (B,).

    Returns:
        `(cut, original)`: string tensor (B,), and a function from bytes of the cut
        texts, an int32 RaggedTensor (B, None), to those of `texts`. That of a space
        that was put in is the byte after it.
    """
    is_long = tf.strings.length(texts) > LONG_TEXT
    any_long = tf.reduce_any(is_long)
    cut = tf.cond(any_long, lambda: _cut(texts, is_long), lambda: texts)

    def original(offsets):
        flat = tf.cond(
            any_long,
            lambda: _original_offsets(texts, is_long, offsets),
            lambda: offsets.flat_values,
        )
        return offsets.with_flat_values(flat)

    return cut, original


def _cut(texts, is_long):
    rows = tf.where(is_long)  # (L, 1)
    characters, _, is_cut = _characters(tf.gather_nd(texts, rows))  # (L, None)
    # A space, or nothing (-1), after each character.
    after = tf.where(is_cut, 32, -1)
    both = tf.stack([characters.flat_values, after], axis=1)  # (characters, 2)
    both = tf.RaggedTensor.from_row_splits(
        tf.reshape(both, [-1]), characters.row_splits * 2, validate=False
    )
    both = tf.ragged.boolean_mask(both, both >= 0)
    return tf.tensor_scatter_nd_update(
        texts, rows, tf.strings.unicode_encode(both, "UTF-8")
    )


def _original_offsets(texts, is_long, offsets):
    characters, starts, is_cut = _characters(texts)  # (B, None)
    codes = characters.flat_values
    sizes = 1 + sum(tf.cast(codes >= x, "int32") for x in (0x80, 0x800, 0x10000))
    sizes = characters.with_flat_values(sizes + tf.cast(is_cut, "int32"))
    # Where every character, and the end, stands in the cut text and in the text.
    totals = tf.reduce_sum(sizes, axis=1)
    places = tf.cumsum(sizes.flat_values, exclusive=True)
    places -= tf.gather(tf.cumsum(totals, exclusive=True), characters.value_rowids())
    places = tf.concat([characters.with_flat_values(places), totals[:, None]], axis=1)
    ends = tf.strings.length(texts)[:, None]
    starts = tf.concat([starts, ends], axis=1)
    # One search in all texts, one after the other.
    width = tf.cast(tf.reduce_max(totals) + 1, "int64")

    def in_order(x):
        return x.value_rowids() * width + tf.cast(x.flat_values, "int64")

    found = tf.gather(
        starts.flat_values, tf.searchsorted(in_order(places), in_order(offsets))
    )
    is_of_long = tf.gather(is_long, offsets.value_rowids())
    return tf.where(is_of_long, found, offsets.flat_values)


def _characters(texts):
    """Code points and their bytes (B, None), and whether a space is put after each."""
    characters, starts = tf.strings.unicode_decode_with_offsets(
        texts, "UTF-8", replacement_char=NO_CHARACTER
    )
    codes = characters.flat_values
    positions = tf.range(tf.size(codes))
    row = characters.value_rowids()
    begins = tf.concat([[True], row[1:] != row[:-1]], axis=0)  # of a text, or a word
    begins |= tf.reduce_any(codes[:, None] == _SPACES, axis=1)
    word = tf.cumsum(tf.cast(begins, "int32")) - 1
    word_starts = tf.gather(tf.math.segment_min(positions, word), word)
    is_cut = (positions - word_starts) % LONG_WORD == LONG_WORD - 1
    starts = starts.with_flat_values(tf.cast(starts.flat_values, "int32"))
    return characters, starts, is_cut
