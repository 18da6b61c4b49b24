import numpy as np

from xlm_tf.models.length_groups import group_by_length


def test_groups_are_of_similar_length_and_no_example_comes_twice():
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 60, 1003)
    order = generator.permutation(1003)
    groups = group_by_length(order, lengths, 4).numpy()
    assert groups.shape == (250, 4)
    assert sorted(groups.ravel()) == sorted(order[:1000])
    # Of 200 examples that are sorted at once, those of a batch are neighbours.
    for begin in range(0, 250, 50):
        block = groups[begin : begin + 50].ravel()
        assert set(block) == set(order[4 * begin : 4 * begin + 200])
        assert (np.diff(lengths[block]) >= 0).all()
    assert group_by_length(order[:3], lengths, 4).shape == (0, 4)
