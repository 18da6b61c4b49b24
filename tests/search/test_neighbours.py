"""The nearest vectors, against all cosines sorted."""

import numpy as np
import pytest

from xlm_tf.search import neighbours
from xlm_tf.search.neighbours import nearest, neighbours_of


def directions(rows, width, seed):
    x = np.random.default_rng(seed).normal(size=(rows, width)).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("k", [1, 4, 50])
def test_exactly(monkeypatch, k):
    # Several queries at a time.
    monkeypatch.setattr("xlm_tf.models.cosines._COSINES_AT_ONCE", 170)
    queries, vectors = directions(7, 16, 0), directions(50, 16, 1)
    scores, places = nearest(queries, vectors, k)
    for query, own_scores, own_places in zip(queries, scores, places, strict=True):
        cosines = sorted(((float(query @ v), i) for i, v in enumerate(vectors)))[::-1]
        assert own_places.tolist() == [i for _, i in cosines[:k]]
        np.testing.assert_allclose(own_scores, [x for x, _ in cosines[:k]], atol=1e-5)


def test_equal_scores_in_the_order_of_the_vectors():
    vectors = np.eye(3, dtype="float32")[[0, 1, 0, 0]]
    _, places = nearest(vectors[:1], vectors, 3)
    assert places.tolist() == [[0, 2, 3]]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_first_of_many_equal_scores(k):
    vectors = np.eye(3, dtype="float32")[np.arange(300) % 3]
    scores, places = nearest(vectors[:3], vectors, k)
    for row, own in enumerate(places):
        assert own.tolist() == list(range(row, 300, 3))[:k]
    assert (scores == 1).all()


def test_many_by_a_graph(monkeypatch):
    a, b = directions(300, 16, 0), directions(400, 16, 1)
    exact = neighbours_of(a, b, 4)
    monkeypatch.setattr(neighbours, "EXACT_PRODUCTS", 100)
    scores, places = neighbours_of(a, b, 4)
    assert np.mean(places == exact[1]) > 0.95
    np.testing.assert_allclose(scores[:, 0], exact[0][:, 0], atol=2e-3)
