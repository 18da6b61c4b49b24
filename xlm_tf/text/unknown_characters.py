"""What a text that is written back holds for characters outside of the vocabulary.

Of such a character a model knows no more than that there was one: `<unk>`. A tokenizer
puts a place there, and `filled` puts something into the place: a copy from another
text, or a mark.
"""

import tensorflow as tf

# What sentencepiece writes: a double question mark between spaces.
MARK = " \u2047 "
# Of private use, and in no vocabulary.
PLACE = "\U000f0002"


def filled(texts, mark=MARK, copies=None):
    """Texts with something in the place of every unknown character.

    Args:
        texts: string tensor (B,), with `PLACE` where unknown characters were.
        mark: str, what stands for one of which no copy is given; "" leaves it out.
        copies: string RaggedTensor (B, None), of every text what stood in its first
            places, in order.

    Returns:
        string tensor (B,).
    """
    if copies is None:
        return tf.strings.regex_replace(texts, PLACE, mark)
    # With a place at the end: every text has one part before each place.
    parts = tf.strings.split(tf.strings.join([texts, PLACE]), PLACE)[:, :-1]
    num_places = parts.row_lengths() - 1  # (B,)
    position = tf.ragged.range(copies.row_lengths())
    copies = tf.ragged.boolean_mask(copies, position < num_places[:, None])
    num_marks = num_places - copies.row_lengths()
    marks = tf.RaggedTensor.from_row_lengths(
        tf.fill([tf.reduce_sum(num_marks)], mark), num_marks, validate=False
    )
    end = tf.RaggedTensor.from_tensor(tf.fill([tf.size(texts), 1], ""))
    fillings = tf.concat([copies, marks, end], axis=1)  # (B, places + 1)
    pieces = tf.strings.join([parts.flat_values, fillings.flat_values])
    return tf.strings.reduce_join(parts.with_flat_values(pieces), axis=1)


def copies_in_order(unknown, num_places):
    """What to copy into the places of a text that was made from another one.

    The other text's unknown characters, in order, where it has as many as there are
    places; its one, into every place, where all of them are the same. Otherwise
    nothing: a mark is better than a wrong character.

    Args:
        unknown: string RaggedTensor (B, None), the unknown characters of the others.
        num_places: int64 tensor (B,).

    Returns:
        string RaggedTensor (B, None).
    """
    num_unknown = unknown.row_lengths()  # (B,)
    rows = unknown.value_rowids()
    first = tf.gather(unknown.row_starts(), rows)  # of the text of each
    is_other = tf.cast(unknown.values != tf.gather(unknown.values, first), "int64")
    num_others = tf.math.unsorted_segment_sum(is_other, rows, unknown.nrows())
    is_one = (num_unknown > 0) & (num_others == 0)
    fits = (num_unknown == num_places) | is_one
    lengths = tf.where(fits, num_places, 0)
    place = tf.ragged.range(lengths)  # (B, None)
    index = tf.where(
        tf.gather(is_one, place.value_rowids()),
        tf.zeros_like(place.values),
        place.values,
    )
    index += tf.gather(unknown.row_starts(), place.value_rowids())
    return place.with_values(tf.gather(unknown.values, index))
