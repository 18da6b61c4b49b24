"""Batches of examples of similar length, in random order."""

import tensorflow as tf

# Batches' worth of examples that are sorted at once: batches still differ from epoch to
# epoch.
_BATCHES_OF_A_SORT = 50


def group_by_length(order, lengths, batch_size):
    """Batches of examples of similar length, out of an order that is random.

    Args:
        order: int tensor (N,), numbers of examples, shuffled.
        lengths: int tensor, one per example, in any unit.
        batch_size: int, B.

    Returns:
        int tensor (N // B, B): the examples of every batch. The last N % B of the order
        are in none.
    """
    size = tf.shape(order)[0] // batch_size * batch_size
    order = order[:size]
    lengths = tf.cast(tf.gather(lengths, order), "int64")
    sort = tf.range(size) // (batch_size * _BATCHES_OF_A_SORT)
    key = tf.cast(sort, "int64") * (tf.reduce_max(lengths) + 1) + lengths
    return tf.reshape(tf.gather(order, tf.argsort(key, stable=True)), (-1, batch_size))
