import math

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf import XLMBackbone, XLMMaskedLM
from xlm_tf.evaluation.perplexity import MaskedLMEvaluator


@pytest.fixture
def masked_lm():
    backbone = XLMBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
        initializer_range=0.5,
    )
    return XLMMaskedLM(backbone)


def batches():
    """Two batches; rows 0 and 3 are of group "a", the rest of group "b"."""
    random = np.random.default_rng(0)
    inputs = {
        "token_ids": random.integers(4, 20, (4, 6)).astype("int32"),
        "padding_mask": np.ones((4, 6), bool),
        "mask_positions": random.integers(0, 6, (4, 2)).astype("int32"),
    }
    targets = random.integers(0, 20, (4, 2)).astype("int32")
    weights = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], "float32")
    group = np.array([0, 1, 1, 0], "int32")
    return tf.data.Dataset.from_tensor_slices((inputs, targets, weights, group)).batch(
        2
    )


def test_every_target_of_a_group_weighs_the_same(masked_lm):
    inputs, targets, weights, group = next(iter(batches().unbatch().batch(4)))
    logits = masked_lm(inputs)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits).numpy()
    hits = (tf.argmax(logits, axis=-1, output_type="int32") == targets).numpy()
    scores = MaskedLMEvaluator(masked_lm, ["a", "b"]).evaluate(batches())
    for number, name in enumerate(["a", "b"]):
        own = (weights.numpy() > 0) & (group.numpy() == number)[:, None]
        assert scores[name].num_targets == own.sum() == 3
        assert scores[name].loss == pytest.approx(losses[own].mean(), rel=1e-5)
        assert scores[name].accuracy == pytest.approx(hits[own].mean())
        assert scores[name].perplexity == pytest.approx(math.exp(scores[name].loss))


def test_it_scores_the_weights_of_the_moment(masked_lm):
    evaluator = MaskedLMEvaluator(masked_lm, ["a", "b"])
    before = evaluator.evaluate(batches())["a"].loss
    masked_lm.prediction_head.bias.assign_add(tf.range(20.0))
    assert evaluator.evaluate(batches())["a"].loss != before


def test_a_group_without_targets_is_named(masked_lm):
    with pytest.raises(ValueError, match="held-out text of sw"):
        MaskedLMEvaluator(masked_lm, ["a", "b", "sw"]).evaluate(batches())
