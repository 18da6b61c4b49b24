"""Finding a text's translation among many: how far two languages share a space."""

import numpy as np


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
    queries, candidates = np.asarray(queries), np.asarray(candidates)
    if not len(queries) or not len(candidates) or len(correct) != len(queries):
        raise ValueError(
            "Retrieval needs queries, candidates and the right candidates of every "
            f"query. Received: {len(queries)}, {len(candidates)} and {len(correct)}."
        )
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    candidates = candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
    nearest = (queries @ candidates.T).argmax(axis=1)  # (Q,)
    hits = [best in right for best, right in zip(nearest, correct, strict=True)]
    return float(np.mean(hits))
