"""Noise on the words of texts, which a denoising objective takes out again.

All are pure functions of texts as words, a ragged int32 tensor (N, words, tokens), and
a seed, int (2,).
"""

import tensorflow as tf


def as_words(ids, starts):
    """Tokens -> words.

    Args:
        ids: RaggedTensor (N, None).
        starts: bool tensor (M,), which of all tokens begin a word; the first of every
            text does.

    Returns:
        RaggedTensor (N, None, None).
    """
    words = tf.RaggedTensor.from_row_starts(
        ids.values, tf.where(starts)[:, 0], validate=False
    )
    counts = tf.reduce_sum(tf.cast(ids.with_values(starts), "int64"), axis=1)
    return tf.RaggedTensor.from_row_lengths(words, counts, validate=False)


def as_tokens(words):
    """Words -> tokens, RaggedTensor (N, None)."""
    return words.merge_dims(1, 2)


def shuffle_words(words, distance, seed):
    """Move words by less than `distance` places, the order of i + U(0, distance).

    Args:
        words: RaggedTensor (N, None, None).
        distance: float; up to 1 changes nothing.
        seed: int tensor (2,).

    Returns:
        RaggedTensor (N, None, None).

    Source: Lample et al. 2018 (arXiv 1711.00043), section 2.3.
    """
    rows = words.value_rowids()
    places = tf.cast(tf.ragged.range(words.row_lengths()).values, "float64")
    noise = tf.random.stateless_uniform(tf.shape(rows), seed, dtype="float64")
    # Texts stay behind one another: a text's first place is beyond those before it.
    ends = tf.cast(words.row_starts(), "float64") + distance * tf.range(
        tf.cast(words.nrows(), "float64"), dtype="float64"
    )
    keys = tf.gather(ends, rows) + places + noise * distance
    return words.with_values(tf.gather(words.values, tf.argsort(keys, stable=True)))


def drop_words(words, rate, seed):
    """Leave out a share of the words; one of every text stays.

    Args:
        words: RaggedTensor (N, None, None).
        rate: float.
        seed: int tensor (2,).

    Returns:
        RaggedTensor (N, None, None).
    """
    rows = words.value_rowids()
    draws = tf.random.stateless_uniform(tf.shape(rows), seed)
    highest = tf.math.unsorted_segment_max(draws, rows, words.nrows())
    kept = (draws >= rate) | (draws == tf.gather(highest, rows))
    return tf.ragged.boolean_mask(words, words.with_values(kept))


def blank_words(words, rate, mask_token_id, seed):
    """Put the mask in place of every token of a share of the words.

    Args:
        words: RaggedTensor (N, None, None).
        rate: float.
        mask_token_id: int.
        seed: int tensor (2,).

    Returns:
        RaggedTensor (N, None, None).
    """
    inner = words.values
    draws = tf.random.stateless_uniform(tf.shape(inner.row_lengths()), seed)
    blank = tf.repeat(draws < rate, inner.row_lengths())
    tokens = tf.where(blank, mask_token_id, inner.values)
    return words.with_values(inner.with_values(tokens))


def infill_spans(words, rate, length, mask_token_id, seed):
    """Put one mask in place of whole spans of words; some masks stand for none.

    Spans have Poisson-distributed lengths and begin anywhere; those that touch are one.

    Args:
        words: RaggedTensor (N, None, None).
        rate: float, about the share of the words that is masked.
        length: float, mean length of a span in words.
        mask_token_id: int.
        seed: int tensor (2,).

    Returns:
        RaggedTensor (N, None, None), whose words begin with the masks before them.

    Source: Lewis et al. 2020 (arXiv 1910.13461), section 2.2; Liu et al. 2020 (arXiv
    2001.08210), section 2.2.
    """
    inner, rows = words.values, words.value_rowids()
    count = tf.shape(rows, "int64")  # (1,)
    draws = tf.random.stateless_uniform(count, seed)
    begins = draws < rate / length
    lengths = tf.random.stateless_poisson(count, seed + 1, length, dtype="int64")
    place = tf.range(count[0])
    ends = tf.minimum(place + lengths, tf.gather(words.row_limits(), rows))
    # How many spans a word lies in: those begun less those ended.
    opened = tf.cast(begins, "int64")
    closed = tf.math.unsorted_segment_sum(opened, ends, count[0] + 1)[:-1]
    is_covered = tf.cumsum(opened - closed) > 0
    is_first = place == tf.gather(words.row_starts(), rows)
    before = tf.concat([[False], is_covered], axis=0)[:-1] & ~is_first
    is_marked = (is_covered & ~before) | (begins & (lengths == 0) & ~is_covered)
    marks = tf.RaggedTensor.from_row_lengths(
        tf.fill((tf.math.count_nonzero(is_marked),), mask_token_id),
        tf.cast(is_marked, "int64"),
        validate=False,
    )
    tokens = tf.boolean_mask(inner.values, tf.repeat(~is_covered, inner.row_lengths()))
    kept = tf.RaggedTensor.from_row_lengths(
        tokens,
        inner.row_lengths() * tf.cast(~is_covered, "int64"),
        validate=False,
    )
    return words.with_values(tf.concat([marks, kept], axis=1))
