"""Finding a text's translation among many: how far two languages share a space."""

import numpy as np

from xlm_tf.models import cosines


def nearest(queries, candidates):
    """The candidate of highest cosine of every query.

    Args:
        queries: float array (Q, D), embeddings.
        candidates: float array (C, D), embeddings; in the same space. C is 1 at least.

    Returns:
        int array (Q,), numbers of candidates.
    """
    queries, candidates = map(cosines.directions, (queries, candidates))
    _, places = cosines.nearest(queries, candidates, 1)
    return places[:, 0]


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
