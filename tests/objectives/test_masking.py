import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives import masking

SEED = tf.constant([3, 5])


def used(positions, weights):
    """The selected positions of every row."""
    return [
        row[weight > 0].tolist()
        for row, weight in zip(positions.numpy(), weights.numpy(), strict=True)
    ]


def test_first_positions_and_padding_are_not_maskable():
    segment_ids = tf.constant([[1, 1, 1, 2, 2, 0], [1, 2, 2, 2, 3, 3]])
    assert masking.maskable(segment_ids).numpy().tolist() == [
        [False, True, True, False, True, False],
        [False, False, True, True, False, True],
    ]


def test_uniform_selection_takes_the_share_it_says():
    candidates = tf.concat([tf.ones((400, 96), bool), tf.zeros((400, 32), bool)], 1)
    positions, weights = masking.select_uniform(candidates, 48, SEED)
    rows = used(positions, weights)
    assert all(row == sorted(set(row)) and max(row, default=0) < 96 for row in rows)
    total = sum(len(row) for row in rows)
    # Five standard deviations of a binomial count.
    assert abs(total - 0.15 * 400 * 96) < 5 * (0.15 * 0.85 * 400 * 96) ** 0.5
    counts = np.bincount(np.concatenate(rows), minlength=96)
    assert counts.min() > 25  # every position: 60 on average


def test_too_many_selected_are_thinned_at_random():
    positions, weights = masking.select_uniform(
        tf.ones((500, 40), bool), 4, SEED, selection_rate=0.9
    )
    assert weights.numpy().min() == 1
    counts = np.bincount(positions.numpy().ravel(), minlength=40)
    assert abs(counts - 50).max() < 5 * 50**0.5


def test_predictions_suffice_for_almost_every_row():
    length = 128
    size = masking.max_predictions(length)
    assert size % 8 == 0
    draws = np.random.default_rng(0).binomial(length, 0.15, 100_000)
    assert (draws > size).mean() < 0.005


def test_masks_are_80_10_10():
    token_ids = tf.random.stateless_uniform((2000, 20), SEED, 10, 500, "int32")
    positions, weights = masking.select_uniform(
        tf.ones((2000, 20), bool), 20, SEED, selection_rate=0.5
    )
    masked, targets = masking.mask_tokens(
        token_ids, positions, weights, 7, 1000, SEED + 1
    )
    is_used = weights.numpy() > 0
    originals = tf.gather(token_ids, positions, batch_dims=1).numpy()
    seen = tf.gather(masked, positions, batch_dims=1).numpy()[is_used]
    np.testing.assert_array_equal(targets.numpy()[is_used], originals[is_used])
    assert not targets.numpy()[~is_used].any()
    originals = originals[is_used]
    count = len(seen)
    is_mask, is_kept = seen == 7, seen == originals
    for share, expected in ((is_mask, 0.8), (is_kept, 0.1), (~is_mask & ~is_kept, 0.1)):
        # A random token is the mask or the original one time in 500.
        assert share.mean() == pytest.approx(expected, abs=0.002 + 5 * 0.4 / count**0.5)
    replaced = seen[~is_mask & ~is_kept]
    assert replaced.min() < 30
    assert replaced.max() > 970  # from the whole vocabulary
    # Nothing else was touched.
    untouched = np.ones(token_ids.shape, bool)
    for row, columns in enumerate(used(positions, weights)):
        untouched[row, columns] = False
    np.testing.assert_array_equal(
        masked.numpy()[untouched], token_ids.numpy()[untouched]
    )


def test_rare_tokens_are_selected_more_often():
    token_ids = tf.tile(tf.constant([[1] * 50 + [2] * 50]), (400, 1))
    counts = [0, 1600, 100]
    weights_of = masking.frequency_weights(counts, 0.5, [])
    np.testing.assert_allclose(weights_of, [0, 1 / 40, 1 / 10])
    positions, weights = masking.select_by_frequency(
        tf.ones((400, 100), bool), token_ids, weights_of, 24, SEED
    )
    rows = used(positions, weights)
    assert {len(row) for row in rows} == {15}
    chosen = np.concatenate(rows)
    # Weights 4 : 1, drawn without replacement: 12 and 3 at first, less so later.
    assert 3 < (chosen >= 50).mean() / (chosen < 50).mean() < 4


def test_specials_and_what_never_occurs_are_not_selected_by_frequency():
    weights_of = masking.frequency_weights([0, 900, 4, 0, 1], 0.5, [0, 1])
    np.testing.assert_allclose(weights_of, [0, 0, 0.5, 0, 1])
    token_ids = tf.tile(tf.constant([[1, 2, 3, 4, 2, 3, 1, 1]]), (300, 1))
    candidates = tf.concat([tf.ones((300, 7), bool), tf.zeros((300, 1), bool)], 1)
    positions, weights = masking.select_by_frequency(
        candidates, token_ids, weights_of, 8, SEED, selection_rate=0.25
    )
    rows = used(positions, weights)
    assert {len(row) for row in rows} == {2}
    shares = np.bincount(np.concatenate(rows), minlength=8) / 300
    assert shares[[0, 2, 5, 6, 7]].tolist() == [0] * 5
    # Weights 1/2, 1, 1/2: which two of the three, by hand.
    assert shares[3] == pytest.approx(1 / 2 + 2 * (1 / 4) * (2 / 3), abs=0.1)
    # Fewer than asked for, where no more have a weight.
    positions, weights = masking.select_by_frequency(
        candidates, token_ids, weights_of, 8, SEED, selection_rate=0.9
    )
    assert used(positions, weights) == [[1, 3, 4]] * 300


def test_the_rarest_of_a_large_corpus_are_told_apart():
    counts = np.full((1000,), 10**8)
    counts[:50] = 1
    weights_of = masking.frequency_weights(counts, 0.5, [])
    token_ids = tf.tile(tf.range(1000)[None], (200, 1))
    positions, weights = masking.select_by_frequency(
        tf.ones((200, 1000), bool), token_ids, weights_of, 8, SEED, 0.005
    )
    chosen = np.concatenate(used(positions, weights))
    assert (chosen < 50).mean() > 0.98
    # All of the rare ones alike: 20 each on average.
    assert abs(np.bincount(chosen[chosen < 50], minlength=50) - 20).max() < 5 * 20**0.5


def test_for_evaluation_every_segment_has_a_target():
    segment_ids = tf.constant([[1, 1, 2, 2, 2, 3, 3, 3, 0, 0]] * 50)
    positions, weights = masking.select_for_evaluation(
        masking.maskable(segment_ids), segment_ids, 5, SEED
    )
    for row in used(positions, weights):
        segments = {int(segment_ids[0, position]) for position in row}
        assert segments == {1, 2, 3}
        assert not set(row) & {0, 2, 5, 8, 9}


def test_the_seed_decides():
    candidates = tf.ones((4, 60), bool)
    first = masking.select_uniform(candidates, 16, SEED)
    again = masking.select_uniform(candidates, 16, SEED)
    other = masking.select_uniform(candidates, 16, SEED + 1)
    assert used(*first) == used(*again) != used(*other)
