"""What gives batches, and what a batch is."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.batch_reading import gives_batches, python_batches, unpacked
from xlm_tf.models.examples import Examples
from xlm_tf.models.text_reading import read_texts


def test_what_gives_batches():
    dataset = tf.data.Dataset.from_tensors(tf.constant(["a"]))
    generator = (batch for batch in [["a"], ["b", "c"]])
    assert gives_batches(dataset)
    assert gives_batches(generator)
    assert not gives_batches(["a"])
    assert not gives_batches(("a", "b"))
    batches = python_batches(generator, lambda batch: Examples(read_texts(batch)))
    assert [batch["x"].tolist() for batch in batches.begin()] == [["a"], ["b", "c"]]
    assert list(batches.begin()) == []  # it comes once
    with pytest.raises(ValueError, match="no batches to read"):
        python_batches(iter(()), Examples)


def test_validation_data_of_texts_alone():
    assert unpacked(["a", "b"])[0] == ["a", "b"]
    assert unpacked([("a", "b"), ("c", "d")])[0] == [("a", "b"), ("c", "d")]
    assert unpacked((["a"], [1]))[1] == [1]
    assert unpacked([np.array(["a"]), np.array([1])])[1] == np.array([1])
