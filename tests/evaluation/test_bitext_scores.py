import pytest

from xlm_tf.evaluation.bitext_scores import score_bitext

GOLD = {("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")}
PAIRS = [
    (1.5, "a", "A"),
    (0.9, "c", "A"),
    (1.3, "b", "B"),
    (1.1, "x", "Y"),
    (1.1, "c", "C"),
    (0.5, "y", "Z"),
]


def test_at_a_threshold():
    scores = score_bitext(PAIRS, GOLD, 1.3)
    assert (scores.num_pairs, scores.precision, scores.recall) == (2, 1.0, 0.5)
    assert scores.f1 == pytest.approx(2 / 3)
    scores = score_bitext(PAIRS, GOLD, 0)
    assert (scores.num_pairs, scores.precision, scores.recall) == (6, 0.5, 0.75)


def test_the_best_threshold_counts_pairs_of_one_score_together():
    scores = score_bitext(PAIRS, GOLD)
    assert scores.threshold == 1.1
    assert (scores.num_pairs, scores.precision, scores.recall) == (4, 0.75, 0.75)


def test_nothing_is_found():
    assert score_bitext([], GOLD).f1 == 0
    assert score_bitext(PAIRS, {("q", "Q")}).f1 == 0
    assert score_bitext(PAIRS, GOLD, 2.0).precision == 0
    assert "precision 75.0%" in str(score_bitext(PAIRS, GOLD))
