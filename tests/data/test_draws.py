import numpy as np
import pytest

from xlm_tf.data.draws import BLOCK, Draws


def test_shares_are_exact_and_ranks_count():
    draws = Draws([0.5, 0.3, 0.2], seed=1)
    sources, ranks = draws(0, 3 * BLOCK)
    for source, share in enumerate([0.5, 0.3, 0.2]):
        own = ranks[sources == source]
        assert abs(len(own) - 3 * BLOCK * share) <= 3
        np.testing.assert_array_equal(own, np.arange(len(own)))


def test_any_draw_without_those_before():
    whole = Draws([1, 2], seed=5)(0, 2 * BLOCK)
    later = Draws([1, 2], seed=5)(BLOCK - 10, 30)
    for all_of_it, part in zip(whole, later, strict=True):
        np.testing.assert_array_equal(all_of_it[BLOCK - 10 : BLOCK + 20], part)


def test_the_order_is_random_and_of_the_seed():
    first, other = (Draws([1, 1], seed)(0, 10_000)[0] for seed in (1, 2))
    for block in (first, other):
        # As many changes from one source to the other as of a coin.
        assert abs((block[1:] != block[:-1]).mean() - 0.5) < 0.03
    assert abs((first == other).mean() - 0.5) < 0.03


@pytest.mark.parametrize(
    "probabilities", [[1.0], [1 - 1e-12, 1e-12], [1.0] * 300, [1e-9] * 40 + [1.0]]
)
def test_every_source_is_drawn(probabilities):
    draws = Draws(probabilities, seed=0)
    assert draws.counts.sum() == BLOCK
    assert draws.counts.min() >= 1
