"""From one vector a token to one vector a text."""

import keras
from keras import ops

from xlm_tf.layers.precision import at_least_float32

POOLINGS = ("first", "mean", "max")


@keras.saving.register_keras_serializable("xlm_tf")
class Pooling(keras.layers.Layer):
    """Pool the hidden states of a text into one vector.

    Args:
        mode: "first" takes the first token's state, "mean" and "max" reduce over
            the real tokens.

    Call arguments:
        x: float tensor (B, T, D).
        padding_mask: bool tensor (B, T), True = real token. A row without any real
            token gives zeros ("mean") or the lowest finite value ("max").
        num_skipped: int tensor (B,), tokens at the start of each text that are left
            out: "first" is the one after them. None for none.

    Returns:
        Tensor (B, D), float32 at least: sums over many tokens lose accuracy in
        bfloat16.
    """

    def __init__(self, mode="first", **kwargs):
        super().__init__(**kwargs)
        if mode not in POOLINGS:
            raise ValueError(
                f"mode must be one of {POOLINGS}. Received: mode={mode!r}."
            )
        self.mode = mode

    def call(self, x, padding_mask, num_skipped=None):
        if num_skipped is not None:
            positions = ops.arange(ops.shape(x)[1], dtype="int32")
            skipped = ops.expand_dims(ops.cast(num_skipped, "int32"), 1)
            is_left = ops.expand_dims(positions, 0) >= skipped
            padding_mask = ops.logical_and(ops.cast(padding_mask, "bool"), is_left)
        if self.mode == "first":
            first = x[:, 0, :]
            if num_skipped is not None:
                index = ops.argmax(ops.cast(padding_mask, "int32"), axis=1)
                index = ops.expand_dims(ops.cast(index, "int32"), (1, 2))
                first = ops.take_along_axis(x, index, axis=1)[:, 0, :]
            return ops.cast(first, at_least_float32(x.dtype))
        x = ops.cast(x, at_least_float32(x.dtype))
        mask = ops.cast(ops.expand_dims(padding_mask, -1), x.dtype)  # (B, T, 1)
        if self.mode == "mean":
            num_tokens = ops.maximum(ops.sum(mask, axis=1), 1.0)  # (B, 1)
            return ops.sum(x * mask, axis=1) / num_tokens
        return ops.max(x + (1.0 - mask) * -1e9, axis=1)

    def compute_output_shape(self, input_shape, padding_mask_shape=None):
        return (input_shape[0], input_shape[2])

    def compute_output_spec(self, x, padding_mask, num_skipped=None):
        dtype = at_least_float32(self.compute_dtype)
        return keras.KerasTensor((x.shape[0], x.shape[2]), dtype=dtype)

    def get_config(self):
        config = super().get_config()
        config["mode"] = self.mode
        return config
