"""Hidden states of an exported graph -> one vector per text."""

import tensorflow as tf


def pool(pooling, x, layout, padding_mask):
    """The task's pooling, over rows of real tokens.

    Args:
        pooling: `xlm_tf.layers.pooling.Pooling`.
        x: float (N, D), the states of a layout.
        layout: of `export.layouts`.
        padding_mask: bool (B, T).

    Returns:
        float (B, D).
    """
    if pooling.mode == "first":
        batch_size = tf.shape(padding_mask)[0]
        return layout.states_at(x, tf.zeros((batch_size,), "int32"))
    return pooling(layout.unpack(x), padding_mask)
