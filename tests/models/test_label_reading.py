"""Labels: numbers, and names of classes, in memory and in graph."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.label_reading import (
    check_classes,
    checked_classes,
    label_ids,
    read_labels,
)


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
    ids = tf.function(lambda y: label_ids(y, ["O", "B"], per_token=True))
    assert ids(tf.constant([["B", "O", ""]])).numpy().tolist() == [[1, 0, -1]]
    ragged = tf.ragged.constant([["B", "O"], [""]])
    assert label_ids(ragged, ["O", "B"], per_token=True).to_list() == [[1, 0], [-1]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Every label must be"):
        label_ids(tf.constant([""]), ["O", "B"])  # a text without a class
    with pytest.raises(tf.errors.InvalidArgumentError, match="cow"):
        ids(tf.constant([["cow"]]))


def test_columns_of_one():
    import pandas

    frame = pandas.DataFrame({"label": ["dog", "cat"]}, index=[5, 6])
    names = ["cat", "dog"]
    for y in (
        frame,
        frame.to_numpy(),
        [["dog"], ["cat"]],
        np.array([["dog"], ["cat"]]),
    ):
        assert read_labels(y, names).tolist() == [1, 0]
    assert read_labels(pandas.DataFrame({"label": [1, 0]})).tolist() == [1, 0]
    assert read_labels([["O", ""], ["B"]], ["O", "B"], per_token=True).tolist() == [
        [0, -1],
        [1, -1],
    ]


@pytest.mark.parametrize(
    ("labels", "per_token"),
    [([0, 3], False), ([-1, 0], False), ([0.5, 1.0], False), ([[0, 3]], True)],
)
def test_numbers_that_are_no_classes(labels, per_token):
    with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
        check_classes(np.array(labels), 3, per_token)
    if labels == [0.5, 1.0]:
        return
    graph = tf.function(lambda y: checked_classes(y, 3, per_token))
    with pytest.raises(tf.errors.InvalidArgumentError, match="numbers from 0 to 2"):
        graph(tf.constant(labels))


def test_numbers_of_classes_pass():
    check_classes(np.array([[0, -1], [2, 1]]), 3, per_token=True)
    check_classes(np.array([0.0, 2.0]), 3)
    ragged = tf.ragged.constant([[0, -1], [2]])
    assert checked_classes(ragged, 3, per_token=True).to_list() == ragged.to_list()
    assert checked_classes(tf.constant([0, 2], "uint8"), 3).numpy().tolist() == [0, 2]
