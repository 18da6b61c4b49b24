"""The nearest among some vectors: exactly, or in a graph where they are many."""

import numpy as np

from xlm_tf.models.cosines import nearest
from xlm_tf.search.graph import Graph

# Cosines up to which neighbours are found exactly.
EXACT_PRODUCTS = 10_000_000_000
# Queries that a graph is asked at a time.
_QUERIES = 4096


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
