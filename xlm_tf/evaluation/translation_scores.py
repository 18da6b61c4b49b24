"""How near translations come to references: BLEU and chrF."""

import dataclasses
import itertools

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import UNSPACED_LANGUAGES, parse_language_code

# Chinese languages, which sacreBLEU cuts by the character and other words by spaces.
_CHINESE = {"zh", "yue", "wuu", "gan", "hak", "nan", "lzh"}


@dataclasses.dataclass(frozen=True)
class TranslationScores:
    """Of one corpus, from 0 to 100.

    Attributes:
        bleu: float, corpus BLEU, cased, tokens of `tokenization`.
        chrf: float, chrF2.
        tokenization: str, sacreBLEU's name of its tokens.
        signatures: dict from "bleu" and "chrf" to sacreBLEU's signature, which says
            all that another one needs to get the same number.
    """

    bleu: float
    chrf: float
    tokenization: str
    signatures: dict


def translation_scores(translations, references, target_language):
    """Score the translations of a corpus with sacreBLEU.

    Args:
        translations: list of str.
        references: list of lists of str, one or more a translation.
        target_language: str, in any spelling; see `bleu_tokenization`.

    Returns:
        `TranslationScores`.

    Raises:
        ValueError: a translation without references, or no translation.
        ModuleNotFoundError: sacreBLEU, or a package that it needs, is not installed.

    Source: Post 2018 (arXiv 1804.08771); Popović 2015.
    """
    if len(translations) != len(references) or not all(references) or not translations:
        raise ValueError(
            "Every translation needs at least one reference. Received: "
            f"{len(translations)} translations, {len(references)} lists of references."
        )
    # The first reference of every translation, the second..., None where there is none.
    columns = list(itertools.zip_longest(*references))
    tokenization = bleu_tokenization(target_language)
    scores, signatures = {}, {}
    for name, metric in translation_metrics(tokenization).items():
        scores[name] = metric.corpus_score(translations, columns).score
        signatures[name] = metric.get_signature().format()
    return TranslationScores(**scores, tokenization=tokenization, signatures=signatures)


def sentence_scores(translation, references, target_language):
    """Score one translation.

    Args:
        translation: str.
        references: list of str, one or more.
        target_language: str, in any spelling; see `bleu_tokenization`.

    Returns:
        dict of float by "bleu" and "chrf"; BLEU without the orders that the texts are
        too short for.
    """
    metrics = translation_metrics(bleu_tokenization(target_language), True)
    return {
        name: metric.sentence_score(translation, references).score
        for name, metric in metrics.items()
    }


def translation_metrics(tokenization, effective_order=False):
    """sacreBLEU's metrics.

    Args:
        tokenization: str, see `bleu_tokenization`.
        effective_order: bool, whether BLEU leaves out the orders that there are no
            n-grams of, as for single sentences.

    Returns:
        dict of `sacrebleu.metrics.base.Metric` by "bleu" and "chrf".

    Raises:
        ModuleNotFoundError: sacreBLEU, or a package that it needs, is not installed.
    """
    metrics = import_optional(
        "sacrebleu.metrics", "BLEU and chrF", "pip install 'xlm-tf[eval]'"
    )
    bleu = metrics.BLEU(tokenize=tokenization, effective_order=effective_order)
    return {"bleu": bleu, "chrf": metrics.CHRF()}


def bleu_tokenization(language):
    """sacreBLEU's name of the tokens that BLEU counts in a language.

    Chinese has sacreBLEU's own ("zh"); Japanese, Thai, Khmer, Lao, Burmese and others
    without spaces between words are counted by the character ("char"), all others,
    Korean too, by words and punctuation ("13a").

    Args:
        language: str, in any spelling.

    Returns:
        str.
    """
    code = parse_language_code(language)
    if code.language in _CHINESE:
        return "zh"
    is_by_character = code.language in UNSPACED_LANGUAGES and code.script != "Latn"
    return "char" if is_by_character else "13a"
