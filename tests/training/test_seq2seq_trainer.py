import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.test_pretrain import PAIRS
from xlm_tf import XLMSeq2SeqLM
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
