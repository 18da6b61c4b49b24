"""The scores on the rows of one language, whatever the task."""

import dataclasses

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics


@dataclasses.dataclass(frozen=True)
class LanguageScores:
    """The scores on the examples of one language.

    Attributes:
        language: str.
        num_examples: int, rows: texts, sentences or questions.
        scores: dict from metrics to `Score`.
        main: str, the metric that languages and models are compared by.
        statistics: `RowStatistics`, for `compare_paired`.
        baseline: dict from metrics to float, scores of an answer that is always the
            same; empty where there is no sensible one.
        confusion: int array (C, C), rows are targets, columns predictions, of texts or
            words; None where there are no classes.
        by_type: dict from types of entities to dict of `precision`, `recall`, `f1`
            (float) and `entities` (int, in the targets); None for other tasks.
    """

    language: str
    num_examples: int
    scores: dict
    main: str
    statistics: RowStatistics
    baseline: dict = dataclasses.field(default_factory=dict)
    confusion: np.ndarray | None = None
    by_type: dict | None = None
