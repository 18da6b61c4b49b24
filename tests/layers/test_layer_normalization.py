"""Keras's LayerNorm is the reference, for values and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.layers import LayerNormalization


def values_and_gradients(layer, x, upstream):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
    sources = [x, layer.gamma.value, layer.beta.value]
    return outputs, *tape.gradient(outputs, sources, output_gradients=upstream)


# In bfloat16 a value may fall on the other side of a rounding.
@pytest.mark.parametrize(
    ("dtype", "atol"), [("float32", 1e-5), ("mixed_bfloat16", 0.05)]
)
@pytest.mark.parametrize("shape", [(7, 16), (2, 5, 16)])
def test_it_is_that_of_keras(dtype, atol, shape):
    generator = np.random.default_rng(0)
    compute_dtype = keras.DTypePolicy(dtype).compute_dtype
    x, upstream = (
        tf.cast(generator.normal(1.0, 3.0, shape), compute_dtype) for _ in range(2)
    )
    layers = [
        layer_class(epsilon=1e-5, dtype=dtype)
        for layer_class in (LayerNormalization, keras.layers.LayerNormalization)
    ]
    weights = generator.normal(size=(2, shape[-1]))
    found = []
    for layer in layers:
        layer.build(shape)
        layer.set_weights(weights)
        found.append(values_and_gradients(layer, x, upstream))
    for actual, expected in zip(*found, strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(
            np.asarray(actual, "float32"),
            np.asarray(expected, "float32"),
            atol=atol,
            rtol=1e-2,
        )


def test_a_row_of_equal_values():
    layer = LayerNormalization(epsilon=1e-5)
    x = tf.fill((1, 8), 3.0)
    layer.build(x.shape)
    outputs, gradient, *_ = values_and_gradients(layer, x, tf.ones((1, 8)))
    np.testing.assert_allclose(outputs, np.zeros((1, 8)), atol=1e-5)
    np.testing.assert_allclose(gradient, np.zeros((1, 8)), atol=1e-3)
