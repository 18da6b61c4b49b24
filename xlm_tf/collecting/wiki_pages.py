"""Dumps of MediaWiki: their pages, as a stream, and the text of a page's markup."""

import re
import urllib.parse

import mwparserfromhell
from lxml import etree
from mwparserfromhell.nodes import ExternalLink, Heading, Tag, Wikilink

from xlm_tf.collecting.pages import (
    NOT_WIKITEXT,
    OTHER_NAMESPACE,
    REDIRECT,
    UNREADABLE,
    LeftOut,
    Page,
    day_of,
    tidy,
)
from xlm_tf.collecting.warc_records import note_of

# Keys of the namespaces whose links are no text: special, files, categories.
_MARKED = ("-1", "6", "14")
_ENGLISH = ("file", "image", "category")
# Tags whose content is no text of the page.
_DROPPED = {
    *("ref", "references", "gallery", "math", "chem", "table", "timeline", "score"),
    *("syntaxhighlight", "source", "pre", "imagemap", "graph", "mapframe", "hiero"),
    *("templatestyles", "section", "inputbox"),
}
# What templates leave: brackets around nothing, spaces before commas.
_EMPTY_BRACKETS = re.compile(r"\s*[(（][\s,;:/–—-]*[)）]")
_MAGIC_WORD = re.compile(r"__[A-Z]{3,}__")
_LIST_MARKS = re.compile(r"^[*#:;]+\s*", re.M)


def wiki_pages(file):
    """Iterate over `Page` and `LeftOut`, one for every page of a dump.

    Args:
        file: `PackedFile`.
    """
    base, markers = None, dict.fromkeys(_ENGLISH)
    revision = {}
    stream = file.content()
    try:
        for _, element in etree.iterparse(
            stream, events=("end",), resolve_entities=False, no_network=True
        ):
            name = etree.QName(element).localname
            if name == "base":
                base = element.text
            elif name == "namespace" and element.get("key") in _MARKED:
                markers[(element.text or "").strip().lower()] = None
            elif name == "revision":
                revision = _children(element)  # the last one of several
                element.clear()
            elif name == "page":
                yield _page(_children(element), revision, base, tuple(markers), file)
                revision = {}
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except (etree.XMLSyntaxError, EOFError, OSError, ValueError) as error:
        yield LeftOut(UNREADABLE, note_of(file, f"nothing more can be read: {error}"))


def _children(element):
    return {
        etree.QName(child).localname: child.text or ""
        for child in element.iterchildren(etree.Element)
    }


def _page(page, revision, base, markers, file):
    if page.get("ns", "0") != "0":
        return LeftOut(OTHER_NAMESPACE)
    if "redirect" in page:
        return LeftOut(REDIRECT)
    if revision.get("model", "wikitext") != "wikitext":
        return LeftOut(NOT_WIKITEXT)
    if "text" not in revision:
        return LeftOut(UNREADABLE)
    title = page.get("title", "")
    source = str(file.path)
    if base:
        quoted = urllib.parse.quote(title.replace(" ", "_"), safe="/:@!$'()*,;")
        source = f"{base.rpartition('/')[0]}/{quoted}"
    date = day_of(revision.get("timestamp", ""))
    return Page("wikitext", revision["text"], source, date, markers=markers)


def text_of_markup(markup, markers):
    """The text that a reader sees, without templates, tables, notes and pictures.

    Args:
        markup: str, wikitext.
        markers: collection of str, names of namespaces, in lower case: a link to such
            a page is none.

    Returns:
        str. Headings without text under them are dropped.
    """
    code = mwparserfromhell.parse(_MAGIC_WORD.sub("", markup))
    lines = []
    text = _LIST_MARKS.sub("", "".join(_parts(code, frozenset(markers))))
    for line in tidy(_EMPTY_BRACKETS.sub("", text)).splitlines():
        if line.startswith(_HEADING) and lines and lines[-1].startswith(_HEADING):
            lines.pop()
        if line.strip(_HEADING):
            lines.append(line)
    while lines and lines[-1].startswith(_HEADING):
        lines.pop()
    return "\n".join(line.replace(_HEADING, "").strip() for line in lines)


# Before a heading: a character that no text has.
_HEADING = "\ufdd0"


def _parts(code, markers):
    """The pieces of text of some markup."""
    for node in code.nodes:
        if isinstance(node, Wikilink):
            target = str(node.title).strip()
            prefix, colon, _ = target.partition(":")
            is_shown = node.text is not None
            if colon and (
                prefix.strip().lower() in markers
                or (not is_shown and re.fullmatch("[a-z-]{2,12}", prefix))
            ):
                continue  # pictures, categories, the page in other languages
            yield from _parts(node.text, markers) if is_shown else [target.lstrip(":")]
        elif isinstance(node, ExternalLink):
            if node.title is not None:
                yield from _parts(node.title, markers)
        elif isinstance(node, Heading):
            yield f"\n{_HEADING}"
            yield from _parts(node.title, markers)
            yield "\n"
        elif isinstance(node, Tag):
            name = str(node.tag).strip().lower()
            if name in _DROPPED:
                continue
            yield "\n" if name in ("br", "p", "div", "li", "dd", "dt", "hr") else ""
            if node.contents is not None:
                yield from _parts(node.contents, markers)
        else:
            # Text and entities; templates, their arguments and comments are empty.
            yield str(node.__strip__(normalize=True, collapse=False) or "")
