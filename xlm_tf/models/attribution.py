"""What a classifier's answers come from, word by word, and a picture of it."""

import bisect
import dataclasses
import html

import tensorflow as tf

from xlm_tf.text.byte_offsets import character_offsets
from xlm_tf.text.word_offsets import split_words_with_offsets

# Of words that speak for the class, and against it: blue and orange, which people tell
# apart who do not tell red from green.
_FOR, _AGAINST = "49,130,189", "230,110,0"
_ROW = (
    '<tr><th style="text-align:left">{label}</th>'
    '<td style="text-align:right">{score:+.2f}</td>'
    '<td style="text-align:left">{texts}</td></tr>'
)
_TABLE = (
    '<meta charset="utf-8"><table style="background:#fff;color:#000;'
    'border-spacing:0.8em 0.3em;border-collapse:separate">{rows}</table>'
)


@dataclasses.dataclass(frozen=True)
class Attribution:
    """What the answer to a text, or to a pair, comes from.

    Attributes:
        label: str, the class that is asked for.
        score: float, the model's number for it, see `XLMTextClassifier.attributions`.
        baseline_score: float, the same of the text with every token hidden.
        text: str.
        words: list of dict, the words of the text that were read, in order: `text`,
            the characters `text[start:end]`; `start`, `end`; and `score`, above 0 for
            a word that speaks for the class.
        text_pair, words_pair: the same of the second text of a pair, or None.
    """

    label: str
    score: float
    baseline_score: float
    text: str
    words: list
    text_pair: str | None = None
    words_pair: list | None = None

    @property
    def error(self):
        """float, by how much the words' scores miss `score - baseline_score`."""
        scores = [word["score"] for word in [*self.words, *(self.words_pair or ())]]
        return sum(scores) - (self.score - self.baseline_score)


class Attributions(list):
    """A list of `Attribution`, which notebooks show as a table with coloured words."""

    def to_html(self):
        """The table: a row a text, blue words for the class, orange ones against it.

        The strongest word of a row has the full colour. The score of a word is shown
        where the pointer rests on it.

        Returns:
            str, HTML that needs nothing else.
        """
        rows = []
        for own in self:
            words = [*own.words, *(own.words_pair or ())]
            largest = max((abs(word["score"]) for word in words), default=0) or 1
            texts = _coloured(own.text, own.words, largest)
            if own.text_pair is not None:
                texts += _coloured(own.text_pair, own.words_pair, largest)
            label = html.escape(own.label)
            rows.append(_ROW.format(label=label, score=own.score, texts=texts))
        return _TABLE.format(rows="".join(rows))

    def _repr_html_(self):
        return self.to_html()


def _coloured(text, words, largest):
    """A text as HTML; right to left where its first letters are."""
    parts, end = [], 0
    for word in words:
        parts.append(html.escape(text[end : word["start"]]))
        color = _FOR if word["score"] > 0 else _AGAINST
        share = 0.85 * abs(word["score"]) / largest
        parts.append(
            f'<span style="background:rgba({color},{share:.2f})" '
            f'title="{word["score"]:+.3f}">{html.escape(word["text"])}</span>'
        )
        end = word["end"]
    parts.append(html.escape(text[end:]))
    return f'<div dir="auto" style="white-space:pre-wrap">{"".join(parts)}</div>'


def scored_words(texts, tokens, scores):
    """The scores of words, which are the sums of their tokens'.

    Words are those of `xlm_tf.text.word_offsets.split_words_with_offsets`; where a
    token is part of several, they are one.

    Args:
        texts: list of B str.
        tokens: list, one entry a text, of lists of its tokens, triples of int
            (position, start, end), see `pack_with_offsets`.
        scores: float array (B, T), of positions.

    Returns:
        List, one entry a text, of lists of dict, see `Attribution`: the words that
        have a token.
    """
    _, starts, ends = split_words_with_offsets(tf.constant(texts, tf.string))
    found = []
    for text, own, row, begins, stops in zip(
        texts, tokens, scores, starts.to_list(), ends.to_list(), strict=True
    ):
        words = list(zip(begins, stops, strict=True))
        found.append(_scored_words(text, words, own, row))
    return found


def _scored_words(text, words, tokens, scores):
    to_character = character_offsets(text).tolist()
    scores = [float(scores[position]) for position, _, _ in tokens]
    words = [(to_character[start], to_character[end]) for start, end in words]
    tokens = [
        _without_spaces(text, to_character[start], to_character[end])
        for _, start, end in tokens
    ]
    units = _united([*words, *tokens]) or [(0, len(text))]
    starts = [start for start, _ in units]
    sums = {}
    for (start, _), score in zip(tokens, scores, strict=True):
        number = max(bisect.bisect_right(starts, start) - 1, 0)
        # A token without characters is one of the word behind it.
        if start >= units[number][1] and number + 1 < len(units):
            number += 1
        sums[number] = sums.get(number, 0.0) + score
    return [
        {
            "text": text[slice(*units[number])],
            "start": units[number][0],
            "end": units[number][1],
            "score": sums[number],
        }
        for number in sorted(sums)
    ]


def _without_spaces(text, start, end):
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    return start, start + len(part.strip())


def _united(spans):
    """Spans in order, those that overlap as one; without empty ones."""
    united = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if united and start < united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((start, end))
    return united
