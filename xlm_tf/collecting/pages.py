"""What goes through a collection: pages of many kinds in, documents of text out."""

import collections
import dataclasses
import datetime
import re
import typing

# Bytes of a page, as it is sent and unpacked. Common Crawl cuts at 5 MiB.
LARGEST_PAGE = 10 << 20

NOT_HTML = "not HTML"
NO_TEXT = "no main text"
TOO_SHORT = "too short"
TOO_LARGE = "larger than 10 MiB"
UNREADABLE = "unreadable record"
BAD_STATUS = "an HTTP status of an error or redirect"
NO_PAGE = "no page (request, metadata)"
REDIRECT = "redirect"
OTHER_NAMESPACE = "another namespace"
NOT_WIKITEXT = "not wikitext"
HAS_ENTITIES = "declares entities"


class Page(typing.NamedTuple):
    """A page as it was read.

    Attributes:
        kind: str, "html", "text", "wikitext" or "feed".
        content: bytes; of "wikitext" str.
        source: str, its URL, or the path of its file.
        date: str, the day of which it is, YYYY-MM-DD, or None: another than that which
            it says itself.
        charset: str, its encoding as the server named it, or None.
        markers: tuple of str, of "wikitext": names of the namespaces of files and
            categories.
    """

    kind: str
    content: bytes | str
    source: str
    date: str | None = None
    charset: str | None = None
    markers: tuple[str, ...] = ()


class LeftOut(typing.NamedTuple):
    """What was read, and holds no page that can be used.

    Attributes:
        reason: str.
        note: str, what is said of this one alone, or None.
    """

    reason: str
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class Document:
    """A text. Attributes are the entries of a line of the output, in its order.

    Attributes:
        text: str, lines with text, joined by line feeds.
        source: str, URL, or path of a file.
        date: str, YYYY-MM-DD, or None.
        language: str, its code, or None.
    """

    text: str
    source: str
    date: str | None = None
    language: str | None = None


@dataclasses.dataclass
class Outcome:
    """What became of a page.

    Attributes:
        documents: list of `Document`.
        left_out: Counter of reasons.
        note: str, what the report says of this one alone, or None.
    """

    documents: list[Document] = dataclasses.field(default_factory=list)
    left_out: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )
    note: str | None = None


def tidy(text):
    """A text as documents have it: str, lines with single spaces, none of them empty.

    What no text holds (NUL, halves of surrogate pairs) is dropped.
    """
    if not text.isascii():
        text = text.encode("utf-8", "ignore").decode("utf-8").replace("\ufeff", "")
    lines = (" ".join(line.split()) for line in text.replace("\0", "").splitlines())
    return "\n".join(filter(None, lines))


def day_of(text):
    """The day that a time begins with, such as 2024-03-05T23:30:00Z.

    Args:
        text: str.

    Returns:
        str, YYYY-MM-DD; None where there is none, or one that is still to come.
    """
    found = re.match(r"\d{4}-\d\d-\d\d(?!\d)", text)
    try:
        day = found and datetime.date.fromisoformat(found[0])
    except ValueError:
        return None
    # Where days begin first, it may be tomorrow.
    latest = datetime.date.today() + datetime.timedelta(days=1)
    return day.isoformat() if day and day <= latest else None
