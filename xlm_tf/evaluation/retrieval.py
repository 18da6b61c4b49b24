"""Finding a text's translation among many: how far two languages share a space."""

import numpy as np

# Cosines that are in memory at once: 64 MB.
_COSINES_AT_ONCE = 1 << 24


def nearest(queries, candidates):
    """The candidate of highest cosine of every query.

    Args:
        queries: float array (Q, D), embeddings.
        candidates: float array (C, D), embeddings; in the same space. C is 1 at least.

    Returns:
        int array (Q,), numbers of candidates.
    """
    queries, candidates = (_directions(x) for x in (queries, candidates))
    at_once = max(1, _COSINES_AT_ONCE // len(candidates))
    found = [
        (queries[begin : begin + at_once] @ candidates.T).argmax(axis=1)
        for begin in range(0, len(queries), at_once)
    ]
    return np.concatenate(found) if found else np.zeros(0, int)


def retrieval_accuracy(queries, candidates, correct):
    """How often the nearest candidate is the right one (top-1).

    Args:
        queries: float array (Q, D), embeddings.
        candidates: float array (C, D), embeddings; in the same space.
        correct: list of Q collections of int, the right candidates of each query: one,
            or several where a text has several equal translations.

    Returns:
        float, share of the queries whose candidate of highest cosine is right.

    Raises:
        ValueError: there is no query or no candidate, or the lengths differ.
    """
    if not len(queries) or not len(candidates) or len(correct) != len(queries):
        raise ValueError(
            "Retrieval needs queries, candidates and the right candidates of every "
            f"query. Received: {len(queries)}, {len(candidates)} and {len(correct)}."
        )
    found = nearest(queries, candidates)
    hits = [best in right for best, right in zip(found, correct, strict=True)]
    return float(np.mean(hits))


def _directions(vectors):
    vectors = np.asarray(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
