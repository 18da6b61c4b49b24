import numpy as np
import pytest

from export.parity import ParityError, check_parity, row_distances


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 3), (8, 2, 3)])
def test_every_row_is_compared_for_itself(shape):
    """One of eight is wrong by 1 %, beside others that are 1,000 times as large."""
    expected = np.full(shape, 1000.0)
    expected[3] = 1.0
    actual = expected.copy()
    actual[3] *= 1.01
    np.testing.assert_allclose(row_distances(actual, expected)[3], 0.01)
    assert (np.delete(row_distances(actual, expected), 3) == 0).all()
    with pytest.raises(ParityError, match=r"scores differs .*text 3 of the check"):
        check_parity(actual, expected, 1e-3, "scores")
    assert check_parity(actual, expected, 0.02, "scores") == pytest.approx(0.01)


def test_what_is_no_answer():
    expected = np.ones((2, 3))
    for actual in (np.ones((2, 2)), np.ones((3, 3)), [[1, 1, 1], [1, np.nan, 1]]):
        assert np.max(row_distances(actual, expected)) == np.inf
    assert check_parity(np.zeros((0, 3)), np.zeros((0, 3)), 0.0, "scores") == 0.0


def test_numbers_near_zero():
    expected = np.array([0.001, 3.0])
    actual = expected + 1e-5
    assert row_distances(actual, expected)[0] == pytest.approx(0.01)
    distances = row_distances(actual, expected, smallest=1.0)
    assert distances[0] == pytest.approx(1e-5)
