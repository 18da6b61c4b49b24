"""Signs that a text was decoded wrongly, where nothing can bring it back."""

import re

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.text.scripts import UNSPACED_LETTERS, scripts_of

# Letters of Windows-1252 that other code pages have in the places of a language's own:
# a line with two of them is rather of that code page than about foreign names.
_OF_OTHER_PAGES = {
    "pl": "\u00ea\u00e6\u0153\u00f1\u00b9\u00b3\u00bf\u0178",  # Windows-1250 ...
    "cs": "\u00e8\u00f8\u00ec\u00f2\u00ef\u00be\u00b9\u00d8\u00c8",
    "sk": "\u00e8\u00f2\u00ef\u00be\u00b9\u00e5\u00c8",
    "sl": "\u00e8\u00e6\u00be\u00b9\u00c8",
    "hr": "\u00e8\u00e6\u00f0\u00be\u00b9\u00c8",
    "bs": "\u00e8\u00e6\u00f0\u00be\u00b9\u00c8",
    "sr": "\u00e8\u00e6\u00f0\u00be\u00b9\u00c8",
    "hu": "\u00f5\u00fb\u00d5\u00db",
    "ro": "\u00e3\u00fe\u00ba\u00aa\u00de",
    "tr": "\u00f0\u00fe\u00fd\u00de\u00dd\u00d0",  # Windows-1254
    "az": "\u00f0\u00fe\u00fd\u00de\u00dd\u00d0",
    "lt": "\u00e0\u00e8\u00e6\u00eb\u00e1\u00f0\u00f8\u00fb\u00fe",  # Windows-1257
    "lv": "\u00e2\u00e8\u00e7\u00ec\u00ee\u00ed\u00ef\u00f2\u00f0\u00fb\u00fe",
}
_ENOUGH = 2
# A question mark for a character that an encoding did not have; not one of an address,
# or of a question before a sentence without a space, as is usual in some scripts.
_LETTER = rf"[^\W\d_{UNSPACED_LETTERS}]"
_QUESTION_MARK = re.compile(rf"(?:^|[\s(\"]|({_LETTER}))\?+(?!\w+=)({_LETTER})")
# Signs that stand in no word of any language, but where a letter was.
_SIGNS = (
    r"\u00a1-\u00a8\u00ac\u00af-\u00b1\u00b3\u00b5\u00b6\u00b8\u00b9\u00bc-\u00bf"
    r"\u0192\u201a"
)
# These stand behind names, and in formulas: beside a letter that is not ASCII alone.
_OF_NAMES = r"\u00a9\u00ae\u00b2\u2020\u2021\u2030\u2122\u221a\u2248"
# These stand between any letters but those that bytes of other code pages become.
_OF_SIZES = r"\u00d7\u00f7"
_ANY = r"[^\W\d_]"
_NOT_ASCII = r"[^\W\d_a-zA-Z]"
_LATIN_1 = r"[\u00c0-\u024f\u1e00-\u1eff]"
_SIGN_IN_WORD = re.compile(
    rf"{_ANY}[{_SIGNS}]{_ANY}"
    rf"|{_NOT_ASCII}[{_OF_NAMES}]{_ANY}|{_ANY}[{_OF_NAMES}]{_NOT_ASCII}"
    rf"|{_LATIN_1}[{_OF_SIZES}]{_ANY}|{_ANY}[{_OF_SIZES}]{_LATIN_1}"
    r"|[A-Z][\u00a9\u00ae][A-Z]"  # ISO 8859-2
)
# What UTF-8 is in Windows-1251: a capital from \u0412 on begins a character of two
# bytes, a letter from \u0430 on one of three; the rest are of these. Beside a space a
# capital alone may be one of a name, too: \u0413 is \u00e0 where that is a word, and
# \u0412 a space that follows a sign at once.
_GOES_ON = (
    r"[\u00a0\u00a4\u00a6\u00a7\u00a9\u00ab-\u00ae\u00b0\u00b1\u00b5-\u00b7\u00bb"
    r"\u0401-\u040f\u0451-\u0491\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022"
    r"\u2026\u2030\u2039\u203a\u20ac\u2116\u2122]"
)
_UTF_8_IN_CYRILLIC = (
    r"(?<![\u00ab\u201c\u201e\u2018'\"(])\b"
    rf"(?:[\u0412-\u042f]{_GOES_ON}|(?<=[^\s\w/\u2013\u2014-])\u0412 "
    rf"|[\u0430-\u043f](?:{_GOES_ON}{{2}}|[\u0402\u0452]))"
)
_A_GRAVE = r"(?<![\u00ab\u201c\u201e\u2018'\"(])\b\u0413 "
_WITH_A_GRAVE = ("fr", "pt", "ca", "gl", "oc", "vi")


class WrongDecoding:
    """Finds the signs in lines of a language.

    Args:
        language: str.
    """

    def __init__(self, language):
        self._foreign = None
        own = _OF_OTHER_PAGES.get(parse_language_code(language).language)
        if own is not None and "Cyrl" not in scripts_of(language)[:1]:
            self._foreign = re.compile(f"[{own}]")
        self._mixed = None
        if "Cyrl" not in scripts_of(language):
            regex = import_optional(
                "regex", "Rules of text", "pip install 'xlm-tf[clean]'"
            )
            mixed = r"\p{Latin}\p{Cyrillic}|\p{Cyrillic}\p{Latin}"
            mixed += f"|{_UTF_8_IN_CYRILLIC}"
            if parse_language_code(language).language in _WITH_A_GRAVE:
                mixed += f"|{_A_GRAVE}"
            self._mixed = regex.compile(mixed)

    def __call__(self, text):
        """What shows that a text was decoded wrongly: str, or None."""
        for found in _QUESTION_MARK.finditer(text):
            before, behind = found.groups()
            if not (before and before.islower() and behind.isupper()):
                return _around(text, found)
        if text.isascii():
            return None
        for pattern in filter(None, (_SIGN_IN_WORD, self._mixed)):
            found = pattern.search(text)
            if found:
                return _around(text, found)
        if self._foreign is not None:
            letters = self._foreign.findall(text)
            if len(letters) >= _ENOUGH:
                return " ".join(letters[:10])
        return None


def _around(text, found):
    return found and text[max(found.start() - 5, 0) : found.end() + 5]
