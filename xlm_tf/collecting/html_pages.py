"""The main text of pages, without what surrounds it, and their dates: trafilatura."""

import htmldate
from lxml import etree, html
from trafilatura import bare_extraction
from trafilatura.utils import load_html

from xlm_tf.collecting.pages import tidy

# What lines of text end at, of fragments.
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
    *("hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th"),
    *("tr", "ul"),
}
_UNSEEN = ("script", "style", "template", "noscript", "iframe", "svg")


def read_html(text):
    """The main text and the date of a page.

    Args:
        text: str, HTML.

    Returns:
        (str, "" where there is no main text; str, YYYY-MM-DD, or None).
    """
    tree = load_html(text)
    if tree is None:
        return "", None
    # What is found only by reading all of the text, as for a day in a story, is none.
    date = htmldate.find_date(tree, extensive_search=False, original_date=True)
    # The fastest way, and the one with the least around the text: no second extractor,
    # and nothing at all rather than the whole page.
    found = bare_extraction(
        tree, fast=True, favor_precision=True, include_comments=False
    )
    return tidy(found.text or "") if found is not None else "", date


def text_of_fragment(text):
    """All the text of a piece of HTML, such as an entry of a feed: str."""
    try:
        tree = html.fromstring(f"<div>{text}</div>")
    except (etree.ParserError, ValueError):
        return ""
    etree.strip_elements(tree, *_UNSEEN, etree.Comment, with_tail=False)
    parts = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        end = "\n" if element.tag in _BLOCKS else ""
        parts += (end, (element.text if event == "start" else element.tail) or "")
    return tidy("".join(parts))
