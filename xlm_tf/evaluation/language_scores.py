"""The scores on the rows of one language, whatever the task."""

import dataclasses

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics, compare_paired, score_metrics


@dataclasses.dataclass(frozen=True)
class LanguageScores:
    """The scores on the examples of one language.

    Attributes:
        language: str.
        num_examples: int, rows: texts, sentences or questions.
        scores: dict from metrics to `Score`.
        metrics: dict from metrics to functions of sums, (R, K) -> (R,).
        main: str, the metric that languages and models are compared by.
        statistics: `RowStatistics` of the rows.
        baseline: dict from metrics to float, scores of an answer that is always the
            same; empty where there is no sensible one.
        baseline_name: str, that answer in words.
        confusion: int array (C, C), rows are targets, columns predictions, of texts or
            words; None where there are no classes that exclude each other.
        by_type: dict from types of entities to dict of `precision`, `recall`, `f1`
            (float) and `entities` (int, in the targets); None for other tasks.
    """

    language: str
    num_examples: int
    scores: dict
    metrics: dict
    main: str
    statistics: RowStatistics
    baseline: dict = dataclasses.field(default_factory=dict)
    baseline_name: str = ""
    confusion: np.ndarray | None = None
    by_type: dict | None = None


def language_scores(
    language, statistics, metrics, main, seed=0, intervals=True, **others
):
    """Score the rows of one language.

    Args:
        language, metrics, main: see `LanguageScores`.
        statistics: `RowStatistics`, of one row at least.
        seed: int, of the resampling.
        intervals: bool, whether to resample.
        **others: the remaining attributes of `LanguageScores`.

    Returns:
        `LanguageScores`.
    """
    scores = score_metrics(statistics, metrics, seed, intervals)
    return LanguageScores(
        language, len(statistics), scores, metrics, main, statistics, **others
    )


def compare_languages(scores, others, seed=0):
    """Two models on the same rows, language by language; see `compare_paired`.

    Args:
        scores, others: lists of `LanguageScores` of the same rows.
        seed: int, of the resampling.

    Returns:
        list of `(difference, p_value)`, of the main metric: the other's less the
        first's.
    """
    return [
        compare_paired(one.statistics, other.statistics, one.metrics[one.main], seed)
        for one, other in zip(scores, others, strict=True)
    ]
