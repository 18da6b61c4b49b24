"""The encoding of a page: what it says, where that can be, or what its text says."""

import codecs
import math
import re

# Of WHATWG's Encoding Standard: labels that stand for more than Python has under them.
_LABELS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "koi8-r": "koi8-u",
}
# What pages without UTF-8 are in: of WHATWG's, those that were in use.
_CANDIDATES = (
    *("utf-8", "cp1252", "cp1251", "gb18030", "cp932", "euc_jp", "cp949", "big5hkscs"),
    *("cp1250", "iso8859-2", "cp1254", "cp1256", "cp1253", "iso8859-7", "cp1255"),
    *("cp874", "koi8-u", "iso8859-5", "cp1257", "cp1258", "cp866", "iso8859-6"),
    "mac_roman",
)
# Of these few pages are: where nothing names them, they are as far behind as what is
# named is ahead.
_RARE = ("mac_roman",)
_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_META = re.compile(rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})""")
# Where a declaration must stand, with some room.
_HEAD = 4096
_UNSEEN = re.compile(rb"<!--.*?-->|<(script|style)\b.*?</\1|<[^>]*>", re.I | re.S)
# Bytes of text by which an encoding is found.
_SAMPLE = 2000
# Nats for a byte of text that a broken character costs. In none but the right encoding
# is there just one, or one in a hundred.
_BROKEN = 0.1
_MANY_BROKEN = 1000
# The same that a declared encoding is ahead, by the square of the bytes that are not
# ASCII: it decides where the text says little, and else hardly counts.
_DECLARED = 4


def decode(content, charset, identifier):
    """A page as text.

    A mark of the byte order decides, then bytes that can only be UTF-8. Other pages are
    in the encoding in which their text is the most like a text of some language, with
    an advantage for those that the server and the page name.

    Args:
        content: bytes.
        charset: str, what the server said, or None.
        identifier: `LanguageIdentifier`.

    Returns:
        str; bytes that are no text are U+FFFD.
    """
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    declared = _declared(content, charset)
    if content[:2] in (b"<\0", b"\0<"):
        return content.decode(f"utf-16-{'lb'[content[0] == 0]}e", "replace")
    if content.isascii():
        # Japanese in seven bits.
        is_shifted = b"\x1b" in content and "iso2022_jp" in declared
        is_shifted |= b"\x1b$B" in content or b"\x1b$@" in content
        return content.decode("iso2022_jp" if is_shifted else "ascii", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        sample = _sample(content)
    evidence = sum(byte > 127 for byte in sample)

    def likeness(encoding):
        try:
            text = sample.decode(encoding, "replace")
        except UnicodeError:  # one that cannot replace
            return -math.inf
        broken = sum(x == "\ufffd" or "\x80" <= x < "\xa0" for x in text)
        wide = sum(x > "\x7f" for x in text)
        favour = 1 if encoding in declared else -(encoding in _RARE)
        return (
            identifier.likeness(text) / max(len(text.encode()), 1)
            - _BROKEN * broken
            - _MANY_BROKEN * (broken > 1 + wide / 100)
            + _DECLARED / max(evidence, 1) ** 2 * favour
        )

    candidates = dict.fromkeys([*declared, *_CANDIDATES])
    return content.decode(max(candidates, key=likeness), "replace")


def _declared(content, charset):
    """The encodings that the server and the page name: list of Python's names."""
    head = content[:_HEAD]
    said = filter(None, (_XML.search(head), _META.search(head)))
    named = [match[1].decode() for match in said]
    found = []
    for name in filter(None, (charset, *named)):
        try:
            own = codecs.lookup(name.strip("\"' ")).name
            b"".decode(own)  # Not one of Python's that are no encodings of text.
        except (LookupError, ValueError):
            continue
        if not own.startswith("utf-16"):  # which could not name itself
            found.append(_LABELS.get(own, own))
    return found


def _sample(content):
    """Some of what a reader sees that is not ASCII."""
    parts, size = [], 0
    for part in map(bytes.strip, _UNSEEN.sub(b"\n", content).splitlines()):
        if not part.isascii():
            parts.append(part[:_SAMPLE])
            size += len(part)
            if size > _SAMPLE:
                break
    return b" ".join(parts) or content[:_SAMPLE]
