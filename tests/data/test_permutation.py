import numpy as np
import pytest

from xlm_tf.data.permutation import mixed, permuted


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 1000, 65_537])
def test_every_number_comes_once(size):
    for key in (0, 7, 2**64 - 1):
        places = permuted(np.arange(size), size, np.uint64(key))
        np.testing.assert_array_equal(np.sort(places), np.arange(size))


def test_numbers_of_several_sizes_and_keys_at_once():
    sizes, keys = np.array([5, 1000, 5, 77]), mixed(1, np.arange(4))
    together = permuted(np.array([4, 999, 0, 76]), sizes, keys)
    alone = [
        permuted(np.array([number]), size, key)[0]
        for number, size, key in zip([4, 999, 0, 76], sizes, keys, strict=True)
    ]
    assert together.tolist() == alone
    assert (together < sizes).all()


def test_the_order_is_always_the_same():
    # A change of these numbers changes the batches of trainings that go on.
    expected = [673, 993, 65, 356, 164, 571]
    assert permuted(np.arange(6), 1000, mixed(3, 4)).tolist() == expected


@pytest.mark.parametrize("size", [2**40 + 1, 2**52 - 1, 2**20])
def test_large_sizes_need_no_memory(size):
    numbers = np.concatenate([np.arange(1000), size - 1 - np.arange(1000)])
    places = permuted(numbers, size, 5)
    assert len(set(places.tolist())) == 2000
    assert places.min() >= 0
    assert places.max() < size
    # Spread over all: of uniform draws the mean is at the middle.
    assert abs(places.mean() / size - 0.5) < 5 * np.sqrt(1 / 12 / 2000)


def test_keys_and_neighbours_are_independent():
    size = 10_000
    first, second = (permuted(np.arange(size), size, key) for key in (1, 2))
    for other in (np.arange(size), second, np.roll(first, 1)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(size)


def test_every_combination_has_a_key_of_its_own():
    left, right = np.meshgrid(np.arange(100), np.arange(100))
    assert len(np.unique(mixed(0, left.ravel(), right.ravel()))) == 10_000
    assert mixed(1, 2) != mixed(2, 1)
