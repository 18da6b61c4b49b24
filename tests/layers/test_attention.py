import keras
import numpy as np
import pytest

from xlm_tf.layers import SelfAttention, dot_product_attention


def softmax(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_attention_is_softmax_of_scaled_products():
    query, key, value = random(2, 3, 4, 8), random(2, 3, 5, 8) * 2, random(2, 3, 5, 8)
    weights = softmax(query @ key.swapaxes(-1, -2) / np.sqrt(8))
    context = dot_product_attention(query, key, value)
    np.testing.assert_allclose(context, weights @ value, atol=1e-6)


def test_masked_keys_have_no_influence():
    query, key, value = random(1, 1, 2, 4), random(1, 1, 3, 4), random(1, 1, 3, 4)
    mask = np.array([1, 1, 0], bool)[None, None, None]
    masked = dot_product_attention(query, key, value, mask)
    shorter = dot_product_attention(query, key[:, :, :2], value[:, :, :2])
    np.testing.assert_allclose(masked, shorter, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_row_masked_whole_is_finite(dtype):
    x = keras.ops.cast(random(1, 1, 3, 4), dtype)
    context = dot_product_attention(x, x, x, np.zeros((1, 1, 3, 3), bool))
    assert np.isfinite(keras.ops.cast(context, "float32")).all()


def test_self_attention_projects_with_one_product_for_q_k_v():
    layer = SelfAttention(num_heads=2)
    x = random(1, 3, 4)
    actual = layer(x)
    qkv = x @ layer.qkv_dense.kernel.numpy() + layer.qkv_dense.bias.numpy()
    query, key, value = (
        part.reshape(1, 3, 2, 2).transpose(0, 2, 1, 3)
        for part in np.split(qkv, 3, axis=-1)
    )
    context = softmax(query @ key.swapaxes(-1, -2) / np.sqrt(2)) @ value
    context = context.transpose(0, 2, 1, 3).reshape(1, 3, 4)
    expected = context @ layer.output_dense.kernel.numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_dropout_acts_in_training_only():
    layer = SelfAttention(num_heads=2, dropout=0.5)
    x = random(1, 6, 4)
    np.testing.assert_array_equal(layer(x), layer(x, training=False))
    assert not np.allclose(layer(x, training=True), layer(x))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="hidden_dim=6, num_heads=4"):
        SelfAttention(num_heads=4)(random(1, 2, 6))
