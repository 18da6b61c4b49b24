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
    actual = float(trainer._summed_loss(inputs, labels, weights))
    assert actual == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(actual)
