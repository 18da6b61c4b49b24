"""The nearest among some vectors: exactly, or in a graph where they are many."""

import numpy as np

from xlm_tf.search.graph import Graph

# Cosines up to which neighbours are found exactly.
EXACT_PRODUCTS = 10_000_000_000
# Queries that a graph is asked at a time.
_QUERIES = 4096
# Numbers of a matrix of cosines that are held at once: 64 MB.
_AT_ONCE = 1 << 24


def nearest(queries, vectors, k):
    """The k vectors of the highest dot product with every query, exactly.

    Args:
        queries: float32 array (Q, D).
        vectors: float32 array (N, D).
        k: int, N at most.

    Returns:
        `(scores, places)`: float32 and int64 (Q, k), the best first; of equal scores
        the vector that comes first.
    """
    scores = np.empty((len(queries), k), "float32")
    places = np.empty((len(queries), k), "int64")
    rows = max(_AT_ONCE // max(len(vectors), 1), 1)
    for begin in range(0, len(queries), rows):
        products = queries[begin : begin + rows] @ vectors.T  # (rows, N)
        best = np.argpartition(-products, k - 1, axis=1)[:, :k]
        best.sort(axis=1)
        values = np.take_along_axis(products, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        places[begin : begin + rows] = np.take_along_axis(best, order, axis=1)
        scores[begin : begin + rows] = np.take_along_axis(values, order, axis=1)
    return scores, places


def neighbours_of(queries, vectors, k):
    """As `nearest`; by a graph where there are more products than `EXACT_PRODUCTS`."""
    if len(queries) * len(vectors) <= EXACT_PRODUCTS:
        return nearest(queries, vectors, k)
    graph = Graph(vectors.shape[1])
    graph.add(np.arange(len(vectors)), vectors)
    scores, places = [], []
    for begin in range(0, len(queries), _QUERIES):
        own = queries[begin : begin + _QUERIES]
        found = graph.search(own, k)
        is_short = (found < 0).any(axis=1)  # a part of the graph was not reached
        if is_short.any():
            _, found[is_short] = nearest(own[is_short], vectors, k)
        scores.append(np.einsum("qd,qkd->qk", own, vectors[found]))
        places.append(found)
    return np.concatenate(scores), np.concatenate(places)
