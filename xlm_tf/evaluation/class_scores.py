"""How well classes are predicted, language by language, and how sure that is."""

import dataclasses

import numpy as np

METRICS = ("accuracy", "macro_f1")
RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Score:
    """A score and the interval that its bootstrap gives.

    Attributes:
        value, low, high: float between 0 and 1; 95 % of the resampled test sets score
            between `low` and `high`.
    """

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class LanguageScores:
    """The scores on the examples of one language.

    Attributes:
        language: str.
        num_examples: int.
        scores: dict from each of `METRICS` to `Score`.
        majority: float, the accuracy of answering the most frequent class always.
        confusion: int array (C, C), rows are targets, columns predictions.
    """

    language: str
    num_examples: int
    scores: dict
    majority: float
    confusion: np.ndarray


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


def classify_rows(model, rows, batch_size=32):
    """The probabilities of the classes of rows, batches of similar length.

    Args:
        model: `XLMTextClassifier` with a preprocessor.
        rows: see `columns_of`.
        batch_size: int.

    Returns:
        float32 array (N, C), in the order of the rows.
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


def score_rows(model, rows, language, batch_size=32, seed=0):
    """Score a model on the rows of one language.

    Args:
        model: `XLMTextClassifier` with a preprocessor.
        rows: see `columns_of`, and `label`, one of the model's classes.
        language: str.
        batch_size: int.
        seed: int, of the resampling.

    Returns:
        `(scores, errors)`: `LanguageScores`, and a list of dict with `language`,
        `text`, `target`, `prediction` and `probability`.
    """
    labels = model.labels or [str(number) for number in range(model.num_classes)]
    targets = np.array([labels.index(row["label"]) for row in rows])
    probabilities = classify_rows(model, rows, batch_size)
    predictions = probabilities.argmax(-1)
    errors = [
        {
            "language": language,
            "text": " / ".join(filter(None, [row["text"], row.get("text_pair")])),
            "target": row["label"],
            "prediction": labels[prediction],
            "probability": float(own[prediction]),
        }
        for row, target, prediction, own in zip(
            rows, targets, predictions, probabilities, strict=True
        )
        if target != prediction
    ]
    scores = score_language(language, targets, predictions, len(labels), seed)
    return scores, errors


def score_languages(model, rows, batch_size=32, seed=0):
    """Score a model on every language of some rows.

    Args:
        model, batch_size, seed: as for `score_rows`.
        rows: as there, and `language`.

    Returns:
        `(scores, errors)`: list of `LanguageScores`, languages sorted; and the errors
        of all.
    """
    languages = {}
    for row in rows:
        languages.setdefault(row["language"], []).append(row)
    results = [
        score_rows(model, own, language, batch_size, seed)
        for language, own in sorted(languages.items())
    ]
    return [scores for scores, _ in results], [x for _, own in results for x in own]


def score_language(language, targets, predictions, num_classes, seed=0):
    """Score the predictions for one language.

    Args:
        language: str.
        targets, predictions: int array-likes (N,), classes; N is 1 at least.
        num_classes: int, C.
        seed: int, of the resampling.

    Returns:
        `LanguageScores`. The interval is the percentile bootstrap's of 1,000 resampled
        test sets (Efron and Tibshirani 1993, chapter 13).
    """
    cells = _cells(targets, predictions, num_classes)
    confusion = _confusions(cells[None], num_classes)[0]
    resampled = _confusions(cells[_resamples(len(cells), seed)], num_classes)
    scores = {
        name: Score(
            float(metric(confusion[None])[0]),
            *map(float, np.percentile(metric(resampled), [2.5, 97.5])),
        )
        for name, metric in _METRICS.items()
    }
    majority = confusion.sum(1).max() / len(cells)
    return LanguageScores(language, len(cells), scores, float(majority), confusion)


def compare_paired(targets, predictions, others, num_classes, metric, seed=0):
    """The difference of two models on the same examples, and how sure it is.

    Args:
        targets, predictions, others: int array-likes (N,): the classes, what one model
            says, and what the other does.
        num_classes: int, C.
        metric: one of `METRICS`.
        seed: int, of the resampling.

    Returns:
        `(difference, p_value)`, floats: the other's score less the first's, and the
        two-sided p-value of the paired bootstrap (Koehn 2004), 1 / 1000 at least.
    """
    score = _METRICS[metric]
    cells = [_cells(targets, own, num_classes) for own in (predictions, others)]
    one, two = (score(_confusions(own[None], num_classes))[0] for own in cells)
    chosen = _resamples(len(cells[0]), seed)
    first, second = (score(_confusions(own[chosen], num_classes)) for own in cells)
    differences = second - first
    tail = min(np.mean(differences <= 0), np.mean(differences >= 0))
    return float(two - one), float(min(1.0, max(2 * tail, 1 / RESAMPLES)))


def accuracy(confusions):
    """int (R, C, C) -> float (R,)."""
    hits = np.trace(confusions, axis1=1, axis2=2)
    return hits / np.maximum(confusions.sum((1, 2)), 1)


def macro_f1(confusions):
    """The mean F1 of the classes that are a target or a prediction.

    int (R, C, C) -> float (R,). As scikit-learn's `f1_score(average="macro")`.
    """
    hits = np.diagonal(confusions, axis1=1, axis2=2)  # (R, C)
    totals = confusions.sum(1) + confusions.sum(2)
    is_there = totals > 0
    f1 = 2 * hits / np.maximum(totals, 1)
    return f1.sum(1) / np.maximum(is_there.sum(1), 1)


_METRICS = {"accuracy": accuracy, "macro_f1": macro_f1}


def _cells(targets, predictions, num_classes):
    return np.asarray(targets) * num_classes + np.asarray(predictions)


def _resamples(count, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, count, (RESAMPLES, count), "int32")


def _confusions(cells, num_classes):
    """int (R, N), cells of a matrix -> int (R, C, C)."""
    size = num_classes**2
    return np.stack([np.bincount(row, minlength=size) for row in cells]).reshape(
        -1, num_classes, num_classes
    )
