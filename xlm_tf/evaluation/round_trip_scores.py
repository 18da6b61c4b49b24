"""How much of texts survives a translation and one back: quality without references.

A model that copies its source, or is wrong both ways alike, scores high, too.
"""

import dataclasses
import itertools

from xlm_tf.evaluation.translation_scores import translation_scores
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.text.language_codes import match_language


@dataclasses.dataclass(frozen=True)
class RoundTrip:
    """A text, translated and back.

    Attributes:
        text: str.
        translations: list of (translation: str, score: float), best first.
        back_translation: str, of the best of them.
    """

    text: str
    translations: list
    back_translation: str


def round_trip_scores(
    model, texts, source_language, target_language, batch_size=64, max_length=None
):
    """Translate texts and back with one model, and score what comes back.

    Args:
        model: `XLMSeq2SeqLM` with a preprocessor, which reads and writes both
            languages; it searches as it was compiled.
        texts: list of str in `source_language`. Empty ones are not scored.
        source_language, target_language: str.
        batch_size, max_length: see `generate_in_order`.

    Returns:
        `TranslationScores` of the back-translations, the texts as their references.

    Raises:
        ValueError: no texts that are not empty; or as `check_round_trip`.
        ModuleNotFoundError: sacreBLEU is not installed.

    Source: Lample et al. 2018 (arXiv 1711.00043), who choose the best model by it in
    both directions.
    """
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise ValueError("A round trip needs texts. Received: none but empty ones.")
    backs = [
        own.back_translation
        for own in round_trips(
            model,
            texts,
            source_language,
            target_language,
            batch_size=batch_size,
            max_length=max_length,
        )
    ]
    return translation_scores(backs, [[text] for text in texts], source_language)


def round_trips(model, texts, source_language, target_language, **how):
    """Translate a stream of texts, and back.

    Args:
        model, source_language, target_language: see `round_trip_scores`.
        texts: iterable of str.
        **how: `batch_size`, `max_length` and `long_texts`, see `generate_in_order`.

    Returns:
        An iterator over `RoundTrip`, in the order of the texts.

    Raises:
        ValueError: an argument out of range, or as `check_round_trip`: at once.
    """
    check_round_trip(model, source_language, target_language)
    texts, read = itertools.tee(texts)
    there = generate_in_order(
        model,
        read,
        source_language=source_language,
        target_language=target_language,
        **how,
    )
    there, best = itertools.tee(there)
    back = generate_in_order(
        model,
        (candidates[0][0] for candidates in best),
        source_language=target_language,
        target_language=source_language,
        **how,
    )
    return (
        RoundTrip(text, translations, candidates[0][0])
        for text, translations, candidates in zip(texts, there, back, strict=True)
    )


def check_round_trip(model, source_language, target_language):
    """See that a model translates from one language to another, and back.

    Args:
        model: `XLMSeq2SeqLM` with a preprocessor.
        source_language, target_language: str.

    Raises:
        ValueError: it does not read and write both, or they are one.
    """
    preprocessor = model.preprocessor
    for ends in (
        (source_language, target_language),
        (target_language, source_language),
    ):
        try:
            preprocessor.check_languages(*ends)
        except ValueError as error:
            raise ValueError(
                "A round trip needs a model of both directions, "
                f"{source_language}-{target_language} and "
                f"{target_language}-{source_language}. {error}"
            ) from error
    names = [
        match_language(language, preprocessor.writable)
        for language in (source_language, target_language)
    ]
    if names[0] == names[1]:
        raise ValueError(
            "A round trip needs two languages. Received: "
            f"source_language={source_language!r}, "
            f"target_language={target_language!r}."
        )
