import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.test_pretrain import PAIRS
from xlm_tf import XLMBackbone, XLMMaskedLM, XLMSeq2SeqLM
from xlm_tf.models.losses import LabelSmoothedCrossentropy
from xlm_tf.training.seq2seq_trainer import Seq2SeqTrainer


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_the_model_compiled_for_fit(label_smoothing):
    keras.utils.set_random_seed(1)
    model = XLMSeq2SeqLM.from_masked_lm("xlm_tiny")
    preprocessor = model.preprocessor
    preprocessor.language, preprocessor.target_language = "en", "fr"
    sources, targets = (list(side) for side in zip(*PAIRS, strict=True))
    inputs, labels, weights = preprocessor((sources, targets))
    loss = LabelSmoothedCrossentropy(label_smoothing)
    losses = loss.call(labels, model(inputs))  # (B, T)
    expected = float(tf.reduce_sum(losses * weights))

    trainer = Seq2SeqTrainer(model, label_smoothing, clip_norm=None)
    actual = float(trainer._summed_loss(inputs, labels, weights, training=False))
    assert actual == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(actual)


@pytest.mark.slow
def test_parts_of_a_batch_give_the_update_of_the_whole():
    num_parts = 3  # of 7 rows: the last part is filled up
    sources, targets = (list(side) for side in zip(*PAIRS[:7], strict=True))
    weights = []
    for parts in (1, num_parts):
        keras.utils.set_random_seed(1)
        model = XLMSeq2SeqLM.from_masked_lm("xlm_tiny")  # without dropout
        batch = model.preprocessor((sources, targets))
        trainer = Seq2SeqTrainer(
            model, clip_norm=0.1, accumulation_steps=parts, name=f"parts_{parts}"
        )
        trainer.compile(optimizer=keras.optimizers.SGD(1.0))
        data = tf.data.Dataset.from_tensors(batch)
        history = trainer.fit(data, verbose=0, shuffle=False).history
        weights.append([history["loss"], history["accuracy"], *trainer.get_weights()])
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(other, one, atol=2e-6)


def batch_of(model, number):
    sources, targets = (list(side) for side in zip(*PAIRS[:number], strict=True))
    return model.preprocessor((sources, targets))


def with_dropout(rate):
    keras.utils.set_random_seed(1)
    masked_lm = XLMMaskedLM.from_preset("xlm_tiny")
    config = {**masked_lm.backbone.get_config(), "dropout": rate}
    backbone = XLMBackbone.from_config(config)
    backbone.set_weights(masked_lm.backbone.get_weights())
    return XLMSeq2SeqLM.from_masked_lm(
        XLMMaskedLM(backbone, masked_lm.preprocessor), num_decoder_layers=1
    )


@pytest.mark.parametrize("parts", [1, 2])
def test_r_drop_without_dropout_is_the_plain_loss(parts):
    """Two passes are the same then."""
    weights = []
    for r_drop in (0.0, 5.0):
        model = with_dropout(0.0)
        trainer = Seq2SeqTrainer(model, 0.1, None, parts, r_drop, name=f"r_{r_drop}")
        trainer.compile(optimizer=keras.optimizers.SGD(1.0))
        logs = trainer.train_step(batch_of(model, 4))
        weights.append([logs["loss"], logs["accuracy"], *trainer.get_weights()])
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(other, one, atol=2e-6)


def test_r_drop_is_its_definition():
    model = with_dropout(0.3)
    inputs, targets, weights = batch_of(model, 4)
    seeds = [
        layer.seed_generator.state
        for layer in model.backbone._flatten_layers()
        if getattr(layer, "seed_generator", None) is not None
    ]
    assert len(seeds) > 3

    def draw_again():
        for state in seeds:
            state.assign([0, 7])

    losses = []
    for r_drop in (1e-9, 2.0):
        draw_again()
        trainer = Seq2SeqTrainer(model, 0.0, None, 1, r_drop)
        loss = trainer._summed_loss(inputs, targets, weights, training=True)
        losses.append(float(loss))
    draw_again()
    twice = tf.nest.map_structure(lambda x: tf.concat([x, x], axis=0), inputs)
    states = model.backbone(twice, training=True)["decoder_sequence_output"]
    probabilities = tf.nn.softmax(model.logits(states)).numpy().astype("float64")
    p, q = np.split(probabilities, 2)
    both = np.sum(p * np.log(p / q) + q * np.log(q / p), axis=-1)  # (B, T)
    expected = 2.0 * np.sum(both / 2 / 2 * weights)
    assert expected > 1
    assert losses[1] - losses[0] == pytest.approx(expected, rel=1e-3)


def test_r_drop_trains():
    model = with_dropout(0.3)
    trainer = Seq2SeqTrainer(model, 0.1, 1.0, 2, r_drop=5.0)
    trainer.compile(optimizer=keras.optimizers.SGD(0.1))
    data = tf.data.Dataset.from_tensors(batch_of(model, 5)).repeat(3)
    before = trainer.get_weights()
    history = trainer.fit(data, verbose=0, shuffle=False).history
    assert np.isfinite(history["loss"][0])
    changed = 0
    for one, other in zip(before, trainer.get_weights(), strict=True):
        assert np.isfinite(other).all()
        changed += not np.array_equal(one, other)
    assert changed > 20


@pytest.mark.slow
def test_evaluation_and_validation_data():
    model = XLMSeq2SeqLM.from_masked_lm("xlm_tiny", num_decoder_layers=1)
    preprocessor = model.preprocessor
    preprocessor.language, preprocessor.target_language = "en", "fr"
    sources, targets = (list(side) for side in zip(*PAIRS[:4], strict=True))
    batches = tf.data.Dataset.from_tensors(preprocessor((sources, targets)))
    trainer = Seq2SeqTrainer(model, label_smoothing=0.1)
    trainer.compile(optimizer=keras.optimizers.SGD(0.0))
    scores = trainer.evaluate(batches, verbose=0, return_dict=True)
    history = trainer.fit(batches, validation_data=batches, verbose=0).history
    assert history["val_loss"][0] == pytest.approx(scores["loss"], rel=1e-5)
    assert history["val_accuracy"][0] == pytest.approx(scores["accuracy"])
