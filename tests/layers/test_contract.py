"""What every layer promises: its configuration, dtypes, shapes, gradients and XLA.

A new layer is a line of `LAYERS`.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from xlm_tf.layers.attention import CrossAttention, SelfAttention
from xlm_tf.layers.decoder_block import DecoderBlock
from xlm_tf.layers.embeddings import Embeddings, TokenEmbedding
from xlm_tf.layers.encoder_block import EncoderBlock
from xlm_tf.layers.feed_forward import FeedForward
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.prediction_head import PredictionHead
from xlm_tf.registration import CLASSES

draws = np.random.default_rng(0)
STATES = draws.normal(size=(2, 5, 16)).astype("float32")  # (B, T, D)
SOURCE = draws.normal(size=(2, 7, 16)).astype("float32")  # (B, S, D)
HEADS = draws.normal(size=(2, 2, 7, 8)).astype("float32")  # (B, H, S, K)
IDS = np.array([[0, 5, 9, 2, 1], [0, 7, 2, 1, 1]], "int32")  # (B, T)
REAL = IDS != 1
MASK = REAL[:, None, None]  # (B, 1, 1, T)
SOURCE_MASK = np.arange(7)[None, None, None] < np.array([7, 4])[:, None, None, None]
BLOCK = {"num_heads": 2, "intermediate_dim": 32, "activation": "gelu"}

# The class, its arguments, and those of its call.
LAYERS = [
    (SelfAttention, {"num_heads": 2}, {"x": STATES, "attention_mask": MASK}),
    (
        CrossAttention,
        {"num_heads": 2},
        {
            "x": STATES,
            "keys_values": (HEADS, HEADS[::-1]),
            "attention_mask": SOURCE_MASK,
        },
    ),
    (EncoderBlock, BLOCK, {"x": STATES, "attention_mask": MASK}),
    (EncoderBlock, {**BLOCK, "norm_placement": "pre"}, {"x": STATES}),
    (
        DecoderBlock,
        BLOCK,
        {
            "x": STATES,
            "source_states": SOURCE,
            "self_attention_mask": MASK,
            "cross_attention_mask": SOURCE_MASK,
        },
    ),
    (FeedForward, {"intermediate_dim": 32, "activation": "relu"}, {"x": STATES}),
    (LayerNormalization, {"epsilon": 1e-5}, {"inputs": STATES}),
    (Pooling, {"mode": "mean"}, {"x": STATES, "padding_mask": REAL}),
    (Pooling, {"mode": "first"}, {"x": STATES, "padding_mask": REAL}),
    (PredictionHead, {"vocabulary_size": 11, "tied": False}, {"x": STATES}),
    (TokenEmbedding, {"vocabulary_size": 11, "hidden_dim": 16}, {"token_ids": IDS}),
    (
        Embeddings,
        {
            "vocabulary_size": 11,
            "hidden_dim": 16,
            "max_sequence_length": 8,
            "num_languages": 3,
            "position_offset": 2,
        },
        {"token_ids": IDS, "padding_mask": REAL, "language_ids": IDS % 3},
    ),
]
# Their results are float32 at least under any policy.
EXACT = (Pooling, PredictionHead)
every_layer = pytest.mark.parametrize(
    ("layer_class", "arguments", "inputs"),
    LAYERS,
    ids=lambda x: x.__name__ if isinstance(x, type) else "",
)


def call(layer, inputs):
    return layer(**tf.nest.map_structure(tf.constant, inputs))


def test_every_layer_is_here():
    registered = {
        name
        for module, names in CLASSES.items()
        if module.startswith("xlm_tf.layers.")
        for name in names
    }
    assert {layer_class.__name__ for layer_class, *_ in LAYERS} == registered


@every_layer
def test_configuration(layer_class, arguments, inputs):
    layer = layer_class(**arguments, name="mine")
    expected = call(layer, inputs)
    other = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert type(other) is layer_class
    assert other.get_config() == layer.get_config()
    for name, value in arguments.items():
        assert layer.get_config()[name] == value
    call(other, inputs)
    assert [x.path for x in other.weights] == [x.path for x in layer.weights]
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(call(other, inputs), expected)


@every_layer
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        ("float64", 1e-5),
        ("bfloat16", 0.1),
        ("float16", 0.02),
        ("mixed_bfloat16", 0.1),
        ("mixed_float16", 0.02),
    ],
)
def test_dtypes(layer_class, arguments, inputs, dtype, tolerance):
    exact = layer_class(**arguments)
    expected = np.asarray(call(exact, inputs))
    assert expected.dtype == "float32"
    layer = layer_class(**arguments, dtype=dtype)
    call(layer, inputs)
    layer.set_weights(exact.get_weights())
    result = call(layer, inputs)
    compute = keras.DTypePolicy(dtype).compute_dtype
    if layer_class in EXACT and compute in ("float16", "bfloat16"):
        compute = "float32"
    assert keras.backend.standardize_dtype(result.dtype) == compute
    result = ops.convert_to_numpy(ops.cast(result, "float64"))
    assert np.abs(result - expected).max() <= tolerance * np.abs(expected).max()


@every_layer
def test_symbolic_shapes(layer_class, arguments, inputs):
    def symbolic(array):
        return keras.KerasTensor((None, *array.shape[1:]), str(array.dtype))

    layer = layer_class(**arguments)
    result = layer(**tf.nest.map_structure(symbolic, inputs))
    expected = call(layer_class(**arguments), inputs)
    assert result.shape == (None, *expected.shape[1:])
    assert result.dtype == keras.backend.standardize_dtype(expected.dtype)


@every_layer
def test_gradients_and_xla(layer_class, arguments, inputs):
    layer = layer_class(**arguments)
    expected = call(layer, inputs)
    weights = layer.trainable_variables

    @tf.function(jit_compile=True)
    def compiled():
        with tf.GradientTape() as tape:
            result = call(layer, inputs)
            loss = tf.reduce_sum(tf.square(result) * tf.cast(FACTORS, result.dtype))
        return result, tape.gradient(loss, [x.value for x in weights])

    FACTORS = draws.normal(size=expected.shape)
    result, gradients = compiled()
    np.testing.assert_allclose(result, expected, atol=1e-5)
    for weight, gradient in zip(weights, gradients, strict=True):
        if layer_class is CrossAttention and "key_value_dense" in weight.path:
            continue  # of `keys_values`, before the call; `DecoderBlock` has both
        assert gradient is not None, weight.path
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(values).all()
        # Of a key's bias every score changes alike: a softmax does not see it.
        if "key" not in weight.path and "qkv" not in weight.path:
            assert np.abs(values).max() > 0, weight.path
