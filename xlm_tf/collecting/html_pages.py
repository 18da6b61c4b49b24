"""The main text of pages, without what surrounds it, and their dates: trafilatura."""

import re

import htmldate
from lxml import etree, html
from trafilatura import bare_extraction
from trafilatura.utils import load_html

from xlm_tf.collecting.pages import tidy

# What lines of text end at, in HTML and, of main texts, in TEI.
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt"),
    *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"),
    *("hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th"),
    *("tr", "ul", "cell", "head", "item", "lb", "list", "quote", "row"),
}
_AS_IT_IS = ("pre", "code")
_SPACE = re.compile(r"\s+")
# Characters of a main text that may not be all of it, as trafilatura sees it.
_LITTLE = 250
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
    return _main_text(tree), date


def _main_text(tree):
    # The fast way finds little on pages without paragraphs, of line breaks or nothing
    # but `div`; the other one asks more extractors. Both rather leave text out than
    # take what surrounds it.
    for is_fast in (True, False):
        found = bare_extraction(
            tree, fast=is_fast, favor_precision=True, include_comments=False
        )
        text = "" if found is None else _text_of(found.body)
        if len(text) >= _LITTLE:
            break
    return text


def text_of_fragment(text):
    """All the text of a piece of HTML, such as an entry of a feed: str."""
    try:
        tree = html.fromstring(f"<div>{text}</div>")
    except (etree.ParserError, ValueError):
        return ""
    etree.strip_elements(tree, *_UNSEEN, etree.Comment, with_tail=False)
    return _text_of(tree)


def _text_of(tree):
    parts, depth = [], 0
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        is_start = event == "start"
        if element.tag in _AS_IT_IS:
            depth += 1 if is_start else -1
        text = (element.text if is_start else element.tail) or ""
        parts.append("\n" if element.tag in _BLOCKS else "")
        parts.append(text if depth else _SPACE.sub(" ", text))
    return tidy("".join(parts))
