"""SentencePiece's normalisation rules out of a chain of normalisers.

The tokenizers library normalises in steps (Precompiled, Lowercase ...). SentencePiece
has one table of replacements, longest first; what a chain does to every character, and
to every sequence with a rule of its own, is such a table. So it is obeyed wherever
SentencePiece runs: in Python, in graph and on phones.
"""

import base64
import collections
import itertools
import sys
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

# What Rust's and Unicode's White_Space is, beside the space.
_SPACES = (
    "\t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def rules_of(normalizer, path):
    """The compiled rules of a `normalizer` of a tokenizer.json.

    Args:
        normalizer: dict, or None for no normalisation but that of white space.
        path: for messages.

    Returns:
        bytes, a `precompiled_charsmap`.

    Raises:
        ValueError: a step that has no such form; names it.
    """
    steps = _steps(normalizer or {"type": "Sequence", "normalizers": []}, path)
    kinds = [step["type"] for step in steps]
    if kinds == ["Precompiled"]:
        return base64.b64decode(steps[0].get("precompiled_charsmap") or "")
    unknown = set(kinds) - {"Precompiled", "Lowercase", "StripAccents"}
    if unknown or kinds.count("Precompiled") > 1:
        raise ValueError(
            f"{path} normalises by {', '.join(kinds)}, which is not supported. "
            "Expected Precompiled, alone or with Lowercase or StripAccents."
        )
    rules = {space: " " for space in _SPACES}
    for step in steps:
        if step["type"] == "Precompiled":
            rules = decompiled(base64.b64decode(step["precompiled_charsmap"]))
    at = kinds.index("Precompiled") if "Precompiled" in kinds else 0
    return compiled(rules, kinds[:at], [x for x in kinds[at:] if x != "Precompiled"])


def lowercased(charsmap):
    """The compiled rules that lower-case a text before they do the rest.

    Args:
        charsmap: bytes.

    Returns:
        bytes.
    """
    return compiled(decompiled(charsmap), ["Lowercase"], [])


def decompiled(charsmap):
    """dict from a sequence of characters to what it becomes."""
    if not charsmap:
        return {}
    spec = sentencepiece_model_pb2.NormalizerSpec(precompiled_charsmap=charsmap)
    normalizer = sentencepiece.SentencePieceNormalizer(normalizer_spec=spec)
    return dict(normalizer.Decompile())


def compiled(rules, before, after):
    """Rules with steps for single characters before and after them.

    Args:
        rules: dict, see `decompiled`.
        before, after: lists of "Lowercase" and "StripAccents".

    Returns:
        bytes.
    """
    if not (before or after):
        return _compile(rules)
    longest = max(map(len, rules), default=1)
    sequences, originals = set(rules), collections.defaultdict(list)
    for code in range(1, sys.maxunicode + 1):
        character = chr(code)
        changed = _step(character, before)
        if changed != character and len(changed) == 1:
            originals[changed].append(character)
        if changed != character or _step(character, after) != character:
            sequences.add(character)
    # A sequence has a rule where the steps before make one of it.
    for sequence in [x for x in rules if len(x) > 1]:
        variants = [[x, *originals.get(x, [])] for x in sequence]
        if any(len(x) > 1 for x in variants):
            sequences.update(map("".join, itertools.product(*variants)))
    result = {}
    for sequence in sequences:
        text = _step(_replaced(_step(sequence, before), rules, longest), after)
        if text != sequence:
            result[sequence] = text
    return _compile(result)


def _compile(rules):
    if not rules:
        return b""
    normalizer = sentencepiece.SentencePieceNormalizer(norm_map=list(rules.items()))
    spec = sentencepiece_model_pb2.NormalizerSpec.FromString(
        normalizer.serialized_normalizer_spec()
    )
    return spec.precompiled_charsmap


def _replaced(text, rules, longest):
    """A text by rules, the longest at every place."""
    result, at = [], 0
    while at < len(text):
        for length in range(min(longest, len(text) - at), 0, -1):
            part = text[at : at + length]
            if part in rules:
                result.append(rules[part])
                at += length
                break
        else:
            result.append(text[at])
            at += 1
    return "".join(result)


def _step(text, kinds):
    for kind in kinds:
        if kind == "Lowercase":  # character by character: no final sigma
            text = "".join(character.lower() for character in text)
        else:
            text = "".join(x for x in text if unicodedata.category(x)[0] != "M")
    return text


def _steps(normalizer, path):
    """The steps of a chain that matter, in order."""
    steps = normalizer.get("normalizers", [normalizer])
    return [
        step for step in steps if not (step["type"] == "Strip" or _joins_spaces(step))
    ]


def _joins_spaces(step):
    return (
        step["type"] == "Replace"
        and step.get("pattern") == {"Regex": " {2,}"}
        and step.get("content") in (" ", "▁")
    )
