"""What is done to a page, in a process of its own: its text, date and language."""

import logging

from xlm_tf.collecting.encodings import decode
from xlm_tf.collecting.feed_entries import feed_entries
from xlm_tf.collecting.html_pages import read_html
from xlm_tf.collecting.pages import (
    NO_TEXT,
    TOO_SHORT,
    Document,
    LeftOut,
    Outcome,
    tidy,
)
from xlm_tf.collecting.wiki_pages import text_of_markup
from xlm_tf.data.language_identification import LanguageIdentifier

# Characters by which the language of a document is found.
_SAMPLE = 10_000


class Extraction:
    """The function from what was read to what becomes of it.

    Args:
        languages: dict from names of `LanguageIdentifier` to those of the output; other
            languages keep theirs. None: languages are not identified.
        min_characters: int, characters of a document, at least.
    """

    def __init__(self, languages, min_characters):
        logging.disable(logging.CRITICAL)  # of pages, by the thousand
        self._identifier = LanguageIdentifier()
        self._languages = languages
        self._min_characters = min_characters

    def __call__(self, item):
        """The `Outcome` of a `Page` or a `LeftOut`; of None nothing."""
        try:
            return self._outcome(item)
        except Exception as error:  # of extractors, whatever they meet
            outcome = Outcome()
            outcome.left_out[f"the extractor fails ({type(error).__name__})"] += 1
            return outcome

    def _outcome(self, item):
        outcome = Outcome()
        if item is None:
            return outcome
        if isinstance(item, LeftOut):
            outcome.left_out[item.reason] += 1
            outcome.note = item.note
            return outcome
        found = self._texts(item)
        if isinstance(found, str):
            outcome.left_out[found] += 1
            return outcome
        for text, source, date in found:
            if not text:
                outcome.left_out[NO_TEXT] += 1
            elif len(text) < self._min_characters:
                outcome.left_out[TOO_SHORT] += 1
            else:
                language = self._language(text)
                outcome.documents.append(Document(text, source, date, language))
        return outcome

    def _texts(self, page):
        """List of (text, source, date), or str: why there are none."""
        if page.kind == "feed":
            return feed_entries(page.content, page.source)
        date = page.date
        if page.kind == "html":
            content = decode(page.content, page.charset, self._identifier)
            text, own = read_html(content)
            date = own or date
        elif page.kind == "wikitext":
            text = text_of_markup(page.content, page.markers)
        else:
            text = tidy(page.content.decode("utf-8", "replace"))
        return [(text, page.source, date)]

    def _language(self, text):
        if self._languages is None:
            return None
        language = self._identifier.identify(text[:_SAMPLE])
        return self._languages.get(language, language)
