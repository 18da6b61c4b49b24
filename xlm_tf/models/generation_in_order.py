"""Many texts through `XLMSeq2SeqLM.generate`, by length, in their order."""

import collections
import itertools

from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.extractive_summary import (
    SentenceRanking,
    extracted,
    ranked_sentences,
)
from xlm_tf.text.sentences import chunks

# Texts that are sorted by length together.
WINDOW = 4096

# What becomes of a text that is longer than the model's sources.
LONG_TEXTS = ("split", "truncate", "extract")


def generate_in_order(
    model,
    texts,
    batch_size=64,
    max_length=None,
    source_language=None,
    target_language=None,
    long_texts="split",
    embedder=None,
    counts=None,
):
    """Write the target of every text of a stream.

    Texts of a window are batched by length. Empty texts stay empty.

    Args:
        model: `XLMSeq2SeqLM` with a preprocessor.
        texts: iterable of str.
        batch_size: int.
        max_length, source_language, target_language: see `generate`.
        long_texts: what becomes of a text that is longer than the model's sources:
            "split": it is split at ends of sentences, and its parts' targets are
                joined by spaces;
            "truncate": its end is cut off, as in training: a summary of the beginning,
                not of every part;
            "extract": of its sentences those are read that say most, see
                `XLMTextEmbedder.summarize`, as many as the model reads.
        embedder: `XLMTextEmbedder`, which "extract" needs.
        counts: `collections.Counter`, to which are added `texts`, and those of them
            that are `long`, as they are read.

    Returns:
        An iterator: for every text, in order, a list of (target: str, score: float),
        best first; of a text that was split the best alone, with the mean of its
        parts' scores.

    Raises:
        ValueError: an argument out of range, or a language that the model does not
            read or write: at once, before the first text is read.
    """
    if long_texts not in LONG_TEXTS:
        raise ValueError(
            f"long_texts must be one of {', '.join(LONG_TEXTS)}. "
            f"Received: long_texts={long_texts!r}."
        )
    if (embedder is not None) != (long_texts == "extract"):
        raise ValueError(
            'long_texts="extract" needs an embedder, which chooses sentences; nothing '
            f"else reads one. Received: long_texts={long_texts!r}, "
            f"embedder={embedder!r}."
        )
    batch_size = whole_number("batch_size", batch_size)
    if max_length is not None:
        max_length = whole_number("max_length", max_length)
    languages = {"source_language": source_language, "target_language": target_language}
    model.preprocessor.check_direction(**languages)
    arguments = {"max_length": max_length, "with_scores": True, **languages}
    if embedder is not None:
        embedder.text_preprocessor('long_texts="extract"')
    parts_of = _reader(model, long_texts, embedder, source_language, counts)
    return _generate(model, texts, batch_size, parts_of, arguments)


def _reader(model, long_texts, embedder, language, counts):
    """Function from a text to the list of texts that are read of it."""
    tokenizer = model.preprocessor.tokenizer
    room = model.preprocessor.room(1)
    counts = collections.Counter() if counts is None else counts

    def length(text):
        return len(tokenizer(text))

    def parts_of(text):
        counts["texts"] += 1
        if not text.strip():
            return []
        if length(text) <= room:
            return [text]
        counts["long"] += 1
        if long_texts == "split":
            return chunks(text, lambda piece: length(piece) <= room)
        if long_texts == "truncate":
            return [text]
        reads = embedder.preprocessor.tells_languages_apart
        (ranked,) = ranked_sentences(
            embedder, [text], SentenceRanking(), language if reads else None
        )
        return [extracted(text, ranked, length, room)]

    return parts_of


def _generate(model, texts, batch_size, parts_of, arguments):
    texts = iter(texts)
    while window := list(itertools.islice(texts, WINDOW)):
        parts = []  # (number of the text, part)
        for number, text in enumerate(window):
            parts += [(number, piece) for piece in parts_of(text)]
        results = [[] for _ in window]
        order = sorted(range(len(parts)), key=lambda i: len(parts[i][1]))
        found = [None] * len(parts)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            targets, scores = model.generate([parts[i][1] for i in batch], **arguments)
            for i, target, score in zip(batch, targets, scores, strict=True):
                is_one = isinstance(target, str)
                found[i] = (
                    [(target, score)]
                    if is_one
                    else list(zip(target, score, strict=True))
                )
        for (number, _), candidates in zip(parts, found, strict=True):
            results[number].append(candidates)
        for of_parts in results:
            yield _joined(of_parts)


def _joined(of_parts):
    if not of_parts:
        return [("", 0.0)]
    if len(of_parts) == 1:
        return of_parts[0]
    best = [candidates[0] for candidates in of_parts]
    text = " ".join(target for target, _ in best)
    return [(text, sum(score for _, score in best) / len(best))]
