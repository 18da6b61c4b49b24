"""How near answers are to references: SQuAD's exact match and F1, in any language."""

import collections
import functools
import re
import string
import unicodedata

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics
from xlm_tf.evaluation.language_scores import language_scores
from xlm_tf.evaluation.row_languages import language_of_model
from xlm_tf.text.language_codes import UNSPACED_LANGUAGES, parse_language_code

# MLQA's; of other languages none is left out.
_ARTICLES = {
    "de": r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "en": r"\b(?:a|an|the)\b",
    "es": r"\b(?:un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(?:của|là|cái|chiếc|những)\b",
    "ar": r"\bال",
}
# Names of characters begin with these, in scripts without spaces between words.
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER")
_UNSPACED += ("MYANMAR", "TIBETAN")


def normalized_answer(text, language):
    """What is compared of an answer: its words, without what does not matter.

    Lower case, without punctuation (Unicode's P, and ASCII's symbols as in SQuAD) and
    without the articles of the language; a space between words. In languages without
    spaces, every character, with the marks on it, is a word, as in MLQA's Chinese.
    Spellings that Unicode calls equivalent are the same. The Arabic article is left out
    where a word begins with it.

    Args:
        text: str.
        language: str, of the text, in any spelling.

    Returns:
        str.

    Source: Rajpurkar et al. 2016 (SQuAD); Lewis et al. 2020 (MLQA).
    """
    code = parse_language_code(language).language
    text = unicodedata.normalize("NFC", text).lower()
    text = "".join(x for x in text if not _is_punctuation(x))
    if code in _ARTICLES:
        text = re.sub(_ARTICLES[code], " ", text)
    if code in UNSPACED_LANGUAGES:
        text = "".join(f" {x} " if _is_word(x) else x for x in text)
        # A mark goes with the character before it.
        text = re.sub(r" +(?=(\S))", _space_before, text)
    return " ".join(text.split())


def answer_scores(predictions, references, language):
    """Exact match and F1 of every answer; of several references the nearest counts.

    Args:
        predictions: list of N str, "" for "there is no answer".
        references: list of N lists of str; empty where there is no answer.
        language: str, of the answers, in any spelling.

    Returns:
        float array (N, 2), between 0 and 1. A question without an answer has 1 where
        the prediction is empty, otherwise 0.

    Raises:
        ValueError: not as many references as predictions.
    """
    if len(predictions) != len(references):
        raise ValueError(
            "Every answer needs its list of references. Received: "
            f"{len(predictions)} answers, {len(references)} lists of references."
        )
    scores = np.zeros((len(predictions), 2))
    for row, prediction, own in zip(scores, predictions, references, strict=True):
        said = normalized_answer(prediction, language)
        wanted = {normalized_answer(text, language) for text in own}
        # A reference of punctuation alone is none, unless there is no other.
        wanted = wanted - {""} or {""}
        row[:] = [said in wanted, max(_f1(said, text) for text in wanted)]
    return scores


def predict(model, rows, batch_size=32, no_answer_threshold=None):
    """The answers to the questions of rows of one language.

    Args:
        model: `XLMQuestionAnswering` with a preprocessor.
        rows: list of dict with `question` and `context`, str; and, where the model or
            its tokenizer needs it, the model's name of the language, `of_model`.
        batch_size: int.
        no_answer_threshold: float, see `XLMQuestionAnswering.answer`.

    Returns:
        list of dict, see there; `answer` is "" for none.
    """
    return model.answer(
        [row["question"] for row in rows],
        [row["context"] for row in rows],
        no_answer_threshold=no_answer_threshold,
        language=language_of_model(rows),
        batch_size=batch_size,
    )


def score(model, rows, predictions, language, seed=0, intervals=True):
    """Score what `predict` gave for rows with `answers`; see `score_answers`."""
    texts = [prediction["answer"] for prediction in predictions]
    return score_answers(language, texts, _references(rows), seed, intervals)


def errors(model, rows, predictions, language):
    """The questions whose answer has an F1 below 1.

    Returns:
        list of dict with `language`, `question`, `target`, `prediction`, `f1` and
        `score`, the model's.
    """
    texts = [prediction["answer"] for prediction in predictions]
    scores = answer_scores(texts, _references(rows), language)
    return [
        {
            "language": language,
            "question": row["question"],
            "target": " / ".join(dict(row["answers"])) or "(no answer)",
            "prediction": own["answer"] or "(no answer)",
            "f1": float(f1_of_row),
            "score": float(own["score"]),
        }
        for row, own, (_, f1_of_row) in zip(rows, predictions, scores, strict=True)
        if f1_of_row < 1
    ]


def score_answers(language, predictions, references, seed=0, intervals=True):
    """Score the answers of one language.

    Args:
        language, predictions, references: as for `answer_scores`; one at least.
        seed: int, of the resampling.
        intervals: bool, whether to resample.

    Returns:
        `LanguageScores` with `exact` and `f1`. The baseline is never to answer, where
        some questions have no answer; otherwise there is none.
    """
    rows = answer_scores(predictions, references, language)
    silent = float(np.mean([not own for own in references]))
    return language_scores(
        language,
        RowStatistics.of(np.column_stack([rows, np.ones(len(rows))])),
        METRICS,
        "f1",
        seed,
        intervals,
        baseline=dict.fromkeys(METRICS, silent) if silent else {},
        baseline_name="no answer at all",
    )


def exact(sums):
    """float (R, 3) -> (R,)."""
    return sums[:, 0] / sums[:, 2]


def f1(sums):
    """float (R, 3) -> (R,)."""
    return sums[:, 1] / sums[:, 2]


METRICS = {"exact": exact, "f1": f1}


def _references(rows):
    return [[text for text, _ in row["answers"]] for row in rows]


def _f1(said, wanted):
    if not said or not wanted:
        return float(said == wanted)
    said, wanted = said.split(), wanted.split()
    same = (collections.Counter(said) & collections.Counter(wanted)).total()
    return 2 * same / (len(said) + len(wanted))


@functools.cache
def _is_punctuation(character):
    is_ascii = character in string.punctuation
    return is_ascii or unicodedata.category(character).startswith("P")


@functools.cache
def _is_word(character):
    name = unicodedata.name(character, "")
    return name.startswith(_UNSPACED) and unicodedata.category(character)[0] == "L"


def _space_before(match):
    return "" if unicodedata.category(match[1])[0] == "M" else " "
