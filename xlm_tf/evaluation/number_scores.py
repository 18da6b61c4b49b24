"""How near the numbers of a regression are to those that are right."""

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics
from xlm_tf.evaluation.class_scores import predict, text_of
from xlm_tf.evaluation.language_scores import language_scores

__all__ = ["METRICS", "errors", "predict", "ranks", "score", "score_numbers"]


def score(model, rows, numbers, language, seed=0, intervals=True):
    """As `class_scores.score`, of rows with `number`, a float; `numbers` is (N, 1)."""
    targets = [row["number"] for row in rows]
    return score_numbers(language, targets, numbers[:, 0], seed, intervals)


def errors(model, rows, numbers, language):
    """All rows, by how far the prediction is from the target.

    Returns:
        list of dict with `language`, `text`, `target`, `prediction`, `difference`.
    """
    return [
        {
            "language": language,
            "text": text_of(row),
            "target": row["number"],
            "prediction": float(own),
            "difference": abs(float(own) - row["number"]),
        }
        for row, own in zip(rows, numbers[:, 0], strict=True)
    ]


def score_numbers(language, targets, predictions, seed=0, intervals=True, metrics=None):
    """Score the numbers of one language.

    Args:
        language: str.
        targets, predictions: float array-likes (N,); N is 1 at least.
        seed, intervals: see `language_scores`.
        metrics: dict, those of `METRICS` that are wanted, the main one first; None for
            all.

    Returns:
        `LanguageScores` with `pearson` and `spearman`, 0 where all numbers are the
        same, and the mean squared error, `mse`, of which the baseline is the mean
        target. Resampled test sets keep the ranks that their rows have in the whole.
    """
    both = np.stack([targets, predictions]).astype("float64")
    rows = [np.ones(both.shape[1]), (both[0] - both[1]) ** 2]
    for values in (both, np.stack([ranks(own) for own in both])):
        # Correlations stay the same; sums of squares of small numbers are exact.
        spread = np.maximum(values.std(1, keepdims=True), 1e-12)
        x, y = (values - values.mean(1, keepdims=True)) / spread
        rows += [x, y, x * x, y * y, x * y]
    metrics = metrics or METRICS
    baseline = {"mse": float(both[0].var())} if "mse" in metrics else {}
    return language_scores(
        language,
        RowStatistics.of(np.stack(rows, axis=1)),
        metrics,
        next(iter(metrics)),
        seed,
        intervals,
        baseline=baseline,
        baseline_name="mean target",
    )


def mse(sums):
    """float (R, 12) -> (R,)."""
    return sums[:, 1] / sums[:, 0]


def pearson(sums):
    """float (R, 12) -> (R,)."""
    return _correlation(sums[:, 0], sums[:, 2:7])


def spearman(sums):
    """float (R, 12) -> (R,)."""
    return _correlation(sums[:, 0], sums[:, 7:12])


METRICS = {"pearson": pearson, "spearman": spearman, "mse": mse}


def _correlation(count, sums):
    x, y, xx, yy, xy = sums.T / count
    variances = (xx - x * x) * (yy - y * y)
    is_constant = variances < 1e-18
    return np.where(
        is_constant, 0.0, (xy - x * y) / np.sqrt(np.where(is_constant, 1, variances))
    )


def ranks(values):
    """Ranks from 1, of equal values their mean: float array (N,) of an array (N,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + 1 + ends) / 2)[inverse]
