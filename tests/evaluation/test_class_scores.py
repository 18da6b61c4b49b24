"""Scores of classes against scikit-learn's formulas, counted by hand."""

import tracemalloc

import numpy as np
import pytest

from xlm_tf.evaluation.bootstrap import compare_paired
from xlm_tf.evaluation.class_scores import score_classes
from xlm_tf.evaluation.class_statistics import METRICS
from xlm_tf.evaluation.label_set_scores import score_label_sets
from xlm_tf.evaluation.language_scores import compare_languages
from xlm_tf.evaluation.number_scores import score_numbers


def f1_by_hand(targets, predictions, label):
    hits = sum(t == p == label for t, p in zip(targets, predictions, strict=True))
    if not hits:
        return 0.0
    precision = hits / sum(p == label for p in predictions)
    recall = hits / sum(t == label for t in targets)
    return 2 * precision * recall / (precision + recall)


def test_scores_are_those_counted_by_hand():
    random = np.random.default_rng(0)
    targets, predictions = random.integers(0, 4, (2, 60))
    predictions[:25] = targets[:25]
    predictions[predictions == 3] = 0  # a class that is never predicted
    own = score_classes("de", targets, predictions, 5)  # and one that never occurs
    assert own.scores["accuracy"].value == np.mean(targets == predictions)
    expected = np.mean([f1_by_hand(targets, predictions, label) for label in range(4)])
    assert own.scores["macro_f1"].value == pytest.approx(expected)
    assert own.confusion[2, 1] == np.sum((targets == 2) & (predictions == 1))
    for score in own.scores.values():
        assert score.low < score.value < score.high


def test_the_baseline_is_that_of_the_most_frequent_class():
    targets = np.array([0, 0, 0, 1, 2])
    own = score_classes("de", targets, targets, 4, intervals=False)
    always = score_classes("de", targets, np.zeros(5, int), 4, intervals=False)
    assert own.baseline == {name: x.value for name, x in always.scores.items()}
    assert own.baseline["accuracy"] == 3 / 5
    assert own.scores["accuracy"].low is None


def test_the_interval_covers_the_truth():
    """Of 200 test sets of a model that is right in 70 %, about 95 % of intervals do."""
    random = np.random.default_rng(1)
    covered = 0
    for number in range(200):
        targets = random.integers(0, 2, 150)
        predictions = np.where(random.random(150) < 0.7, targets, 1 - targets)
        score = score_classes("x", targets, predictions, 2, number).scores["accuracy"]
        covered += score.low <= 0.7 <= score.high
    assert 0.88 < covered / 200 < 0.99


def test_paired_comparison():
    random = np.random.default_rng(2)
    targets = random.integers(0, 3, 300)
    noisy = np.where(random.random(300) < 0.6, targets, random.integers(0, 3, 300))
    better = np.where(random.random(300) < 0.7, targets, noisy)
    noisy, better = (score_classes("x", targets, own, 3) for own in (noisy, better))
    ((difference, p),) = compare_languages([noisy], [better])
    assert difference > 0.1
    assert p == 0.001
    assert compare_languages([better], [noisy])[0][0] == -difference
    same = noisy.statistics, noisy.statistics
    assert compare_paired(*same, METRICS["accuracy"]) == (0.0, 1.0)


def test_many_classes_need_little_memory():
    """An array of kinds would hold 3 GB."""
    targets, predictions = np.random.default_rng(0).integers(0, 2000, (2, 60_000))
    predictions[:30_000] = targets[:30_000]
    tracemalloc.start()
    own = score_classes("x", targets, predictions, 2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert own.scores["accuracy"].low < np.mean(targets == predictions)
    assert peak < 5e8


def test_sets_of_labels():
    targets = [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    predictions = [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    own = score_label_sets("x", targets, predictions)
    # F1: 1 of the first class, 2 / 3 of the second, 0 of the third.
    assert own.scores["macro_f1"].value == pytest.approx((1 + 2 / 3) / 3)
    assert own.scores["micro_f1"].value == pytest.approx(2 * 2 / (3 + 3))
    assert own.confusion is None


def test_numbers():
    random = np.random.default_rng(3)
    targets = random.normal(1000, 1, 80)
    predictions = 2 * targets + random.normal(0, 1, 80)
    predictions[0] = predictions[1]  # a tie
    own = score_numbers("x", targets, predictions)
    expected = np.corrcoef(targets, predictions)[0, 1]
    assert own.scores["pearson"].value == pytest.approx(expected)
    ranks = [
        [(own < x).sum() + ((own == x).sum() + 1) / 2 for x in own]
        for own in (targets, predictions)
    ]
    expected = np.corrcoef(ranks)[0, 1]
    assert own.scores["spearman"].value == pytest.approx(expected)
    expected = np.mean((targets - predictions) ** 2)
    assert own.scores["mse"].value == pytest.approx(expected)
    assert own.baseline == {"mse": pytest.approx(np.var(targets))}
    for score in own.scores.values():
        assert score.low < score.value < score.high
    constant = score_numbers("x", [1.0, 2.0], [3.0, 3.0])
    assert constant.scores["pearson"].value == 0
