"""Tags of words that mark entities: BIO, IOB2, BIOES and their like."""

import re

OUTSIDE = "O"
# Begin, inside, middle; end, last; single, unit.
_TAG = re.compile(r"([BIMELSU])(?:-(.*))?", re.DOTALL)
_GOES_ON = {"B", "I", "M"}  # another word of the entity may follow
_CONTINUES = {"I", "M", "E", "L"}


def has_entities(tags):
    """Whether a set of tags marks entities, and not words, as parts of speech do.

    Args:
        tags: iterable of str, all tags that there are.

    Returns:
        bool: all are "O" or begin with a letter of BIO, BIOES or BILOU and a hyphen
        (alone where there is one type), and not all are "O".
    """
    others = set(tags) - {OUTSIDE}
    return bool(others) and all(map(_TAG.fullmatch, others))


def entities_of(tags):
    """The entities that the tags of a sentence mark.

    As conlleval, and seqeval by default, reads them: a word with a tag is part of the
    entity before it where both tags allow it and name the same type; otherwise, with
    whichever letter, it begins one.

    Args:
        tags: list of str, one per word.

    Returns:
        list of `(type, start, end)`: str, "_" of tags without a type; the first word,
        and the one behind the last. In their order, none over another.

    Raises:
        ValueError: a tag of no such scheme.

    Source: Tjong Kim Sang and De Meulder 2003 (the CoNLL-2003 shared task).
    """
    entities, previous = [], None
    for number, tag in enumerate(tags):
        if tag == OUTSIDE:
            previous = None
            continue
        match = _TAG.fullmatch(tag)
        if match is None:
            raise ValueError(
                'The tag of an entity is "O", or a letter of BIO, BIOES or BILOU and a '
                f"type, such as B-PER. Received: {tag!r}."
            )
        letter, kind = match[1], match[2] or "_"
        if letter in _CONTINUES and previous in {(own, kind) for own in _GOES_ON}:
            entities[-1] = (kind, entities[-1][1], number + 1)
        else:
            entities.append((kind, number, number + 1))
        previous = letter, kind
    return entities
