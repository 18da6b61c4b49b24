"""Labels and weights of tokens, brought to the width of the texts they belong to."""

import tensorflow as tf


def to_width(values, width, fill):
    """Cut rows, or fill them up.

    Args:
        values: dense or ragged tensor (B, W, ...).
        width: int scalar, T.
        fill: what stands in positions that the values do not have.

    Returns:
        Tensor (B, T, ...).
    """
    if isinstance(values, tf.RaggedTensor):
        values = values.to_tensor(fill)
    values = values[:, :width]
    paddings = [[0, 0]] * len(values.shape)
    paddings[1] = [0, width - tf.shape(values)[1]]
    return tf.pad(values, paddings, constant_values=tf.cast(fill, values.dtype))


def weighed_tokens(weights, sample_weight):
    """Weights of tokens, multiplied by those of their texts, or by others of tokens.

    Args:
        weights: float tensor (..., T).
        sample_weight: tensor (...), (..., 1) or (..., W); None changes nothing.

    Returns:
        float tensor (..., T).
    """
    if sample_weight is None:
        return weights
    if isinstance(sample_weight, tf.RaggedTensor):
        sample_weight = sample_weight.to_tensor(0)
    sample_weight = tf.cast(sample_weight, weights.dtype)
    if len(sample_weight.shape) < len(weights.shape):
        return weights * sample_weight[..., None]
    if sample_weight.shape[-1] == 1:
        return weights * sample_weight
    if len(weights.shape) == 1:
        sample_weight = to_width(sample_weight[None], tf.shape(weights)[0], 0)[0]
    else:
        sample_weight = to_width(sample_weight, tf.shape(weights)[1], 0)
    return weights * sample_weight


def labels_of_tokens(y, padding_mask, sample_weight=None):
    """Labels as wide as their texts, and weights that leave padding out.

    Args:
        y: numbers of classes (B, W), dense or ragged, or vectors (B, W, C); W may be
            another width than the texts'. Negative numbers do not count.
        padding_mask: bool tensor (B, T), True for real tokens.
        sample_weight: see `weighed_tokens`.

    Returns:
        `(labels, weights)`: (B, T) or (B, T, C), and float32 (B, T), 0 where there is
        no label or no token.
    """
    y = to_width(y, tf.shape(padding_mask)[1], -1)
    is_label = y >= 0
    if len(y.shape) > 2:
        is_label = tf.reduce_any(is_label, axis=-1)
    weights = tf.cast(padding_mask & is_label, "float32")
    y = tf.maximum(y, tf.zeros((), y.dtype))
    return y, weighed_tokens(weights, sample_weight)
