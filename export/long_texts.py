"""Texts that are longer than a model has positions, where no one can refuse them."""

import tensorflow as tf


def within_positions(token_ids, others, longest, pad_id, end_id):
    """Token ids cut to the model's positions; a text that is cut keeps its end.

    Args:
        token_ids: int32 (B, T), padded.
        others: list of tensors (B, T), cut as well.
        longest: int, positions.
        pad_id: int.
        end_id: int, the end token; None where no one knows it.

    Returns:
        `(token_ids, others)`, (B, min(T, longest)).
    """
    is_real = tf.cast(tf.not_equal(token_ids, pad_id), "int32")
    num_tokens = tf.reduce_sum(is_real, axis=1, keepdims=True)  # (B, 1)
    token_ids, *others = (x[:, :longest] for x in (token_ids, *others))
    if end_id is not None:
        column = tf.expand_dims(tf.range(tf.shape(token_ids)[1]), 0)  # (1, T)
        is_last = tf.equal(column, longest - 1)
        is_cut = tf.logical_and(is_last, num_tokens > longest)  # (B, T)
        token_ids = tf.where(is_cut, end_id, token_ids)
    return token_ids, others
