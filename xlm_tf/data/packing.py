"""Several sentences in one row, so that no step is spent on padding."""

import functools

import tensorflow as tf

FEATURES = ("token_ids", "language_ids", "position_ids")


def pack(segments, sequence_length, seed):
    """Pack ragged segments into rows, first fit decreasing.

    Segments are placed from the longest to the shortest, each into the first row that
    still has room. Rows come out in a random order, fixed by `seed`.

    Args:
        segments: dict of `token_ids`, `language_ids` and `position_ids`, int32
            RaggedTensors (N, None) with equal row lengths, none longer than
            `sequence_length`. Empty segments are left out.
        sequence_length: int, T.
        seed: int tensor (2,), of the order of the rows.

    Returns:
        dict of the three as int32 (R, T), `segment_ids` int32 (R, T) (1, 2, ... within
        a row, 0 = padding) and `padding_mask` bool (R, T).

    Raises:
        tf.errors.InvalidArgumentError: a segment longer than `sequence_length`.
    """
    lengths = tf.cast(segments["token_ids"].row_lengths(), "int32")  # (N,)
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    order = tf.boolean_mask(order, tf.gather(lengths, order) > 0)
    lengths = tf.gather(lengths, order)
    rows, starts, numbers, num_rows = _first_fit(lengths, sequence_length)

    # Where every token goes: (row, start of its segment + position in it).
    new_order = tf.random.experimental.stateless_shuffle(tf.range(num_rows), seed)
    rows = tf.gather(new_order, rows)
    offsets = tf.ragged.range(lengths)
    columns = (offsets + starts[:, None]).values
    token_rows = tf.repeat(rows, lengths)
    indices = tf.stack([token_rows, columns], axis=1)  # (tokens, 2)
    shape = tf.stack([num_rows, sequence_length])

    def place(values):
        placed = tf.scatter_nd(indices, tf.cast(values, "int32"), shape)
        return tf.ensure_shape(placed, (None, sequence_length))

    packed = {name: place(tf.gather(segments[name], order).values) for name in FEATURES}
    packed["segment_ids"] = place(tf.repeat(numbers, lengths))
    packed["padding_mask"] = packed["segment_ids"] > 0
    return packed


def _first_fit(lengths, sequence_length):
    """Row, start and number within its row (from 1) of every segment; rows used.

    First fit takes segments of one length together: the first row gets as many as it
    has room for, then the next. The loop is over lengths, not segments.
    """
    num_segments = tf.size(lengths)
    runs, _, counts = tf.unique_with_counts(lengths)  # from the longest; (L,)

    def step(run, used, count, rows, starts, numbers):
        length, wanted = runs[run], counts[run]
        fitting = tf.minimum((sequence_length - used) // length, wanted)  # by row
        taken_before = tf.minimum(tf.cumsum(fitting, exclusive=True), wanted)
        taken = tf.minimum(fitting, wanted - taken_before)
        own_rows = tf.repeat(row_numbers, taken)  # (wanted,)
        place = tf.range(wanted) - tf.gather(taken_before, own_rows)
        rows = rows.write(run, own_rows)
        starts = starts.write(run, tf.gather(used, own_rows) + place * length)
        numbers = numbers.write(run, tf.gather(count, own_rows) + place + 1)
        return run + 1, used + taken * length, count + taken, rows, starts, numbers

    tf.debugging.assert_less_equal(
        lengths, sequence_length, "A segment is longer than the rows it is packed in."
    )
    # As many rows as segments can need.
    row_numbers = tf.range(num_segments)
    zeros = tf.zeros((num_segments,), "int32")
    # One entry more, an empty one: there may be no segment at all.
    num_runs = tf.size(runs)
    array = functools.partial(
        tf.TensorArray, "int32", num_runs + 1, infer_shape=False, element_shape=[None]
    )
    arrays = [array().write(num_runs, tf.zeros([0], "int32")) for _ in range(3)]
    _, used, _, rows, starts, numbers = tf.while_loop(
        lambda run, *_: run < num_runs,
        step,
        (0, zeros, zeros, *arrays),
        parallel_iterations=1,
    )
    num_rows = tf.math.count_nonzero(used, dtype="int32")
    return rows.concat(), starts.concat(), numbers.concat(), num_rows


def split_long(ids, max_length):
    """Cut rows that are too long into several, losing nothing.

    Args:
        ids: RaggedTensor (N, None).
        max_length: int.

    Returns:
        RaggedTensor (M, None) with rows of at most `max_length`, in order, and the
        row in `ids` that each comes from, int (M,).
    """
    lengths = ids.row_lengths()  # int64, as ragged row splits are
    num_pieces = (lengths + max_length - 1) // max_length  # (N,)
    source = tf.repeat(tf.range(tf.size(lengths)), num_pieces)  # (M,)
    piece = tf.ragged.range(num_pieces).values  # (M,)
    remaining = tf.gather(lengths, source) - piece * max_length
    piece_lengths = tf.minimum(tf.cast(max_length, "int64"), remaining)
    return tf.RaggedTensor.from_row_lengths(
        ids.values, piece_lengths, validate=False
    ), source
