"""How well sets of labels are predicted, where several may be right at once."""

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics
from xlm_tf.evaluation.class_scores import predict, text_of
from xlm_tf.evaluation.class_statistics import macro_f1, micro_f1
from xlm_tf.evaluation.language_scores import language_scores

METRICS = {"micro_f1": micro_f1, "macro_f1": macro_f1}
__all__ = ["METRICS", "errors", "predict", "score", "score_label_sets"]


def score(model, rows, probabilities, language, seed=0, intervals=True):
    """As `class_scores.score`, of rows with `labels`, a list of the model's classes.

    A class is predicted where its probability is 0.5 or more.
    """
    targets = _hot(model, [row["labels"] for row in rows])
    predictions = probabilities >= 0.5
    return score_label_sets(language, targets, predictions, seed, intervals)


def errors(model, rows, probabilities, language):
    """The rows with another set of labels than theirs.

    Returns:
        list of dict with `language`, `text`, `target`, `prediction`, and `wrong`, how
        many labels are too many or missing.
    """
    names = np.array(model.class_names)
    targets = _hot(model, [row["labels"] for row in rows])
    return [
        {
            "language": language,
            "text": text_of(row),
            "target": ", ".join(names[target]),
            "prediction": ", ".join(names[own >= 0.5]),
            "wrong": int(np.sum(target != (own >= 0.5))),
        }
        for row, target, own in zip(rows, targets, probabilities, strict=True)
        if (target != (own >= 0.5)).any()
    ]


def score_label_sets(language, targets, predictions, seed=0, intervals=True):
    """Score the predictions for one language.

    Args:
        language: str.
        targets, predictions: bool array-likes (N, C), which classes are right, and
            which are predicted; N is 1 at least.
        seed, intervals: see `language_scores`.

    Returns:
        `LanguageScores` with `micro_f1` and `macro_f1`. There is no baseline.
    """
    targets, predictions = np.asarray(targets, bool), np.asarray(predictions, bool)
    rows = np.concatenate([targets & predictions, targets, predictions], axis=1)
    return language_scores(
        language, RowStatistics.of(rows), METRICS, "micro_f1", seed, intervals
    )


def _hot(model, sets):
    numbers = {label: number for number, label in enumerate(model.class_names)}
    hot = np.zeros((len(sets), len(numbers)), bool)
    for row, own in zip(hot, sets, strict=True):
        row[[numbers[label] for label in own]] = True
    return hot
