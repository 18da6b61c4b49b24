"""How well classes are predicted, language by language, and how sure that is."""

import dataclasses

import numpy as np

from xlm_tf.text.language_codes import match_language

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


def name_languages(rows, preprocessor, language=None):
    """Give rows the model's name of their language, `of_model`, where it has any.

    Args:
        rows: list of dict with `language`, changed.
        preprocessor: that of the model.
        language: str, of all rows, instead of their own.

    Raises:
        ValueError: a language that the model does not have.
    """
    if not reads_languages(preprocessor):
        return
    names = preprocessor.languages
    for row in rows:
        own = language or row["language"]
        row["of_model"] = match_language(own, names) if names else own


def reads_languages(preprocessor):
    """Whether a model, or its tokenizer, wants to know the language of a text."""
    in_tokenizer = getattr(preprocessor.tokenizer, "reads_language", False)
    return bool(preprocessor.languages or in_tokenizer)


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
    return score_probabilities(
        classify_rows(model, rows, batch_size), rows, model.class_names, language, seed
    )


def score_probabilities(probabilities, rows, labels, language, seed=0):
    """What `score_rows` returns, of the probabilities that `classify_rows` gave.

    Args:
        probabilities: float array (N, C).
        rows, language, seed: as for `score_rows`.
        labels: list of C str, names of the classes.
    """
    targets = [labels.index(row["label"]) for row in rows]
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
    confusion = _confusion(targets, predictions, num_classes)
    size = int(confusion.sum())
    # A row drawn at random falls into a cell as often as the cell has rows.
    resampled = np.random.default_rng(seed).multinomial(
        size, confusion.ravel() / size, RESAMPLES
    )
    resampled = resampled.reshape(-1, num_classes, num_classes)
    scores = {
        name: Score(
            float(metric(confusion[None])[0]),
            *map(float, np.percentile(metric(resampled), [2.5, 97.5])),
        )
        for name, metric in _METRICS.items()
    }
    majority = confusion.sum(1).max() / size
    return LanguageScores(language, size, scores, float(majority), confusion)


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
    score, targets = _METRICS[metric], np.asarray(targets)
    one, two = (
        float(score(_confusion(targets, own, num_classes)[None])[0])
        for own in (predictions, others)
    )
    # As in `score_language`, of the cells of both models together.
    triples, counts = np.unique(
        np.stack([targets, predictions, others]), axis=1, return_counts=True
    )
    drawn = np.random.default_rng(seed).multinomial(
        len(targets), counts / len(targets), RESAMPLES
    )
    resampled = np.zeros((2, RESAMPLES, num_classes, num_classes), "int64")
    for own, predicted in zip(resampled, triples[1:], strict=True):
        np.add.at(own, (slice(None), triples[0], predicted), drawn)
    first, second = map(score, resampled)
    differences = second - first
    tail = min(np.mean(differences <= 0), np.mean(differences >= 0))
    return two - one, float(min(1.0, max(2 * tail, 1 / RESAMPLES)))


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


def _confusion(targets, predictions, num_classes):
    confusion = np.zeros((num_classes, num_classes), "int64")
    np.add.at(confusion, (np.asarray(targets), np.asarray(predictions)), 1)
    return confusion
