"""Scores of classes against scikit-learn's formulas, counted by hand."""

import json

import numpy as np
import pytest

from xlm_tf.evaluation.class_report import score_columns, write_report
from xlm_tf.evaluation.class_scores import compare_paired, score_language


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
    own = score_language("de", targets, predictions, 5)  # and one that never occurs
    assert own.scores["accuracy"].value == np.mean(targets == predictions)
    expected = np.mean([f1_by_hand(targets, predictions, label) for label in range(4)])
    assert own.scores["macro_f1"].value == pytest.approx(expected)
    assert own.majority == np.bincount(targets).max() / 60
    assert own.confusion[2, 1] == np.sum((targets == 2) & (predictions == 1))
    for score in own.scores.values():
        assert score.low < score.value < score.high


def test_the_interval_covers_the_truth():
    """Of 200 test sets of a model that is right in 70 %, about 95 % of intervals do."""
    random = np.random.default_rng(1)
    covered = 0
    for number in range(200):
        targets = random.integers(0, 2, 150)
        predictions = np.where(random.random(150) < 0.7, targets, 1 - targets)
        score = score_language("x", targets, predictions, 2, number).scores["accuracy"]
        covered += score.low <= 0.7 <= score.high
    assert 0.88 < covered / 200 < 0.99


def test_paired_comparison():
    random = np.random.default_rng(2)
    targets = random.integers(0, 3, 300)
    noisy = np.where(random.random(300) < 0.6, targets, random.integers(0, 3, 300))
    better = np.where(random.random(300) < 0.7, targets, noisy)
    difference, p = compare_paired(targets, noisy, better, 3, "macro_f1")
    assert difference > 0.1
    assert p == 0.001
    assert compare_paired(targets, better, noisy, 3, "macro_f1")[0] == -difference
    assert compare_paired(targets, noisy, noisy, 3, "accuracy") == (0.0, 1.0)


def test_the_report(tmp_path):
    scores = [
        score_language("en", [0, 1, 1, 0], [0, 1, 1, 1], 2),
        score_language("ja", [0, 1], [1, 1], 2),
    ]
    errors = [
        {
            "language": "ja",
            "text": "a | b\nc",
            "target": "no",
            "prediction": "yes",
            "probability": 0.9,
        }
    ]
    names, rows = score_columns(scores, ["en"])
    assert [row[0] for row in rows] == ["en", "ja", "mean"]
    assert rows[0][-1] == "trained on"
    assert rows[1][-1] == "-40.0"  # 33.3 of 73.3
    assert all(len(row) == len(names) for row in rows)
    labels = ["$\\no$", "yes"]  # no mathematics
    written = write_report(tmp_path / "r", scores, labels, errors, ["en"])
    assert [path.name for path in written] == ["scores.json", "report.md", "scores.png"]
    document = json.loads(written[0].read_text(encoding="utf-8"))
    assert document["languages"]["en"]["confusion"] == [[1, 1], [0, 2]]
    page = written[1].read_text(encoding="utf-8")
    assert "| ja | a \\| b c | no | yes | 90 % |" in page
    assert written[2].stat().st_size > 10_000
