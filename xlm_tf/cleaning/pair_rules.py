"""Rules that the two sides of a pair must keep together."""

import collections
import dataclasses
import math
import re
import unicodedata

from xlm_tf.cleaning.line_rules import ends_a_sentence, ends_in_a_syllable
from xlm_tf.cleaning.normal_form import normal_form

# A side without an end is cut off where it is shorter than usual by this factor: if the
# other has an end; the same where that is usual of this side; if neither has, as
# headlines.
_TRUNCATED = 0.94
_TRUNCATED_WHERE_USUAL = 0.85
_TRUNCATED_HEADLINE = 0.65
# The same of a side whose language has no marks of an end; and of the other one.
_TRUNCATED_WITHOUT_MARKS = 0.66
_TRUNCATED_BESIDE_ONE = 0.8
# Share of pairs of which this side alone has no end, from which that is usual.
_USUAL = 0.08
# How far from the usual ratio a pair is about that.
_ABOUT = 0.1
# Sides that share so much of their words are one text.
_COPIED = 0.8
# Kilometres of a mile, kilograms of a pound, metres of a foot, centimetres of an inch.
_UNITS = (1.609344, 0.45359237, 0.3048, 2.54)
# How far from that numbers are rounded.
_ROUNDED = 0.05
_NUMBER = re.compile(r"\d+(?:[.,٫٬’' \u00a0\u202f]\d{3})*(?:[.,٫]\d+)?")
_PLACEHOLDER = re.compile(
    r"\{\{?[\w.]*\}?\}|%\(\w+\)[sdif]|%(?:\d+\$)?[sdif]\b|%@|\$\{\w+\}|__\w+__"
)


@dataclasses.dataclass(frozen=True)
class UsualPair:
    """What pairs of some files are like.

    Attributes:
        ratio: float, characters of the target for one of the source: the median.
        endless: (float, float), share of the pairs of which the source, the target, has
            no end of a sentence while the other side has one, among those of about that
            ratio: of what was cut off, few are.
    """

    ratio: float = 1.0
    endless: tuple = (0.0, 0.0)

    @classmethod
    def of(cls, pairs):
        """What pairs are like: an iterable of (source, target), str."""
        pairs = [pair for pair in pairs if all(pair)]
        if not pairs:
            return cls()
        ratios = [len(target) / len(source) for source, target in pairs]
        usual = sorted(ratios)[len(ratios) // 2]
        ends = collections.Counter(
            tuple(map(ends_a_sentence, pair))
            for pair, ratio in zip(pairs, ratios, strict=True)
            if abs(ratio / usual - 1) < _ABOUT
        )
        one_end = ((False, True), (True, False))
        return cls(usual, tuple(ends[own] / ends.total() for own in one_end))


class PairRules:
    """The rules for pairs of two languages.

    Args:
        settings: `xlm_tf.cleaning.cleaning_recipe.PairRules`.
        usual: `UsualPair`, of the same files.
        are_punctuated: (bool, bool), whether sentences end with marks in the language
            of the source and of the target.
    """

    def __init__(self, settings, usual, are_punctuated):
        self.settings = settings
        self.usual = usual
        self.are_punctuated = are_punctuated
        self.truncated = [
            _TRUNCATED if share < _USUAL else _TRUNCATED_WHERE_USUAL
            for share in usual.endless
        ]
        checks = {
            "length_ratio": self._length_ratio,
            "truncated": self._truncated,
            "copied": _copied,
            "placeholders": _placeholders,
            "numbers": _numbers,
        }
        self.checks = {
            name: check
            for name, check in checks.items()
            if check and getattr(settings, name)
        }

    def broken_by(self, source, target):
        """The first rule that a pair breaks.

        Args:
            source, target: str, repaired.

        Returns:
            (name of the rule, what it saw), or None.
        """
        for name, check in self.checks.items():
            seen = check(source, target)
            if seen:
                return name, seen
        return None

    def _excess(self, source, target):
        return len(target) / len(source) / self.usual.ratio

    def _freedom(self, source, target):
        """Of short texts a word more or less is much: a factor from 1 to 2."""
        length = min(len(source) * self.usual.ratio, len(target))
        return 1 + 6 / (length + 6)

    def _length_ratio(self, source, target):
        excess = self._excess(source, target)
        limit = math.log(self.settings.length_ratio.max)
        if abs(math.log(excess)) > limit * self._freedom(source, target):
            return f"{excess:.2f} times the usual ratio"
        return None

    def _truncated(self, source, target):
        excess = self._excess(source, target)
        ends = [ends_a_sentence(side) for side in (source, target)]
        freedom = self._freedom(source, target)
        for own, side, length in ((0, source, 1 / excess), (1, target, excess)):
            is_cut = not self.are_punctuated[own] and ends_in_a_syllable(side)
            if is_cut or (not ends[own] and length < self._least(own, ends, freedom)):
                return f"...{side[-12:]}"
        return None

    def _least(self, own, ends, freedom):
        """How long a side without an end must be, by what is usual: float."""
        if all(self.are_punctuated):
            if ends[1 - own]:
                return self.truncated[own]
            return _TRUNCATED_HEADLINE**freedom
        if not any(self.are_punctuated):
            return 0
        has_marks = self.are_punctuated[own]
        least = _TRUNCATED_BESIDE_ONE if has_marks else _TRUNCATED_WITHOUT_MARKS
        return least**freedom


def _copied(source, target):
    source, target = normal_form(source), normal_form(target)
    if source == target:
        return source[:30]
    own, other = (collections.Counter(side.split()) for side in (source, target))
    shared, all_words = (own & other).total(), (own | other).total()
    if shared >= _COPIED * all_words:
        return f"{shared} of {all_words} words"
    return None


def _placeholders(source, target):
    own, other = (sorted(_PLACEHOLDER.findall(side)) for side in (source, target))
    return None if own == other else f"{' '.join(own)} and {' '.join(other)}"


def _numbers(source, target):
    """Numbers of three digits at least, of which not one is on both sides."""
    own, other = (_numbers_of(side) for side in (source, target))
    if own and other and not any(_agree(x, y) for x in own for y in other):
        return f"{' '.join(sorted(own))} and {' '.join(sorted(other))}"
    return None


def _agree(one, other):
    """Whether two numbers may be one: 1930 and the 30s, 380,000 and 380 thousand.

    Or one in other units: 385 miles and 620 kilometres.
    """
    one, other = one.lstrip("0"), other.lstrip("0")
    if one.endswith(other) or other.endswith(one):
        return True
    if one.rstrip("0") == other.rstrip("0"):
        return True
    ratios = float(one) / float(other), float(other) / float(one)
    return any(abs(ratio / unit - 1) < _ROUNDED for ratio in ratios for unit in _UNITS)


def _numbers_of(text):
    found = (re.sub(r"\D", "", number) for number in _NUMBER.findall(text))
    values = ("".join(str(unicodedata.digit(x, 0)) for x in number) for number in found)
    return {value for value in values if len(value) > 2}
