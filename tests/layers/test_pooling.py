import numpy as np
import pytest

from xlm_tf.layers import Pooling

X = np.array([[[1.0, -1.0], [3.0, -5.0], [100.0, 100.0]]], "float32")
MASK = np.array([[True, True, False]])


@pytest.mark.parametrize(
    ("mode", "expected"), [("first", [1, -1]), ("mean", [2, -3]), ("max", [3, -1])]
)
def test_pooling_ignores_padding(mode, expected):
    np.testing.assert_allclose(Pooling(mode)(X, MASK), [expected])


@pytest.mark.parametrize("mode", ["first", "mean", "max"])
@pytest.mark.parametrize(("skipped", "expected"), [(0, None), (1, [3, -5])])
def test_tokens_at_the_start_are_left_out(mode, skipped, expected):
    pooled = Pooling(mode)(X, MASK, np.array([skipped]))
    expected = Pooling(mode)(X, MASK) if expected is None else [expected]
    np.testing.assert_allclose(pooled, expected)


def test_text_without_tokens_is_finite():
    pooled = Pooling("mean")(X, np.zeros((1, 3), bool))
    np.testing.assert_array_equal(pooled, [[0, 0]])


def test_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="'cls'"):
        Pooling("cls")
