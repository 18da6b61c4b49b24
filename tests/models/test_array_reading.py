"""Numbers of token ids and weights, brought into arrays."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.array_reading import read_arrays


def test_structures_of_numbers():
    read = read_arrays({"token_ids": [[1, 2]], "weights": np.ones(2, "float64")}, "x")
    assert read["token_ids"].tolist() == [[1, 2]]
    assert read["weights"].dtype == np.float32
    pair = read_arrays(([1], tf.constant([2])), "x")
    assert [array.tolist() for array in pair] == [[1], [2]]
    assert read_arrays(np.array([1, True], object), "x").tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[1, 2], [3]], "rows of `x` must be of one length"),
        ([0.5, float("nan")], "`x` has no number. Row 1 is NaN"),
        (["a"], r"Row 0 is .*'a'.*Texts need a preprocessor"),
        (np.array([1, None], object), r"Row 1 is None \(NoneType\)\.$"),
    ],
)
def test_what_holds_no_numbers(x, message):
    with pytest.raises(ValueError, match=message):
        read_arrays(x, "x")
