"""The fast top-k against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.generation.top_k import top_k


@pytest.mark.parametrize("size", [10_000, 6_007, 48])
def test_the_fast_top_k_is_the_top_k(size):
    x = np.random.default_rng(0).normal(size=(3, 2, size)).astype("float32")
    values, indices = tf.function(lambda x: top_k(x, 4))(x)
    expected, expected_indices = tf.math.top_k(x, 4)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(indices, expected_indices)
