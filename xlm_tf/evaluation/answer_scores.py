"""How near answers are to references: SQuAD's exact match and F1, in any language."""

import collections
import functools
import re
import string
import unicodedata

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics, score_metrics
from xlm_tf.evaluation.language_scores import LanguageScores
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
    return language_scores_of(language, rows, references, seed, intervals)


def language_scores_of(language, rows, references, seed=0, intervals=True):
    """What `score_answers` returns, of the rows that `answer_scores` gave."""
    statistics = RowStatistics.of(np.column_stack([rows, np.ones(len(rows))]))
    silent = float(np.mean([not own for own in references]))
    return LanguageScores(
        language,
        len(rows),
        score_metrics(statistics, METRICS, seed, intervals),
        "f1",
        statistics,
        dict.fromkeys(METRICS, silent) if silent else {},
    )


def exact(sums):
    """float (R, 3) -> (R,)."""
    return sums[:, 0] / sums[:, 2]


def f1(sums):
    """float (R, 3) -> (R,)."""
    return sums[:, 1] / sums[:, 2]


METRICS = {"exact": exact, "f1": f1}


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
