"""Layers that are computed twice, so that a training step needs less memory."""

import itertools

import keras
import tensorflow as tf

from xlm_tf.private_keras import is_training, nested_layers


def recomputed(layer, *inputs, **arguments):
    """What a layer gives, its inner values computed again when gradients need them.

    A step keeps the inputs of the layer alone, instead of all that it computes, and
    takes longer by its forward pass. Dropout draws the same both times, so that the
    gradients are those of the layer.

    Args:
        layer: a built Keras layer, such as an `EncoderBlock`.
        *inputs: tensors that have gradients.
        **arguments: further arguments of the call, without gradients.

    Returns:
        What `layer(*inputs, **arguments)` returns.

    Raises:
        ValueError: another backend of Keras than TensorFlow.

    Source: Chen et al. 2016 (arXiv 1604.06174).
    """
    is_symbolic = any(isinstance(x, keras.KerasTensor) for x in inputs)
    if is_symbolic or not is_training():
        return layer(*inputs, **arguments)
    if keras.config.backend() != "tensorflow":
        raise ValueError(
            "gradient_checkpointing needs Keras's TensorFlow backend. Received: "
            f"{keras.config.backend()!r}."
        )
    begun = [(state, tf.identity(state)) for state in dropout_states(layer)]
    calls = itertools.count()

    def compute(*inputs):
        if next(calls) == 0:
            return layer(*inputs, **arguments)
        with keras.StatelessScope(state_mapping=begun):
            return layer(*inputs, **arguments, training=True)

    return tf.recompute_grad(compute)(*inputs)


def dropout_states(layer):
    """What decides which dropout a layer draws next.

    Args:
        layer: a built Keras layer, such as a model.

    Returns:
        List of Keras variables, of the generators of it and the layers inside of it.
    """
    parts = (layer, *nested_layers(layer))
    generators = [getattr(part, "seed_generator", None) for part in parts]
    return [own.state for own in generators if own is not None]
