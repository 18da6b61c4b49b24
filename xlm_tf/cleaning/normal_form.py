"""The form in which texts are compared: words alone, in lower case, 0 for digits.

That of CCNet (Wenzek et al. 2020, arXiv 1911.00359, section 3.1), but for accents,
which tell words apart.
"""

import re
import unicodedata

_DIGIT = re.compile(r"\d")
_NO_WORD = re.compile(r"[^\w\s]|_")
_SPACE = re.compile(r"\s+")


def normal_form(text):
    """The normal form of a text.

    Args:
        text: str.

    Returns:
        str; that of a text without letters and digits is the text itself.
    """
    form = _DIGIT.sub("0", unicodedata.normalize("NFKC", text).casefold())
    # Marks are no \w, and belong to words.
    form = _SPACE.sub(" ", _NO_WORD.sub(_if_mark, form)).strip()
    return form or text


def _if_mark(found):
    mark = found.group(0)
    return mark if unicodedata.category(mark)[0] == "M" else " "
