"""Summaries of a text's own sentences, by maximal marginal relevance."""

import dataclasses

import numpy as np

from xlm_tf.generation.search_arguments import real_number
from xlm_tf.models.cosines import directions
from xlm_tf.models.text_fields import language_of_each
from xlm_tf.text.sentences import sentence_spans


@dataclasses.dataclass(frozen=True)
class SentenceRanking:
    """Which sentence of a text to take first, and which next.

    A sentence is relevant by its cosine with the mean of all, and by standing early;
    those that are taken make others like them less so.

    Args:
        diversity: float from 0 to 1, how much it counts that a sentence is unlike those
            that are taken; the rest is its relevance.
        position_weight: float from 0 to 1, how much of the relevance is the position:
            1 of the first sentence, 1/2 of the second, 1/3 of the third. The rest is
            the cosine.

    Raises:
        ValueError: a number that is not from 0 to 1.

    Sources: Carbonell and Goldstein 1998, "The Use of MMR, Diversity-Based Reranking
    for Reordering Documents and Producing Summaries"; the mean as what a text is about
    is that of Radev et al. 2004, "Centroid-based summarization of multiple documents".
    """

    diversity: float = 0.5
    position_weight: float = 0.1

    def __post_init__(self):
        for name in ("diversity", "position_weight"):
            real_number(name, getattr(self, name), minimum=0.0, maximum=1.0)

    def order(self, vectors, count=None):
        """The order of sentences.

        Args:
            vectors: float array (S, D), of a text's sentences in order.
            count: int, how many are taken at most; all by default.

        Returns:
            `(order, relevance)`: list of int, and float array (S,).
        """
        if not len(vectors):
            return [], np.zeros(0)
        vectors = directions(vectors)
        centroid = directions(vectors.mean(axis=0))
        position = 1 / np.arange(1, len(vectors) + 1)
        relevance = (1 - self.position_weight) * (vectors @ centroid)
        relevance += self.position_weight * position
        order, likeness = [], np.zeros(len(vectors))
        is_left = np.ones(len(vectors), bool)
        while is_left.any() and len(order) != count:
            scores = (1 - self.diversity) * relevance - self.diversity * likeness
            best = int(np.where(is_left, scores, -np.inf).argmax())
            is_left[best] = False
            cosines = vectors @ vectors[best]
            likeness = np.maximum(likeness, cosines) if order else cosines
            order.append(best)
        return order, relevance


def ranked_sentences(
    embedder, texts, ranking, language=None, batch_size=32, count=None
):
    """The sentences of texts, and their order.

    Args:
        embedder: `XLMTextEmbedder` with a preprocessor.
        texts: list of str.
        ranking: `SentenceRanking`.
        language, batch_size: see `embed`; of the sentences.
        count: int, how many of every text are ranked; all by default.

    Yields:
        `(spans, order, relevance)` of every text: list of pairs of int, start and end;
        and what `SentenceRanking.order` gives.
    """
    spans = [sentence_spans(text) for text in texts]
    sentences = [
        text[begin:end]
        for text, own in zip(texts, spans, strict=True)
        for begin, end in own
    ]
    languages = language_of_each(texts, language)
    if languages is not None:
        languages = [
            of_text for of_text, own in zip(languages, spans, strict=True) for _ in own
        ]
    vectors = embedder.embed(sentences, languages, batch_size)
    begin = 0
    for own in spans:
        yield own, *ranking.order(vectors[begin : begin + len(own)], count)
        begin += len(own)


def extracted(text, ranked, length, room):
    """The sentences of a text that come first and fit, in the text's order.

    Args:
        text: str.
        ranked: what `ranked_sentences` gives of it.
        length: function from a sentence, str, to its length.
        room: int, the length that all may have.

    Returns:
        str; where no sentence fits, the first in rank.
    """
    spans, order, _ = ranked
    chosen = []
    for number in order:
        size = length(text[slice(*spans[number])])
        if size <= room:
            chosen.append(number)
            room -= size
    return joined(text, [spans[number] for number in sorted(chosen or order[:1])])


def joined(text, spans):
    """Parts of a text as one, with a space where one stands behind a part.

    Args:
        text: str.
        spans: list of pairs of int, start and end, in order.

    Returns:
        str.
    """
    parts = [
        text[start:end] + (" " if text[end : end + 1].isspace() else "")
        for start, end in spans
    ]
    return "".join(parts).strip()
