"""Labels: numbers, and names of classes, in memory and in graph."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.label_reading import label_ids, read_labels


def test_labels():
    names = ["cat", "dog"]
    assert read_labels(["dog", "cat", "dog"], names).tolist() == [1, 0, 1]
    assert read_labels(np.array([b"dog"]), names).tolist() == [1]
    assert read_labels(tf.constant(["cat"]), names).tolist() == [0]
    assert read_labels([1, 0]).tolist() == [1, 0]
    assert read_labels([[0.5], [1.0]]).dtype == np.float32
    with pytest.raises(ValueError, match=r"one of \['cat', 'dog'\]\. Row 1 of `y` is"):
        read_labels(["dog", "cow"], names)
    with pytest.raises(ValueError, match="Row 1 of `y` is None"):
        read_labels(["dog", None], names)
    with pytest.raises(ValueError, match=r"make it with labels=\[\.\.\.\]"):
        read_labels(["dog"])
    with pytest.raises(ValueError, match="Row 1 is NaN"):
        read_labels([1.0, float("nan")])


def test_labels_of_tokens():
    labels = read_labels([["O", "B", "I"], ["B"]], ["O", "B", "I"], per_token=True)
    assert labels.tolist() == [[0, 1, 2], [1, -1, -1]]
    ragged = tf.ragged.constant([[0, 1], [2]])
    assert read_labels(ragged, None, per_token=True).tolist() == [[0, 1], [2, -1]]
    with pytest.raises(ValueError, match="Row 0 is 1"):
        read_labels([1, 2], None, per_token=True)


def test_labels_in_graph():
    ids = tf.function(lambda y: label_ids(y, ["O", "B"]))
    assert ids(tf.constant([["B", "O", ""]])).numpy().tolist() == [[1, 0, -1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="cow"):
        ids(tf.constant([["cow"]]))
