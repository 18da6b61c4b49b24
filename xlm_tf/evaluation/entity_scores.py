"""How well words are tagged: entities as CoNLL counts them, or tag by tag."""

import collections

import numpy as np

from xlm_tf.evaluation import class_statistics
from xlm_tf.evaluation.bootstrap import RowStatistics, score_metrics
from xlm_tf.evaluation.language_scores import LanguageScores
from xlm_tf.text.tag_schemes import entities_of, marks_entities


def score_tags(language, targets, predictions, labels, seed=0, intervals=True):
    """Score the tags of the words of one language.

    Args:
        language: str.
        targets, predictions: lists of N lists of str, a tag for every word of every
            sentence; N is 1 at least.
        labels: list of str, all tags that there are. Where they mark entities (see
            `marks_entities`) entities are scored, otherwise tags.
        seed: int, of the resampling, by sentences.
        intervals: bool, whether to resample.

    Returns:
        `LanguageScores`: of entities `precision`, `recall` and `f1` of all types
        together, and `by_type`; of other tags `accuracy` and `macro_f1`, and as
        baseline the most frequent tag. The confusion is that of words.

    Raises:
        ValueError: not as many predictions as targets; a tag that is none of `labels`.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    _check(targets, predictions, numbers)
    pairs = [
        np.array([[numbers[tag] for tag in own] for own in both])
        for both in zip(targets, predictions, strict=True)
    ]
    words = np.concatenate(pairs, axis=1)  # (2, words)
    confusion = class_statistics.confusion_of(*words, len(labels))
    if marks_entities(labels):
        counts = _entity_counts(targets, predictions)
        rows = [sum(own.values(), np.zeros(3)) for own in counts]
        statistics = RowStatistics.of(rows)
        metrics, main, baseline = METRICS, "f1", {}
        by_type = _by_type(counts)
    else:
        rows = np.zeros((len(pairs), 3, len(labels)))
        for row, (target, prediction) in zip(rows, pairs, strict=True):
            hits = target[target == prediction]
            for part, own in zip(row, (hits, target, prediction), strict=True):
                part[:] = np.bincount(own, minlength=len(labels))
        statistics = RowStatistics.of(rows.reshape(len(rows), -1))
        metrics, main = class_statistics.METRICS, "macro_f1"
        baseline = class_statistics.majority_baseline(confusion)
        by_type = None
    return LanguageScores(
        language,
        len(targets),
        score_metrics(statistics, metrics, seed, intervals),
        main,
        statistics,
        baseline,
        confusion,
        by_type,
    )


def precision(sums):
    """float (R, 3): entities that are right, predicted, to be found -> (R,)."""
    return sums[:, 0] / np.maximum(sums[:, 1], 1)


def recall(sums):
    """float (R, 3) -> (R,)."""
    return sums[:, 0] / np.maximum(sums[:, 2], 1)


def f1(sums):
    """float (R, 3) -> (R,)."""
    return 2 * sums[:, 0] / np.maximum(sums[:, 1] + sums[:, 2], 1)


METRICS = {"precision": precision, "recall": recall, "f1": f1}


def _check(targets, predictions, numbers):
    if [len(own) for own in targets] != [len(own) for own in predictions]:
        raise ValueError(
            "Every word needs a target and a prediction. Received: "
            f"{len(targets):,} sentences of {sum(map(len, targets)):,} words, and "
            f"{len(predictions):,} of {sum(map(len, predictions)):,}."
        )
    for what, lists in (("targets", targets), ("predictions", predictions)):
        unknown = {tag for own in lists for tag in own} - set(numbers)
        if unknown:
            raise ValueError(
                f"The {what} have tags that the labels lack: "
                f"{', '.join(sorted(unknown)[:10])}. The labels: {', '.join(numbers)}."
            )


def _entity_counts(targets, predictions):
    """Of every sentence a dict from types to (right, predicted, to be found)."""
    counts = []
    for target, prediction in zip(targets, predictions, strict=True):
        wanted, found = set(entities_of(target)), set(entities_of(prediction))
        own = collections.defaultdict(lambda: np.zeros(3, int))
        for place, entities in enumerate((wanted & found, found, wanted)):
            for kind, _, _ in entities:
                own[kind][place] += 1
        counts.append(own)
    return counts


def _by_type(counts):
    total = collections.defaultdict(lambda: np.zeros(3, int))
    for own in counts:
        for kind, sums in own.items():
            total[kind] += sums
    return {
        kind: {
            **{name: float(metric(sums[None])[0]) for name, metric in METRICS.items()},
            "entities": int(sums[2]),
        }
        for kind, sums in sorted(total.items())
    }
