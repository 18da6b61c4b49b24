"""How near summaries come to references: ROUGE."""

import dataclasses
import importlib.metadata
import unicodedata

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import parse_language_code

_INSTALL = "pip install 'xlm-tf[eval]'"
# Scripts without spaces between words.
_UNSPACED = (
    "Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tibetan Tai_Le "
    "New_Tai_Lue Tai_Tham"
)


@dataclasses.dataclass(frozen=True)
class SummaryScores:
    """Mean F1 of one corpus, from 0 to 100.

    Attributes:
        rouge1: float, of words.
        rouge2: float, of pairs of words.
        rougeL: float, of the longest common subsequence.
        signatures: dict from these names to what was counted, and with what.
    """

    rouge1: float
    rouge2: float
    rougeL: float
    signatures: dict


def summary_scores(summaries, references, language):
    """Score summaries with rouge-score; of several references the nearest counts.

    English words are stemmed, as is usual; rouge-score's own tokens know the letters
    a to z alone, so that those of other languages are `unicode_words`.

    Args:
        summaries: list of str.
        references: list of lists of str, one or more a summary.
        language: str, of the summaries, in any spelling.

    Returns:
        `SummaryScores`.

    Raises:
        ValueError: not as many references as summaries, or none.
        ModuleNotFoundError: rouge-score, or a package that it needs, is not installed.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    if len(summaries) != len(references) or not all(references) or not summaries:
        raise ValueError(
            "Every summary needs at least one reference. Received: "
            f"{len(summaries)} summaries, {len(references)} lists of references."
        )
    rouge = import_optional("rouge_score.rouge_scorer", "ROUGE's scores", _INSTALL)
    names = ["rouge1", "rouge2", "rougeL"]
    is_english = parse_language_code(language).language == "en"
    if is_english:
        scorer = rouge.RougeScorer(names, use_stemmer=True)
    else:
        scorer = rouge.RougeScorer(names, tokenizer=_Words())
    totals = dict.fromkeys(names, 0.0)
    for summary, own in zip(summaries, references, strict=True):
        scores = [scorer.score(reference, summary) for reference in own]
        for name in names:
            totals[name] += max(score[name].fmeasure for score in scores)
    num_references = sorted({len(own) for own in references})
    signature = (
        f"nrefs:{'-'.join(map(str, num_references))}|best:nearest|measure:f1|"
        f"words:{'porter' if is_english else 'unicode'}|"
        f"rouge-score:{importlib.metadata.version('rouge-score')}"
    )
    return SummaryScores(
        **{name: 100 * total / len(summaries) for name, total in totals.items()},
        signatures=dict.fromkeys(names, signature),
    )


def unicode_words(text):
    """The words of a text in any language, in lower case.

    A word is letters, digits and the marks on them: vowel signs, points, accents; the
    joiners of Persian and of Indic scripts do not part it. In scripts without spaces
    between words, every character with its marks is a word. Texts that Unicode calls
    equivalent have the same words.

    Args:
        text: str.

    Returns:
        List of str.
    """
    return _word_pattern().findall(unicodedata.normalize("NFC", text.lower()))


def _word_pattern():
    regex = import_optional("regex", "ROUGE's words", _INSTALL)
    scripts = "".join(rf"\p{{{name}}}" for name in _UNSPACED.split())
    # The mark that lengthens a vowel in Japanese is of no script.
    character = rf"[[{scripts}\u30fc\uff70]&&\p{{L}}]\p{{M}}*"
    letters = rf"[[\p{{L}}\p{{N}}]--[[{scripts}\u30fc\uff70]&&\p{{L}}]]"
    # `regex` keeps what it compiled.
    return regex.compile(
        rf"{character}|{letters}(?:{letters}|[\p{{M}}\u200c\u200d])*", regex.V1
    )


class _Words:
    """A tokenizer for rouge-score."""

    def tokenize(self, text):
        return unicode_words(text)
