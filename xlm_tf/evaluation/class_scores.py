"""How well classes are predicted, language by language, and how sure that is."""

import numpy as np

from xlm_tf.evaluation.class_statistics import (
    METRICS,
    class_statistics,
    confusion_of,
    majority_baseline,
)
from xlm_tf.evaluation.language_scores import language_scores


def columns_of(rows):
    """What a classifier reads of rows.

    Args:
        rows: list of dict with `text`, of pairs also `text_pair`, and, where the model
            or its tokenizer needs it, the model's name of the language, `of_model`.

    Returns:
        dict of lists: `text`, `text_pair`, `language`.
    """
    names = {"text": "text", "text_pair": "text_pair", "of_model": "language"}
    return {
        field: [row[name] for row in rows]
        for name, field in names.items()
        if rows[0].get(name) is not None
    }


def predict(model, rows, batch_size=32):
    """The probabilities of the classes of rows, batches of similar length.

    Args:
        model: `XLMTextClassifier` with a preprocessor.
        rows: see `columns_of`.
        batch_size: int.

    Returns:
        float32 array (N, C), in the order of the rows; of a regression its numbers.
    """
    order = sorted(
        range(len(rows)),
        key=lambda i: len(rows[i]["text"]) + len(rows[i].get("text_pair") or ""),
    )
    columns = columns_of([rows[number] for number in order])
    outputs = model.predict(columns, batch_size=batch_size, verbose=0)
    probabilities = np.empty(outputs.shape, "float32")
    probabilities[order] = model.probabilities(outputs)
    return probabilities


def score(model, rows, probabilities, language, seed=0, intervals=True):
    """Score what `predict` gave for the rows of one language.

    Args:
        model: `XLMTextClassifier`.
        rows: list of N dict with `label`, one of the model's classes.
        probabilities: float array (N, C).
        language: str.
        seed: int, of the resampling.
        intervals: bool, whether to resample.

    Returns:
        `LanguageScores`, see `score_classes`.
    """
    labels = model.class_names
    targets = [labels.index(row["label"]) for row in rows]
    predictions = probabilities.argmax(-1)
    return score_classes(language, targets, predictions, len(labels), seed, intervals)


def errors(model, rows, probabilities, language):
    """The rows whose most probable class is not theirs.

    Returns:
        list of dict with `language`, `text`, `target`, `prediction`, `probability`.
    """
    labels = model.class_names
    return [
        {
            "language": language,
            "text": text_of(row),
            "target": row["label"],
            "prediction": labels[own.argmax()],
            "probability": float(own.max()),
        }
        for row, own in zip(rows, probabilities, strict=True)
        if labels[own.argmax()] != row["label"]
    ]


def score_classes(language, targets, predictions, num_classes, seed=0, intervals=True):
    """Score the predictions for one language.

    Args:
        language: str.
        targets, predictions: int array-likes (N,), classes; N is 1 at least.
        num_classes: int, C.
        seed: int, of the resampling.
        intervals: bool, whether to resample.

    Returns:
        `LanguageScores` with `accuracy` and `macro_f1`, and of always answering the
        most frequent class as baseline.
    """
    confusion = confusion_of(targets, predictions, num_classes)
    return language_scores(
        language,
        class_statistics(targets, predictions, num_classes),
        METRICS,
        "macro_f1",
        seed,
        intervals,
        baseline=majority_baseline(confusion),
        baseline_name="majority class",
        confusion=confusion,
    )


def text_of(row):
    """A text, or both of a pair, for a table of errors."""
    return " / ".join(filter(None, [row["text"], row.get("text_pair")]))
