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
    generators = [
        part.seed_generator
        for part in (layer, *nested_layers(layer))
        if getattr(part, "seed_generator", None) is not None
    ]
    begun = [(x.state, tf.identity(x.state)) for x in generators]
    calls = itertools.count()

    def compute(*inputs):
        if next(calls) == 0:
            return layer(*inputs, **arguments)
        with keras.StatelessScope(state_mapping=begun):
            return layer(*inputs, **arguments, training=True)

    return tf.recompute_grad(compute)(*inputs)
