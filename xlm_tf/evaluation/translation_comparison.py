"""Translations of one text by several systems: how sure scores and differences are."""

import contextlib
import dataclasses
import itertools
import os

from xlm_tf.evaluation.bootstrap import Score
from xlm_tf.evaluation.translation_scores import bleu_tokenization, translation_metrics
from xlm_tf.optional_packages import import_optional


@dataclasses.dataclass(frozen=True)
class TranslationComparison:
    """The scores of some systems, from 0 to 100, and what they differ from the first's.

    Attributes:
        scores: dict from the name of a system to a dict of `Score` by "bleu" and
            "chrf".
        differences: dict from the name of every system but the first to a dict from
            "bleu" and "chrf" to `(difference, p_value)`, floats: its score less the
            first's, and how likely a difference as large is by chance.
        tokenization: str, sacreBLEU's name of BLEU's tokens.
        signatures: dict from "bleu" and "chrf" to sacreBLEU's signature.
    """

    scores: dict
    differences: dict
    tokenization: str
    signatures: dict


def compare_translations(systems, references, target_language, seed=None):
    """Score the translations of some systems, and compare them with the first's.

    Args:
        systems: dict from the name of a system to its translations, lists of str of
            one length. An empty translation counts as one.
        references: list of lists of str, the references of every translation, one or
            more, and as many of each.
        target_language: str, in any spelling; see `bleu_tokenization`.
        seed: int, of the resampled corpora; None for sacreBLEU's own, which is 12345
            or what `$SACREBLEU_SEED` says.

    Returns:
        `TranslationComparison`. Intervals and p-values are of sacreBLEU's paired
        bootstrap of 1,000 resampled corpora: of 95 %, around the mean of the resampled
        scores; and two-sided. Its seed stands in the signature.

    Raises:
        ValueError: no system, or not as many translations as references.
        ModuleNotFoundError: sacreBLEU, or a package that it needs, is not installed.

    Source: Koehn 2004.
    """
    numbers = {len(own) for own in systems.values()}
    if numbers != {len(references)} or not references or not all(references):
        raise ValueError(
            "Every system needs a translation of every text, and every text a "
            f"reference. Received: {len(references)} lists of references, and of the "
            f"systems {', '.join(f'{x}: {len(own)}' for x, own in systems.items())}."
        )
    significance = import_optional(
        "sacrebleu.significance", "BLEU and chrF", "pip install 'xlm-tf[eval]'"
    )
    tokenization = bleu_tokenization(target_language)
    metrics = translation_metrics(tokenization)
    with _sacrebleu_seed(seed):
        test = significance.PairedTest(
            list(systems.items()),
            metrics,
            list(itertools.zip_longest(*references)),
            test_type="bs",
        )
        signatures, results = test()
    del results["System"]
    scores = {name: {} for name in systems}
    differences = {name: {} for name in list(systems)[1:]}
    # sacreBLEU names metrics its own way, in their order.
    for metric, own in zip(metrics, results.values(), strict=True):
        for name, result in zip(systems, own, strict=True):
            low, high = result.mean - result.ci, result.mean + result.ci
            bounds = max(float(low), 0.0), min(float(high), 100.0)
            scores[name][metric] = Score(result.score, *bounds)
            if name in differences:
                difference = float(result.score - own[0].score)
                # sacreBLEU's p-value of equal scores is the lowest.
                p_value = result.p_value if difference else 1.0
                differences[name][metric] = (difference, p_value)
    signatures = {
        metric: own.format()
        for metric, own in zip(metrics, signatures.values(), strict=True)
    }
    return TranslationComparison(scores, differences, tokenization, signatures)


@contextlib.contextmanager
def _sacrebleu_seed(seed):
    """Within it sacreBLEU has a seed, which it reads of the environment alone."""
    before = os.environ.get("SACREBLEU_SEED")
    if seed is not None:
        os.environ["SACREBLEU_SEED"] = str(seed)
    try:
        yield
    finally:
        os.environ.pop("SACREBLEU_SEED", None)
        if before is not None:
            os.environ["SACREBLEU_SEED"] = before
