"""The layers of an exported graph: plain TensorFlow functions on copied weights.

They compute what the Keras layers compute in inference, on (N, D) matrices: a dense
layer is one 2-D product, which is the fused kernel of a server and FULLY_CONNECTED on
a phone.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

SQRT_HALF = 0.5**0.5


@dataclasses.dataclass(frozen=True)
class WeightStore:
    """How an exported graph holds its weights.

    Attributes:
        frozen: bool, constants of the graph instead of variables. oneDNN then keeps
            its packed form of every matrix between calls.
        dtype: "float32" or "bfloat16", in which matrices are held and multiplied.
            Biases and LayerNorms stay float32.
    """

    frozen: bool = False
    dtype: str = "float32"

    def matrix(self, value):
        """A matrix of a product, or a table of rows, in `dtype`."""
        return self._hold(keras.ops.convert_to_numpy(value), self.dtype)

    def vector(self, value):
        """A bias, scale or offset, in float32."""
        return self._hold(keras.ops.convert_to_numpy(value), "float32")

    def table(self, value):
        """Like `matrix`, but never frozen: a lookup gains nothing from it."""
        return dataclasses.replace(self, frozen=False).matrix(value)

    def _hold(self, value, dtype):
        value = np.asarray(value, tf.as_dtype(dtype).as_numpy_dtype)
        # A NumPy array becomes a constant of the function that uses it.
        return value if self.frozen else tf.Variable(value, trainable=False)


class InferenceDense:
    """x @ kernel + bias, then the activation, as a `keras.layers.Dense`.

    Args:
        layer: a built `keras.layers.Dense`. LoRA's update is added to its kernel.
        store: `WeightStore`.
        kernel_scale: float array that broadcasts to the kernel's and bias's columns,
            multiplied into both.
    """

    def __init__(self, layer, store, kernel_scale=1.0):
        kernel = keras.ops.convert_to_numpy(layer.kernel) * kernel_scale
        bias = keras.ops.convert_to_numpy(layer.bias) * kernel_scale
        self.kernel = store.matrix(kernel.astype("float32"))
        self.bias = store.vector(bias.astype("float32"))
        self.activation = layer.activation

    def __call__(self, x):
        """(N, I) -> (N, O), in the dtype of the kernel."""
        x = tf.matmul(tf.cast(x, self.kernel.dtype), self.kernel)
        x = tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))
        return activate(x, self.activation)


class InferenceLayerNorm:
    """A `LayerNormalization` over the last axis, in float32.

    Args:
        layer: the built layer.
        store: `WeightStore`.
    """

    def __init__(self, layer, store):
        self.gamma = store.vector(layer.gamma)
        self.beta = store.vector(layer.beta)
        self.epsilon = layer.epsilon

    def __call__(self, x):
        """(N, D) of any float dtype -> float32 (N, D)."""
        x = tf.cast(x, "float32")
        mean = tf.reduce_mean(x, axis=-1, keepdims=True)  # (N, 1)
        variance = tf.reduce_mean(
            tf.math.squared_difference(x, mean), axis=-1, keepdims=True
        )
        # This order of operations is the one that TensorFlow fuses into one kernel.
        scale = tf.math.rsqrt(variance + self.epsilon) * self.gamma  # (N, D)
        return x * scale + (self.beta - mean * scale)


def activate(x, activation):
    """Apply a Keras activation; GELU in the form that TensorFlow and LiteRT fuse."""
    if activation is keras.activations.gelu:
        return x * 0.5 * (tf.math.erf(x * SQRT_HALF) + 1.0)
    return activation(x)


def owned_variables(*holders):
    """Every tf.Variable within plain objects and lists of them, each once."""
    found = {}

    def visit(value):
        if isinstance(value, tf.Variable):
            found[id(value)] = value
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)
        elif type(value).__module__.startswith("export."):
            for item in vars(value).values():
                visit(item)

    for holder in holders:
        visit(holder)
    return list(found.values())
