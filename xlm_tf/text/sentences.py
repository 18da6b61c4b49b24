"""Where long texts can be cut."""

import re

# The end of a sentence, with what closes it and the space after it; the full stops of
# Chinese and Japanese need no space.
_END = re.compile(r"(?<=[.!?…؟।။])[\"'»”’)\]]*\s+|(?<=[。！？])[」』”]*\s*")


def split_sentences(text):
    """The sentences of a text, as well as punctuation tells.

    Args:
        text: str.

    Returns:
        List of str; joined, with the spaces in their place, they are the text.
    """
    parts, begin = [], 0
    for match in _END.finditer(text):
        parts.append(text[begin : match.end()])
        begin = match.end()
    parts.append(text[begin:])
    return [part for part in parts if part.strip()]


def chunks(text, fits):
    """A text in parts that fit: whole sentences where they do, else words.

    Args:
        text: str.
        fits: function from str to bool.

    Returns:
        List of str, stripped, with at least one part. A single word that does not fit
        is a part of its own.
    """
    if fits(text):
        return [text]
    sentences = split_sentences(text)
    if len(sentences) == 1:
        sentences = re.findall(r"\S+\s*", text) or [text]
        if len(sentences) == 1:
            return [text]
    parts, current = [], ""
    for sentence in sentences:
        if current and not fits(current + sentence):
            parts.append(current)
            current = ""
        current += sentence
    parts.append(current)
    return [piece for part in parts for piece in chunks(part.strip(), fits)]
