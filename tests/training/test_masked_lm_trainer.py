import keras
import numpy as np
import pytest
import tensorflow as tf

from xlm_tf import XLMBackbone, XLMMaskedLM
from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer


def trainer(**kwargs):
    backbone = XLMBackbone(
        vocabulary_size=30,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=8,
        dropout=0.0,
        attention_dropout=0.0,
    )
    model = MaskedLMTrainer(XLMMaskedLM(backbone, compile=False), **kwargs)
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    return model


def batch():
    random = np.random.default_rng(0)
    inputs = {
        "token_ids": random.integers(4, 30, (4, 8)).astype("int32"),
        "padding_mask": np.ones((4, 8), bool),
        "mask_positions": random.integers(0, 8, (4, 2)).astype("int32"),
    }
    targets = random.integers(4, 30, (4, 2)).astype("int32")
    weights = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], "float32")
    return inputs, targets, weights


def fit(model, data):
    return model.fit(
        tf.data.Dataset.from_tensors(data), verbose=0, shuffle=False
    ).history


def test_loss_is_the_mean_over_the_targets():
    model = trainer()
    inputs, targets, weights = batch()
    logits = model.masked_lm(inputs).numpy()
    log_probabilities = tf.nn.log_softmax(logits).numpy()
    losses = -np.take_along_axis(log_probabilities, targets[..., None], axis=2)[..., 0]
    expected = (losses * weights).sum() / 3
    assert fit(model, batch())["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_unused_predictions_change_nothing():
    models = [trainer(), trainer()]
    models[1].set_weights(models[0].get_weights())
    inputs, targets, weights = batch()
    fit(models[0], (inputs, targets, weights))
    fit(models[1], (inputs, np.where(weights > 0, targets, 7).astype("int32"), weights))
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_clipping_bounds_the_update_of_the_whole_batch():
    model = trainer(clip_norm=0.01)
    before = [np.asarray(weight) for weight in model.trainable_weights]
    fit(model, batch())
    steps = [
        np.asarray(weight) - old
        for weight, old in zip(model.trainable_weights, before, strict=True)
    ]
    norm = np.sqrt(sum((step**2).sum() for step in steps))
    assert norm == pytest.approx(0.01, rel=1e-3)


def test_rows_must_divide_into_the_accumulation_steps():
    with pytest.raises(ValueError, match="rows=4, accumulation_steps=3"):
        fit(trainer(accumulation_steps=3), batch())


def loss_and_update(loss_weights=None, **kwargs):
    keras.utils.set_random_seed(1)
    model = trainer(**kwargs)
    before = [np.asarray(weight) for weight in model.trainable_weights]
    inputs, targets, weights = batch()
    weights[2:] = 1
    if loss_weights is not None:
        inputs["loss_weights"] = np.array(loss_weights, "float32")
    loss = fit(model, (inputs, targets, weights))["loss"][0]
    after = model.trainable_weights
    return loss, [np.asarray(new) - old for new, old in zip(after, before, strict=True)]


def test_loss_weights_multiply_the_losses_of_their_rows():
    loss, plain = loss_and_update()
    same_loss, halved = loss_and_update([0.5] * 4)
    assert same_loss == pytest.approx(loss)
    for one, other in zip(plain, halved, strict=True):
        np.testing.assert_allclose(other, one / 2, atol=1e-6)
    # What rows of weight 0 miss is what they alone give; the targets are the same.
    _, first = loss_and_update([1, 1, 0, 0])
    _, last = loss_and_update([0, 0, 1, 1], accumulation_steps=2)
    for one, other, both in zip(first, last, plain, strict=True):
        np.testing.assert_allclose(one + other, both, atol=1e-6)
