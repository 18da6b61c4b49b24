"""The entries of RSS and Atom files, by feedparser."""

import io
import re

import feedparser

from xlm_tf.collecting.html_pages import text_of_fragment
from xlm_tf.collecting.pages import HAS_ENTITIES, NO_TEXT, day_of

_ENTITY = re.compile(rb"<!\s*ENTITY", re.I)


def feed_entries(content, source):
    """The entries of a feed.

    Args:
        content: bytes.
        source: str, for entries without a link.

    Returns:
        list of (text, source, date or None), or str: why there are none.
    """
    # In UTF-16, every second byte is none. Entities unfold to gigabytes.
    if _ENTITY.search(content.replace(b"\0", b"")):
        return HAS_ENTITIES
    # As a file: of bytes, it would look for one of that name.
    feed = feedparser.parse(
        io.BytesIO(content), sanitize_html=False, resolve_relative_uris=False
    )
    if not feed.entries:
        return NO_TEXT
    return [_entry(entry, source) for entry in feed.entries]


def _entry(entry, source):
    texts = [part.get("value", "") for part in entry.get("content", ())]
    texts.append(entry.get("summary", ""))
    text = max(map(text_of_fragment, texts), key=len)
    # Its own `get` takes the one for the other.
    days = (dict.get(entry, f"{name}_parsed") for name in ("published", "updated"))
    texts_of_days = ("{:04}-{:02}-{:02}".format(*day[:3]) for day in filter(None, days))
    date = next(filter(None, map(day_of, texts_of_days)), None)
    return text, entry.get("link") or source, date
