"""Texts of any length, cut into passages that a model reads whole."""

from xlm_tf.models.windows import cut_windows
from xlm_tf.text.byte_offsets import character_offsets

# Characters that are tokenized at once; longer texts are, part by part.
_AT_ONCE = 1 << 20
# Bytes of a character: where a vocabulary spells unknown ones in bytes, a token each.
_MOST_TOKENS = 4


def cut_passages(texts, preprocessor, language=None, prompt=""):
    """Where the passages of texts begin and end.

    A text that the model reads whole is one passage. A longer one is cut into windows
    of as many tokens as it reads, of which neighbours share a quarter; between words,
    where there are spaces.

    Args:
        texts: list of str.
        preprocessor: of the model.
        language: str, of the texts, where the tokenizer needs it.
        prompt: str that is put before every passage, and takes its tokens of them.

    Returns:
        List, one entry per text, of lists of `(start, end)`, in characters.
    """
    size = preprocessor.room(1)
    if prompt:
        size = max(size - len(preprocessor.tokenizer.encode(prompt)), 1)
    passages = [[(0, len(text))] for text in texts]
    parts = [
        (i, begin)
        for i, text in enumerate(texts)
        if _MOST_TOKENS * len(text) > size
        for begin in range(0, len(text), _AT_ONCE)
    ]
    found = {}
    for batch in _batches(parts, texts):
        contents = [texts[i][begin : begin + _AT_ONCE] for i, begin in batch]
        cut = _cut_parts(contents, preprocessor, size, language)
        for (i, begin), windows in zip(batch, cut, strict=True):
            found.setdefault(i, []).extend(
                (begin + start, begin + end) for start, end in windows
            )
    for i, windows in found.items():
        if len(windows) > 1:
            passages[i] = windows
    return passages


def _batches(parts, texts):
    """Parts, some of them at a time."""
    batch, characters = [], 0
    for i, begin in parts:
        length = min(len(texts[i]) - begin, _AT_ONCE)
        if batch and characters + length > _AT_ONCE:
            yield batch
            batch, characters = [], 0
        batch.append((i, begin))
        characters += length
    if batch:
        yield batch


def _cut_parts(texts, preprocessor, size, language):
    """The windows of some texts: lists of `(start, end)`, in characters."""
    tokenizer = preprocessor.tokenizer
    arguments = {}
    if getattr(tokenizer, "reads_language", False):
        arguments["language"] = language or preprocessor.language
    ids, starts, ends = tokenizer.tokenize_with_offsets(texts, **arguments)
    windows = cut_windows(ids.row_lengths(), size, size // 4)
    first, lengths = windows.start.numpy(), windows.length.numpy()
    of_text = [[] for _ in texts]
    for number, row in enumerate(windows.row.numpy()):
        of_text[row].append((first[number], lengths[number]))
    found = []
    for row, text in enumerate(texts):
        if len(of_text[row]) == 1:
            found.append([(0, len(text))])
            continue
        characters = character_offsets(text)
        begin, end = starts[row].numpy(), ends[row].numpy()
        places = [
            (int(characters[begin[i]]), int(characters[end[i + length - 1]]))
            for i, length in of_text[row]
        ]
        found.append(_between_words(text, places))
    return found


def _between_words(text, places):
    """Windows that begin and end at white space, where they share some."""
    starts, ends = map(list, zip(*places, strict=True))
    for i in range(1, len(starts)):
        shared = text[starts[i] : ends[i - 1]]
        spaces = [n for n, character in enumerate(shared) if character.isspace()]
        if spaces:
            ends[i - 1] = starts[i] + spaces[-1]
            starts[i] += spaces[0]
    return list(zip(starts, ends, strict=True))
