"""How many of the mined pairs of sentences are right, and at which threshold."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class BitextScores:
    """Scores of mined pairs against the right ones.

    Attributes:
        threshold: float, the lowest score that counts.
        num_pairs: int, pairs that count.
        precision, recall, f1: float, 0 to 1.
    """

    threshold: float
    num_pairs: int
    precision: float
    recall: float
    f1: float

    def __str__(self):
        return (
            f"precision {self.precision:.1%}, recall {self.recall:.1%}, F1 "
            f"{self.f1:.1%} at a threshold of {self.threshold:.4f} ({self.num_pairs:,} "
            "pairs)"
        )


def score_bitext(pairs, gold, threshold=None):
    """Precision, recall and F1 of mined pairs.

    Args:
        pairs: list of `(score, a, b)`, in any order, each pair once.
        gold: set of `(a, b)`, the right ones, at least one.
        threshold: float, the lowest score that counts; by default the one at which F1
            is best (on these very pairs: choose it on others).

    Returns:
        `BitextScores`.
    """
    ordered = sorted(pairs, key=lambda pair: -pair[0])
    if threshold is not None:
        found = [(a, b) for score, a, b in ordered if score >= threshold]
        return _scores(threshold, len(found), len(gold.intersection(found)), len(gold))
    best, right = _scores(0.0, 0, 0, len(gold)), 0
    for number, (score, a, b) in enumerate(ordered, start=1):
        right += (a, b) in gold
        is_last_of_score = number == len(ordered) or ordered[number][0] < score
        if is_last_of_score:
            scores = _scores(score, number, right, len(gold))
            best = max(best, scores, key=lambda x: x.f1)
    return best


def _scores(threshold, num_pairs, right, num_gold):
    precision = right / num_pairs if num_pairs else 0.0
    recall = right / num_gold
    f1 = 2 * right / (num_pairs + num_gold)
    return BitextScores(threshold, num_pairs, precision, recall, f1)
