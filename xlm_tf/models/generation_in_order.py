"""Many texts through `XLMSeq2SeqLM.generate`, by length, in their order."""

import itertools

from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.text.sentences import chunks

# Texts that are sorted by length together.
WINDOW = 4096


def generate_in_order(
    model,
    texts,
    batch_size=64,
    max_length=None,
    source_language=None,
    target_language=None,
    split=True,
):
    """Write the target of every text of a stream.

    Texts of a window are batched by length. Empty texts stay empty.

    Args:
        model: `XLMSeq2SeqLM` with a preprocessor.
        texts: iterable of str.
        batch_size: int.
        max_length, source_language, target_language: see `generate`.
        split: bool, split a text that is longer than the model's sources at ends of
            sentences, and join its parts' targets by spaces. False cuts its end off,
            as in training: a summary of the beginning, not of every part.

    Returns:
        An iterator: for every text, in order, a list of (target: str, score: float),
        best first; of a text that was split the best alone, with the mean of its
        parts' scores.

    Raises:
        ValueError: an argument out of range, or a language that the model does not
            read or write: at once, before the first text is read.
    """
    batch_size = whole_number("batch_size", batch_size)
    if max_length is not None:
        max_length = whole_number("max_length", max_length)
    languages = {"source_language": source_language, "target_language": target_language}
    model.preprocessor.check_languages(**languages)
    arguments = {"max_length": max_length, "with_scores": True, **languages}
    return _generate(model, texts, batch_size, split, arguments)


def _generate(model, texts, batch_size, split, arguments):
    tokenizer = model.preprocessor.tokenizer
    room = model.preprocessor.sequence_length - 2

    def length(text):
        return len(tokenizer(text))

    texts = iter(texts)
    while window := list(itertools.islice(texts, WINDOW)):
        parts = []  # (number of the text, part)
        for number, text in enumerate(window):
            if text.strip():
                pieces = [text]
                if split:
                    pieces = chunks(text, lambda piece: length(piece) <= room)
                parts += [(number, piece) for piece in pieces]
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
