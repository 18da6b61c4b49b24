"""Labels of tokens, brought to the width of their texts."""

import numpy as np
import tensorflow as tf

import xlm_tf


def test_labels_are_as_wide_as_the_texts(tokenizer):
    preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 32)
    labels = tf.ragged.constant([[0, 1, 2], [1]])
    inputs, y, weights = preprocessor(["quick fox", "dog"], labels)
    mask = inputs["padding_mask"].numpy()
    assert y.shape == weights.shape == mask.shape
    assert y.numpy()[0, :4].tolist() == [0, 1, 2, 0]
    # Neither padding nor a token without a label counts.
    assert weights.numpy().sum(axis=1).tolist() == [3, 1]
    _, _, doubled = preprocessor(["quick fox", "dog"], labels, np.array([2.0, 0.0]))
    assert doubled.numpy().sum(axis=1).tolist() == [6, 0]


def test_a_text_alone_and_texts_without_labels(tokenizer):
    preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 32)
    inputs, y, weights = preprocessor("dog", tf.constant([1, 2]))
    assert inputs["token_ids"].shape == y.shape == weights.shape == (32,)
    assert weights.numpy().sum() == 2
    assert set(preprocessor(["dog"])) == {"token_ids", "padding_mask"}
