"""How near summaries come to references: ROUGE."""

import dataclasses
import re

_WORD = re.compile(
    # Scripts without spaces between words count by the character.
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W_]+"
)


@dataclasses.dataclass(frozen=True)
class SummaryScores:
    """Mean F1 of one corpus, from 0 to 100.

    Attributes:
        rouge1: float, of words.
        rouge2: float, of pairs of words.
        rougeL: float, of the longest common subsequence.
    """

    rouge1: float
    rouge2: float
    rougeL: float


def summary_scores(summaries, references, language):
    """Score summaries with rouge-score; of several references the nearest counts.

    English words are stemmed, as is usual; rouge-score's own tokens know the letters
    a to z alone, so that those of other languages are words of any letters, and
    characters in scripts without spaces.

    Args:
        summaries: list of str.
        references: list of lists of str, one or more a summary.
        language: str, of the summaries.

    Returns:
        `SummaryScores`.

    Raises:
        ValueError: not as many references as summaries, or none.
        ModuleNotFoundError: rouge-score is not installed.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    if len(summaries) != len(references) or not all(references) or not summaries:
        raise ValueError(
            "Every summary needs at least one reference. Received: "
            f"{len(summaries)} summaries, {len(references)} lists of references."
        )
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "ROUGE is rouge-score's: pip install 'xlm_tf[eval]'."
        ) from error
    names = [field.name for field in dataclasses.fields(SummaryScores)]
    if language == "en":
        scorer = RougeScorer(names, use_stemmer=True)
    else:
        scorer = RougeScorer(names, tokenizer=_Words())
    totals = dict.fromkeys(names, 0.0)
    for summary, own in zip(summaries, references, strict=True):
        scores = [scorer.score(reference, summary) for reference in own]
        for name in names:
            totals[name] += max(score[name].fmeasure for score in scores)
    return SummaryScores(
        **{name: 100 * total / len(summaries) for name, total in totals.items()}
    )


class _Words:
    """A tokenizer for rouge-score."""

    def tokenize(self, text):
        return _WORD.findall(text.lower())
