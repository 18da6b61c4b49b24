"""LayerNorm whose gradient takes few passes over the activations."""

import keras
from keras import ops

from xlm_tf.layers.precision import at_least_float32


@keras.saving.register_keras_serializable("xlm_tf")
class LayerNormalization(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization` over the last axis, faster in training.

    The values are Keras's. Its gradient is derived operation by operation, which on
    processors costs more than twice as much as the formula.

    Call arguments:
        inputs: float tensor (..., D).

    Returns:
        Tensor of the same shape, of the compute dtype; statistics are in float32
        at least.

    Source: Ba et al. 2016 (arXiv 1607.06450).
    """

    def call(self, inputs):
        # Tensors: a function with its own gradient must not read variables.
        dtype = at_least_float32(self.dtype_policy)
        gamma, beta = (
            ops.cast(ops.reshape(x, (-1,)), dtype) for x in (self.gamma, self.beta)
        )
        x = ops.cast(inputs, dtype)
        outputs = _normalized(x, gamma, beta, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)


def _normalized(x, gamma, beta, epsilon):
    @ops.custom_gradient
    def normalized(x, gamma, beta):
        mean = ops.mean(x, axis=-1, keepdims=True)  # (..., 1)
        variance = ops.mean(ops.square(x - mean), axis=-1, keepdims=True)
        inverse = ops.rsqrt(variance + epsilon)
        scale = inverse * gamma  # (..., D)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            standard = (x - mean) * inverse
            width = x.shape[-1]
            flat = ops.reshape(upstream, (-1, width))
            gradient_beta = ops.sum(flat, axis=0)
            gradient_gamma = ops.sum(flat * ops.reshape(standard, (-1, width)), axis=0)
            scaled = upstream * gamma
            gradient_x = inverse * (
                scaled
                - ops.mean(scaled, axis=-1, keepdims=True)
                - standard * ops.mean(scaled * standard, axis=-1, keepdims=True)
            )
            return gradient_x, gradient_gamma, gradient_beta

        return x * scale + (beta - mean * scale), gradient

    return normalized(x, gamma, beta)
