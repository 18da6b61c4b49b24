"""Text as it was meant, without mojibake, entities, tags and odd white space."""

import functools
import re
import unicodedata

from xlm_tf.optional_packages import import_optional

# What a line holds after `repair` where something is lost for good.
REPLACEMENT = "\ufffd"
# Tags that stand between words; others, such as <b>, stand within them.
BLOCK_TAGS = (
    "address article aside blockquote body br button caption center dd div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html "
    "iframe img input label legend li link main meta nav noscript ol option p pre "
    "section select source svg table tbody td textarea tfoot th thead title tr ul video"
).replace(" ", "|")
INLINE_TAGS = (
    "a abbr acronym audio b big cite code data del dfn em font i ins kbd mark q ruby "
    "rp rt s samp small span strike strong sub sup time tt u var wbr"
).replace(" ", "|")
_DECLARATION = re.compile(r"<!\[CDATA\[|\]\]>|<!doctype[^<>]*>", re.I)
# What begins what no reader sees, and what ends it.
_HIDDEN = re.compile(r"<!--|<(script|style)\b[^<>]*>", re.I)
_ENDS_OF_HIDDEN = {
    None: re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.I),
    "style": re.compile(r"</style\s*>", re.I),
}
# Attributes without a value; `x<b and c>d` has others, and is no tag.
_BARE_ATTRIBUTES = (
    "allowfullscreen alt async autofocus autoplay checked class compact controls "
    "crossorigin declare default defer disabled download formnovalidate hidden href id "
    "inert ismap itemscope loop multiple muted name nohref nomodule noresize "
    "noshade novalidate nowrap open playsinline readonly required reversed scoped "
    "seamless selected style title value (?:data|aria)-[\\w.:-]+"
).replace(" ", "|")
_ATTRIBUTE = (
    rf"""\s+(?:[\w:.@-]+\s?=\s?(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
    rf"""|(?:{_BARE_ATTRIBUTES})(?![\w:.@-]))"""
)
REST_OF_TAG = rf"(?:{_ATTRIBUTE})*\s*/?>"
_BLOCK_TAG = re.compile(rf"</?(?:{BLOCK_TAGS}){REST_OF_TAG}", re.I)
_INLINE_TAG = re.compile(rf"</?(?:{INLINE_TAGS}){REST_OF_TAG}", re.I)
# Format characters that only change how a line is shown; joiners are part of words.
_INVISIBLE = dict.fromkeys(
    [0x00AD, 0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_SPACE = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")


class TextRepair:
    """What is undone of a line before the rules see it.

    Args:
        mojibake: bool, undo wrong decodings, entities and control characters, by ftfy
            (Speer 2019, doi 10.5281/zenodo.2591652).
        markup: bool, remove the tags of HTML, and what scripts and styles hold.
        normalization: "NFC", "NFKC" or None.

    Raises:
        ModuleNotFoundError: ftfy is asked for, and not installed.
    """

    def __init__(self, mojibake=True, markup=True, normalization="NFC"):
        self._steps = []
        if mojibake:
            self._steps.append(_fixer())
        if markup:
            self._steps.append(without_tags)
        if normalization is not None:
            self._steps.append(functools.partial(unicodedata.normalize, normalization))

    def __call__(self, text):
        """The text of a line: str, in which all white space is single spaces."""
        for step in self._steps:
            text = step(text)
        return one_space(text)


def without_tags(text):
    """A text without the tags of HTML; other angle brackets stay.

    Args:
        text: str.

    Returns:
        str. Where a tag of a block stood, such as `<br>`, is a space.
    """
    if "<" not in text and "]]>" not in text:
        return text
    text = _DECLARATION.sub(" ", _without_hidden(text))
    text = _INLINE_TAG.sub("", text)
    return _BLOCK_TAG.sub(" ", text)


def _without_hidden(text):
    """A text without comments, scripts and styles that end in it.

    One regular expression for both ends would look through the rest of the text again
    for each that has no end.
    """
    parts, start, position, endless = [], 0, 0, set()
    while found := _HIDDEN.search(text, position):
        kind = found.group(1) and found.group(1).lower()
        position = found.end()
        if kind in endless:
            continue
        end = _ENDS_OF_HIDDEN[kind].search(text, position)
        if end is None:
            endless.add(kind)
            continue
        parts.append(text[start : found.start()])
        start = position = end.end()
    return " ".join([*parts, text[start:]])


def one_space(text):
    """A text without white space around it, and with single spaces in it: str."""
    if not text.isascii():
        text = text.translate(_INVISIBLE)
    return _SPACE.sub(" ", text).strip()


def _fixer():
    ftfy = import_optional("ftfy", "Repairs of text", "pip install 'xlm-tf[clean]'")
    config = ftfy.TextFixerConfig(
        unescape_html=True,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        normalization=None,
        explain=False,
    )

    def fix(text):
        if text.isascii() and text.isprintable() and "&" not in text:
            return text  # nothing that ftfy would change
        return ftfy.fix_text_segment(text, config)

    return fix
