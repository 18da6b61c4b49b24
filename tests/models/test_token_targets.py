import numpy as np
import tensorflow as tf

from xlm_tf.models.token_targets import labels_of_tokens, to_width, weighed_tokens

MASK = tf.constant([[True, True, True, False], [True, True, False, False]])


def test_widths():
    values = tf.constant([[1, 2, 3]])
    assert to_width(values, 2, -1).numpy().tolist() == [[1, 2]]
    assert to_width(values, 4, -1).numpy().tolist() == [[1, 2, 3, -1]]
    ragged = tf.ragged.constant([[1], [2, 3]])
    assert to_width(ragged, 3, 0).numpy().tolist() == [[1, 0, 0], [2, 3, 0]]
    assert to_width(tf.ones((2, 3, 5)), 4, 0).shape == (2, 4, 5)


def test_labels_narrower_and_wider_than_the_texts():
    for y in ([[1, 2], [0, -1]], [[1, 2, -1, 1, 9, 9], [0, -1, 2, 2, 9, 9]]):
        labels, weights = labels_of_tokens(tf.constant(y), MASK)
        assert weights.numpy().tolist() == [[1, 1, 0, 0], [1, 0, 0, 0]]
        assert labels.shape == (2, 4)
        assert np.min(labels) >= 0


def test_vectors_of_tokens():
    y = tf.one_hot([[1, 0], [2, 2]], 3)
    labels, weights = labels_of_tokens(y, MASK)
    assert labels.shape == (2, 4, 3)
    assert weights.numpy().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]


def test_weights_of_texts_and_of_tokens():
    ones = tf.ones((2, 3))
    for weights in ([2.0, 3.0], [[2.0], [3.0]]):
        weighed = weighed_tokens(ones, tf.constant(weights))
        assert weighed.numpy().tolist() == [[2, 2, 2], [3, 3, 3]]
    weighed = weighed_tokens(ones, tf.constant([[1.0, 2], [3, 4]]))
    assert weighed.numpy().tolist() == [[1, 2, 0], [3, 4, 0]]
    assert weighed_tokens(tf.ones(3), tf.constant(2.0)).numpy().tolist() == [2, 2, 2]
    assert weighed_tokens(ones, None) is ones
