"""How well words are tagged: entities as CoNLL counts them, or tag by tag."""

import collections

import numpy as np

from xlm_tf.evaluation import class_statistics
from xlm_tf.evaluation.bootstrap import RowStatistics
from xlm_tf.evaluation.language_scores import language_scores
from xlm_tf.evaluation.row_languages import language_of_model
from xlm_tf.text.tag_schemes import entities_of, has_entities


def predict(model, rows, batch_size=32):
    """The tags of the words of rows of one language.

    Args:
        model: `XLMTokenClassifier` with a preprocessor.
        rows: list of dict with `words`, list of str; and, where the model or its
            tokenizer needs it, the model's name of the language, `of_model`.
        batch_size: int.

    Returns:
        list of lists of str.
    """
    words = [row["words"] for row in rows]
    language = language_of_model(rows)
    return model.tag_words(words, language=language, batch_size=batch_size)


def score(model, rows, predictions, language, seed=0, intervals=True):
    """Score what `predict` gave for rows with `tags`; see `score_tags`."""
    targets = [row["tags"] for row in rows]
    return score_tags(
        language, targets, predictions, model.class_names, seed, intervals
    )


def errors(model, rows, predictions, language):
    """The sentences in which something is wrong.

    Returns:
        list of dict with `language`; `text`; `target` and `prediction`, the entities,
        or words with their tags, that are in one of them alone; and `wrong`, how many
        these are.
    """
    units = _entities_in if has_entities(model.class_names) else _tagged_words
    found = []
    for row, prediction in zip(rows, predictions, strict=True):
        target, said = units(row["words"], row["tags"]), units(row["words"], prediction)
        missed, invented = target - said, said - target
        if missed or invented:
            found.append(
                {
                    "language": language,
                    "text": " ".join(row["words"]),
                    "target": _in_words(missed),
                    "prediction": _in_words(invented),
                    "wrong": len(missed | invented),
                }
            )
    return found


def score_tags(language, targets, predictions, labels, seed=0, intervals=True):
    """Score the tags of the words of one language.

    Args:
        language: str.
        targets, predictions: lists of N lists of str, a tag for every word of every
            sentence; N is 1 at least.
        labels: list of str, all tags that there are. Where they mark entities (see
            `has_entities`) entities are scored, otherwise tags.
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
    if has_entities(labels):
        counts = _entity_counts(targets, predictions)
        return language_scores(
            language,
            RowStatistics.of([sum(own.values(), np.zeros(3)) for own in counts]),
            METRICS,
            "f1",
            seed,
            intervals,
            confusion=confusion,
            by_type=_by_type(counts),
        )
    rows = np.zeros((len(pairs), 3, len(labels)))
    for row, (target, prediction) in zip(rows, pairs, strict=True):
        hits = target[target == prediction]
        for part, own in zip(row, (hits, target, prediction), strict=True):
            part[:] = np.bincount(own, minlength=len(labels))
    return language_scores(
        language,
        RowStatistics.of(rows.reshape(len(rows), -1)),
        class_statistics.METRICS,
        "macro_f1",
        seed,
        intervals,
        baseline=class_statistics.majority_baseline(confusion),
        baseline_name="majority tag",
        confusion=confusion,
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


def _entities_in(words, tags):
    """The entities of a sentence as a set of (first word, words, type)."""
    return {
        (start, " ".join(words[start:end]), kind)
        for kind, start, end in entities_of(tags)
    }


def _tagged_words(words, tags):
    return {
        (number, word, tag)
        for number, (word, tag) in enumerate(zip(words, tags, strict=True))
    }


def _in_words(units):
    return "; ".join(f"{kind}: {text}" for _, text, kind in sorted(units))
