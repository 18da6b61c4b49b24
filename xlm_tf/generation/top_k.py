"""The k largest of long rows."""

import tensorflow as tf


def top_k(x, k):
    """`tf.math.top_k`, faster on long rows: the best of the best classes.

    A class is a few neighbours; the k largest are in the k classes with the largest
    maxima.

    Args:
        x: float tensor (A, ..., V), all but A static.
        k: int.

    Returns:
        Values and int32 indices, (A, ..., k).
    """
    size = x.shape[-1]
    height = next((n for n in range(16, 65) if size % n == 0), None)
    if height is None or size // height < 8 * k:
        return tf.math.top_k(x, k)
    rows = tf.reshape(x, (-1, size // height, height))
    _, classes = tf.math.top_k(tf.reduce_max(rows, axis=2), k)  # (N, k)
    values = tf.gather(rows, classes, batch_dims=1)  # (N, k, height)
    values, best = tf.math.top_k(tf.reshape(values, (-1, k * height)), k)
    own = tf.gather(classes, best // height, batch_dims=1)
    indices = own * height + best % height
    shape = (-1, *x.shape[1:-1], k)
    return tf.reshape(values, shape), tf.reshape(indices, shape)
