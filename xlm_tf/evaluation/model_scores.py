"""A model on rows of several languages: what it answers, scores and errors."""

from xlm_tf.evaluation import (
    answer_scores,
    class_scores,
    entity_scores,
    label_set_scores,
    number_scores,
    pair_scores,
)
from xlm_tf.evaluation.row_languages import rows_by_language
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier

_OF_PROBLEMS = {
    "single_label_classification": class_scores,
    "multi_label_classification": label_set_scores,
    "regression": number_scores,
}


def evaluation_of(model):
    """How a model is evaluated.

    Args:
        model: `XLMTextClassifier`, `XLMTokenClassifier`, `XLMQuestionAnswering` or
            `XLMTextEmbedder`.

    Returns:
        Module with three functions, see those of `class_scores`: `predict(model, rows,
        batch_size)`; `score(model, rows, predictions, language, seed, intervals)`, to
        `LanguageScores`; and `errors(model, rows, predictions, language)`.

    Raises:
        ValueError: a model of another task, a regression to several numbers.
    """
    if isinstance(model, XLMTokenClassifier):
        return entity_scores
    if isinstance(model, XLMQuestionAnswering):
        return answer_scores
    if isinstance(model, XLMTextEmbedder):
        return pair_scores
    if not isinstance(model, XLMTextClassifier):
        raise ValueError(
            "Evaluated are XLMTextClassifier, XLMTokenClassifier, "
            "XLMQuestionAnswering and XLMTextEmbedder. Received: "
            f"{type(model).__name__}."
        )
    if model.problem_type == "regression" and model.num_classes != 1:
        raise ValueError(
            "A regression is evaluated where it gives one number. Received: one of "
            f"{model.num_classes}."
        )
    return _OF_PROBLEMS[model.problem_type]


def score_languages(model, rows, batch_size=32, seed=0, intervals=True):
    """Score a model on every language of some rows.

    Args:
        model: see `evaluation_of`; with a preprocessor.
        rows: list of dict with `language`; and with what the task reads: `text`,
            `text_pair` and `label`; `words` and `tags`; `question`, `context` and
            `answers`; `source` and `target`, and perhaps `number`. `name_languages`
            gives them the model's name of the language.
        batch_size: int.
        seed: int, of the resampling.
        intervals: bool, whether to resample; without, a score is its value alone.

    Returns:
        `(scores, errors)`: list of `LanguageScores`, languages sorted; and a list of
        dict, of the errors of all.
    """
    evaluation, scores, errors = evaluation_of(model), [], []
    for language, own in rows_by_language(rows).items():
        predictions = evaluation.predict(model, own, batch_size)
        scores.append(
            evaluation.score(model, own, predictions, language, seed, intervals)
        )
        errors += evaluation.errors(model, own, predictions, language)
    return scores, errors
