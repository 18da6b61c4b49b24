"""How near translations come to references: BLEU and chrF."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class TranslationScores:
    """Of one corpus, from 0 to 100.

    Attributes:
        bleu: float, corpus BLEU, cased, tokens of `tokenization`.
        chrf: float, chrF2.
        tokenization: str, sacreBLEU's name of its tokens.
    """

    bleu: float
    chrf: float
    tokenization: str


def translation_scores(translations, references, target_language):
    """Score the translations of a corpus with sacreBLEU.

    Args:
        translations: list of str.
        references: list of str, one a translation.
        target_language: str; Chinese and Japanese are scored by their own tokens
            ("zh", and characters), all others by sacreBLEU's default "13a".

    Returns:
        `TranslationScores`.

    Raises:
        ValueError: not as many references as translations, or none.
        ModuleNotFoundError: sacreBLEU is not installed.

    Source: Post 2018 (arXiv 1804.08771); Popović 2015.
    """
    if len(translations) != len(references) or not translations:
        raise ValueError(
            "Every translation needs one reference. Received: "
            f"{len(translations)} translations, {len(references)} references."
        )
    try:
        import sacrebleu
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "BLEU and chrF are sacreBLEU's: pip install 'xlm_tf[eval]'."
        ) from error
    tokenization = {"zh": "zh", "ja": "char"}.get(target_language, "13a")
    bleu = sacrebleu.corpus_bleu(translations, [references], tokenize=tokenization)
    chrf = sacrebleu.corpus_chrf(translations, [references])
    return TranslationScores(bleu.score, chrf.score, tokenization)
