"""Accuracy and F1 of classes from sums over rows: hits, targets and predictions.

Sums are float (R, 3 C): of every class how often it was hit, is the target, and was
predicted.
"""

import numpy as np

from xlm_tf.evaluation.bootstrap import OneHotKinds, RowStatistics


def accuracy(sums):
    """float (R, 3 C) -> (R,)."""
    hits, targets, _ = _parts(sums)
    return hits.sum(1) / np.maximum(targets.sum(1), 1)


def macro_f1(sums):
    """The mean F1 of the classes that are a target or a prediction.

    float (R, 3 C) -> (R,). As scikit-learn's `f1_score(average="macro")`.
    """
    hits, targets, predictions = _parts(sums)
    totals = targets + predictions
    f1 = 2 * hits / np.maximum(totals, 1)
    return f1.sum(1) / np.maximum((totals > 0).sum(1), 1)


def micro_f1(sums):
    """The F1 of all classes together, float (R, 3 C) -> (R,)."""
    hits, targets, predictions = (part.sum(1) for part in _parts(sums))
    return 2 * hits / np.maximum(targets + predictions, 1)


METRICS = {"accuracy": accuracy, "macro_f1": macro_f1}


def class_statistics(targets, predictions, num_classes):
    """`RowStatistics` of rows with one class each.

    Args:
        targets, predictions: int array-likes (N,), classes.
        num_classes: int, C.
    """
    cells = np.asarray(targets) * num_classes + np.asarray(predictions)
    cells, numbers = np.unique(cells, return_inverse=True)
    target, prediction = np.divmod(cells, num_classes)
    hits = np.where(target == prediction, target, 3 * num_classes)
    columns = np.stack([hits, num_classes + target, 2 * num_classes + prediction], 1)
    return RowStatistics(OneHotKinds(columns, 3 * num_classes), numbers.reshape(-1))


def confusion_of(targets, predictions, num_classes):
    """int array (C, C), rows are targets, columns predictions, int array-likes (N,)."""
    cells = np.asarray(targets, int) * num_classes + np.asarray(predictions, int)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, -1)


def majority_baseline(confusion):
    """The scores of always answering the most frequent class.

    Args:
        confusion: int array (C, C), see `confusion_of`.

    Returns:
        dict from metrics to float.
    """
    targets = confusion.sum(1)
    always = np.zeros_like(targets)
    always[targets.argmax()] = targets.sum()
    hits = np.minimum(targets, always)
    sums = np.concatenate([hits, targets, always])[None]
    return {name: float(metric(sums)[0]) for name, metric in METRICS.items()}


def _parts(sums):
    return np.moveaxis(sums.reshape(len(sums), 3, -1), 1, 0)
