"""How texts are normalised before a vocabulary is trained on them, or reads them."""

import contextlib
import functools
import tempfile
from pathlib import Path

import sentencepiece

from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.text.scripts import scripts_of

NMT_NFKC = "nmt_nfkc"
KEEP_JOINERS = "keep_joiners"
IDENTITY = "identity"
NORMALIZATIONS = (NMT_NFKC, KEEP_JOINERS, IDENTITY)
# Zero-width non-joiner and joiner: letters of a word look otherwise beside them.
JOINERS = ("\u200c", "\u200d")
# The scripts of India and Sri Lanka.
_INDIC = {"Beng", "Deva", "Gujr", "Guru", "Knda", "Mlym", "Orya", "Sinh", "Taml"}
_INDIC |= {"Telu"}
# Languages in Arabic script that do without.
_ARABIC = {"ar", "arz", "ary", "apc", "acm", "aeb", "afb", "ajp", "arq", "apd", "ayl"}


def usual_normalization(languages):
    """The rule for a vocabulary of some languages.

    Args:
        languages: iterable of str, in any spelling.

    Returns:
        "keep_joiners" where one of them writes joiners: in Arabic script all but
        Arabic (Persian, Urdu, Kurdish, Pashto ...), and in the scripts of India and Sri
        Lanka. Otherwise "nmt_nfkc".
    """
    for language in languages:
        scripts = set(scripts_of(language))
        is_arabic = parse_language_code(language).language in _ARABIC
        if scripts & _INDIC or ("Arab" in scripts and not is_arabic):
            return KEEP_JOINERS
    return NMT_NFKC


@contextlib.contextmanager
def trainer_arguments(normalization):
    """The arguments of SentencePiece's trainer for a rule.

    Args:
        normalization: str, one of `NORMALIZATIONS`: "nmt_nfkc", XLM-R's, which makes a
            space of a zero-width non-joiner; "keep_joiners", the same but for that; or
            "identity", which changes nothing but runs of spaces.

    Yields:
        dict, which is good until the context ends.

    Raises:
        ValueError: no such rule.
    """
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f"normalization must be one of {', '.join(NORMALIZATIONS)}. "
            f"Received: normalization={normalization!r}."
        )
    if normalization != KEEP_JOINERS:
        yield {"normalization_rule_name": normalization}
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.tsv"
        path.write_text(_rules_with_joiners(), encoding="utf-8")
        yield {"normalization_rule_tsv": str(path)}


@functools.cache
def _rules_with_joiners():
    rules = sentencepiece.SentencePieceNormalizer(rule_name=NMT_NFKC).Decompile()
    lines = (
        "\t".join(" ".join(f"{ord(x):X}" for x in side) for side in rule)
        for rule in rules
        if rule[0] not in JOINERS
    )
    return "".join(f"{line}\n" for line in lines)
