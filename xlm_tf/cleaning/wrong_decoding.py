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
# Signs that stand in no word of any language.
_SIGN_IN_WORD = re.compile(
    r"[^\W\d_][\u00a1-\u00a9\u00ac\u00ae-\u00b3\u00b5\u00b6\u00b8\u00b9\u00bc-\u00bf"
    r"\u00d7\u00f7\u0192\u2020\u2021\u2030\u2122\u201a\u221a\u2248][^\W\d_]"
)


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
            self._mixed = regex.compile(
                r"\p{Latin}\p{Cyrillic}|\p{Cyrillic}\p{Latin}|\b\p{Cyrillic}{1,2}\b"
            )

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
