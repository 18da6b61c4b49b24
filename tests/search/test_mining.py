"""Translations among vectors, by margins written out in loops."""

import numpy as np
import pytest

from xlm_tf.search.mining import mine_pairs


def directions(rows, width, seed):
    x = np.random.default_rng(seed).normal(size=(rows, width)).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def margins(a, b, k):
    """The ratio margin of every pair that is one of neighbours, by the paper."""

    def neighbours(x, others):
        return sorted(range(len(others)), key=lambda i: -float(x @ others[i]))[:k]

    of_a = [neighbours(x, b) for x in a]
    of_b = [neighbours(y, a) for y in b]
    scores = {}
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            total = sum(float(x @ b[n]) / (2 * k) for n in of_a[i])
            total += sum(float(y @ a[n]) / (2 * k) for n in of_b[j])
            scores[i, j] = float(x @ y) / total
    return scores, of_a, of_b


@pytest.fixture
def vectors():
    shared = directions(8, 6, 0)
    a = shared + 0.15 * directions(8, 6, 1)
    b = np.concatenate([shared[2:] + 0.15 * directions(6, 6, 2), directions(3, 6, 3)])
    a, b = a + 0.5, b + 0.5  # all cosines above 0
    return tuple(
        (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("float32") for x in (a, b)
    )


@pytest.mark.parametrize("k", [1, 3])
def test_the_strategies(vectors, k):
    a, b = vectors
    scores, of_a, of_b = margins(a, b, k)
    forward = {(i, max(own, key=lambda j: scores[i, j])) for i, own in enumerate(of_a)}
    backward = {(max(own, key=lambda i: scores[i, j]), j) for j, own in enumerate(of_b)}
    best = []
    for i, j in sorted(forward | backward, key=lambda pair: -scores[pair]):
        if all(i != x and j != y for x, y in best):
            best.append((i, j))
    expected = {
        "forward": forward,
        "backward": backward,
        "intersection": forward & backward,
        "max": set(best),
    }
    for strategy, pairs in expected.items():
        found, rows_a, rows_b = mine_pairs(a, b, k, strategy)
        rows = list(zip(rows_a.tolist(), rows_b.tolist(), strict=True))
        assert set(rows) == pairs, strategy
        assert len(rows) == len(pairs)
        np.testing.assert_allclose(found, [scores[x] for x in rows], rtol=1e-4)
        assert np.all(np.diff(found) <= 0)


def test_translations_are_found(vectors):
    _, rows_a, rows_b = mine_pairs(*vectors)
    assert {(i + 2, i) for i in range(6)} <= set(
        zip(rows_a.tolist(), rows_b.tolist(), strict=True)
    )


def test_fewer_vectors_than_neighbours():
    one = np.array([[1.0, 0.0]], "float32")
    scores, rows_a, rows_b = mine_pairs(one, one, k=4)
    assert (scores.tolist(), rows_a.tolist(), rows_b.tolist()) == ([1.0], [0], [0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be a whole number, 1 at least"),
        ({"strategy": "best"}, "strategy must be one of max, "),
        ({"a": np.zeros((0, 6), "float32")}, "texts on both sides. Received: 0 and 9"),
    ],
)
def test_what_cannot_be_mined(vectors, arguments, message):
    a, b = vectors
    with pytest.raises(ValueError, match=message):
        mine_pairs(**{"a": a, "b": b, **arguments})
