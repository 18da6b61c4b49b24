"""Directions of vectors, and which of them are the nearest, exactly."""

import numpy as np

# Cosines that are in memory at once: 64 MB.
_COSINES_AT_ONCE = 1 << 24


def directions(vectors):
    """float array-like (..., D) -> the same with rows of length 1; zeros stay zeros."""
    vectors = np.asarray(vectors)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def nearest(queries, vectors, k):
    """The k vectors of the highest dot product with every query, exactly.

    Args:
        queries: float array (Q, D).
        vectors: float array (N, D).
        k: int, N at most.

    Returns:
        `(scores, places)`: float and int64 (Q, k), the best first; of equal scores
        the vector that comes first.
    """
    scores = np.empty((len(queries), k), np.result_type(queries, vectors))
    places = np.empty((len(queries), k), "int64")
    rows = max(_COSINES_AT_ONCE // max(len(vectors), 1), 1)
    for begin in range(0, len(queries), rows):
        products = queries[begin : begin + rows] @ vectors.T  # (rows, N)
        best = np.argpartition(-products, k - 1, axis=1)[:, :k]
        # Of several vectors with the lowest score that counts, it takes any.
        lowest = np.take_along_axis(products, best, axis=1).min(axis=1, keepdims=True)
        is_tied = (products >= lowest).sum(axis=1) > k
        best[is_tied] = np.argsort(-products[is_tied], axis=1, kind="stable")[:, :k]
        best.sort(axis=1)
        values = np.take_along_axis(products, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        places[begin : begin + rows] = np.take_along_axis(best, order, axis=1)
        scores[begin : begin + rows] = np.take_along_axis(values, order, axis=1)
    return scores, places
