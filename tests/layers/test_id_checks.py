"""Ids beyond their tables are refused, eagerly and in graphs."""

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf

BACKBONE = {
    "vocabulary_size": 20,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 8,
    "max_sequence_length": 12,
    "num_languages": 3,
    "num_token_types": 2,
    "position_offset": 2,
}
SIZES = {
    "token_ids": 20,
    "language_ids": 3,
    "position_ids": 12,
    "token_type_ids": 2,
}


@pytest.fixture(scope="module")
def backbone():
    return xlm_tf.XLMBackbone(**BACKBONE)


@pytest.fixture(scope="module")
def in_graph(backbone):
    ids = tf.TensorSpec((None, None), tf.int32)
    return tf.function(backbone, input_signature=[{name: ids for name in SIZES}])


def inputs_with(name, wrong):
    inputs = {x: np.full((2, 4), size - 1, "int32") for x, size in SIZES.items()}
    inputs[name][1, 2] = wrong
    return inputs


def test_the_last_rows_are_no_error(backbone, in_graph):
    inputs = inputs_with("token_ids", 0)
    np.testing.assert_allclose(backbone(inputs), in_graph(inputs), atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("below", [True, False])
def test_ids_without_a_row(backbone, in_graph, name, below):
    wrong = -1 if below else SIZES[name]
    inputs = inputs_with(name, wrong)
    with pytest.raises(ValueError, match=rf"{name} must lie in \[0, {SIZES[name]}\)"):
        backbone(inputs)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} must lie in"):
        in_graph(inputs)


def test_a_sequence_longer_than_the_positions_in_a_graph(backbone):
    ids = tf.TensorSpec((None, None), tf.int32)
    signature = [{"token_ids": ids, "language_ids": ids}]
    run = tf.function(backbone, input_signature=signature)
    inputs = {name: np.zeros((1, 13), "int32") for name in signature[0]}
    with pytest.raises(tf.errors.InvalidArgumentError, match="positions must lie in"):
        run(inputs)


def test_targets_of_a_decoder(backbone):
    model = xlm_tf.XLMSeq2SeqBackbone(xlm_tf.XLMBackbone(**BACKBONE))
    ids = np.zeros((1, 3), "int32")
    inputs = {
        f"{side}_{name}": ids
        for side in ("encoder", "decoder")
        for name in ("token_ids", "language_ids")
    }
    model(inputs)
    for name, wrong in (("token_ids", 20), ("language_ids", -1)):
        with pytest.raises(ValueError, match=f"{name} must lie in"):
            model({**inputs, f"decoder_{name}": ids + wrong})
