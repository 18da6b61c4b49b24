"""Texts longer than the model, read in windows that overlap; in graph."""

import typing

import tensorflow as tf


class Windows(typing.NamedTuple):
    """Windows over B rows of pieces, in their order; W in all, one a row at least.

    Attributes:
        row: int32 (W,), of which row.
        number: int32 (W,), the windows of a row counted from 0.
        start: int32 (W,), the first piece.
        length: int32 (W,), pieces.
        size: int32 (B,), the longest that a window of a row may be.
        overlap: int32 (B,), pieces that two neighbours share.
        counts: int32 (B,), windows of a row.
    """

    row: tf.Tensor
    number: tf.Tensor
    start: tf.Tensor
    length: tf.Tensor
    size: tf.Tensor
    overlap: tf.Tensor
    counts: tf.Tensor

    def owner(self, rows, pieces):
        """The window in which a piece is farthest from both edges.

        Args:
            rows, pieces: int32 (N,): a piece, counted from the row's first.

        Returns:
            int32 (N,), the window's `number`.
        """
        overlap = tf.gather(self.overlap, rows)
        step = tf.gather(self.size, rows) - overlap
        last = tf.gather(self.counts, rows) - 1
        number = tf.math.floordiv(pieces - overlap // 2, step)
        return tf.clip_by_value(number, 0, last)

    def pieces(self, values):
        """Cut rows (B, None) of any type into windows (W, None), ragged."""
        begin = tf.gather(tf.cast(values.row_starts(), "int32"), self.row) + self.start
        places = tf.ragged.range(begin, begin + self.length)
        return places.with_values(tf.gather(values.values, places.values))


def cut_windows(lengths, size, overlap):
    """Windows over rows of pieces.

    Args:
        lengths: int tensor (B,), pieces of a row.
        size: int scalar or (B,), pieces of a window at most, 1 at least.
        overlap: int scalar, pieces that neighbours share; at most half of a window,
            where windows are that short.

    Returns:
        `Windows`.
    """
    lengths = tf.cast(lengths, "int32")
    size = tf.broadcast_to(tf.cast(size, "int32"), tf.shape(lengths))
    overlap = tf.minimum(tf.cast(overlap, "int32"), size // 2)
    step = size - overlap
    # A window starts where the one before has not reached the end.
    counts = 1 + tf.maximum(-tf.math.floordiv(size - lengths, step), 0)
    rows = tf.ragged.range(counts)
    row = tf.cast(rows.value_rowids(), "int32")
    start = rows.values * tf.gather(step, row)
    length = tf.minimum(tf.gather(lengths, row) - start, tf.gather(size, row))
    return Windows(row, rows.values, start, length, size, overlap, counts)
