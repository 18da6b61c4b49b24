"""Sentences of two languages that translate each other, found by their vectors."""

import numpy as np

from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.search.neighbours import neighbours_of

STRATEGIES = ("max", "intersection", "forward", "backward")


def mine_pairs(a, b, k=4, strategy="max"):
    """Pairs of translations among the vectors of two monolingual texts.

    The score of a pair is its cosine over the mean of the cosines of both with their k
    nearest neighbours in the other language (the ratio margin): 1 for a pair that is no
    nearer than others, more for a translation.

    Args:
        a: float32 array (A, D), rows of length 1.
        b: float32 array (B, D), the same.
        k: int, neighbours.
        strategy: "forward", the best of b for every row of a; "backward", the other
            way round; "intersection", the pairs that both find; "max", those of either
            from the highest score down, every row once.

    Returns:
        `(scores, rows_a, rows_b)`: float32 (P,), int64 (P,) and (P,), the highest score
        first.

    Raises:
        ValueError: no vectors on a side, another strategy, k below 1.

    Source: Artetxe and Schwenk 2019 (arXiv 1811.01136), sections 3.2 and 3.3.
    """
    k = whole_number("k", k)
    if strategy not in STRATEGIES:
        raise ValueError(
            f"strategy must be one of {', '.join(STRATEGIES)}. Received: {strategy!r}."
        )
    if not len(a) or not len(b):
        raise ValueError(
            f"Mining needs texts on both sides. Received: {len(a)} and {len(b)}."
        )
    cosines_a, places_a = neighbours_of(a, b, min(k, len(b)))  # (A, k)
    cosines_b, places_b = neighbours_of(b, a, min(k, len(a)))  # (B, k)
    mean_a, mean_b = cosines_a.mean(axis=1), cosines_b.mean(axis=1)
    forward = _best(cosines_a, places_a, mean_a, mean_b)
    scores, rows_b, rows_a = _best(cosines_b, places_b, mean_b, mean_a)
    backward = scores, rows_a, rows_b
    if strategy == "forward":
        return _sorted(*forward)
    if strategy == "backward":
        return _sorted(*backward)
    if strategy == "intersection":
        is_both = backward[1][forward[2]] == forward[1]
        return _sorted(*(x[is_both] for x in forward))
    found = (np.concatenate(x) for x in zip(forward, backward, strict=True))
    return _each_once(*_sorted(*found))


def _best(cosines, places, own_means, other_means):
    """The neighbour of the highest margin of every row: scores, rows, places."""
    margins = cosines / np.maximum((own_means[:, None] + other_means[places]) / 2, 1e-6)
    column = margins.argmax(axis=1)
    rows = np.arange(len(places))
    return margins[rows, column], rows, places[rows, column]


def _sorted(scores, rows_a, rows_b):
    order = np.lexsort((rows_b, rows_a, -scores))
    return scores[order], rows_a[order], rows_b[order]


def _each_once(scores, rows_a, rows_b):
    """Of pairs in their order, those of which neither row came before."""
    seen_a, seen_b, kept = set(), set(), []
    for number, (row_a, row_b) in enumerate(
        zip(rows_a.tolist(), rows_b.tolist(), strict=True)
    ):
        if row_a not in seen_a and row_b not in seen_b:
            seen_a.add(row_a)
            seen_b.add(row_b)
            kept.append(number)
    return scores[kept], rows_a[kept], rows_b[kept]
