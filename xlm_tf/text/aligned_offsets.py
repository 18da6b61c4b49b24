"""Where tokens stand in a text, by the offsets of another reading of it."""

import difflib


def aligned_offsets(ids, other_ids, offsets, unknown_id):
    """The offsets of tokens, from another reading of the same text.

    Both readings agree, but where there are special tokens in the text, and where rules
    for words look at their neighbours: there, tokens stand for what lies between those
    that agree.

    Args:
        ids: list of int, tokens.
        other_ids: list of int, tokens of the other reading.
        offsets: list of pairs of int, start and end of every one of `other_ids`.
        unknown_id: int, the token that says nothing of what it stands for.

    Returns:
        List of pairs of int, one for each of `ids`.
    """
    if ids == other_ids:
        return offsets
    found = []
    matcher = difflib.SequenceMatcher(
        None,
        [i if i != unknown_id else None for i in other_ids],
        [i if i != unknown_id else -1 for i in ids],
        autojunk=False,
    )
    for kind, begin, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            found += offsets[begin:end]
            continue
        before = offsets[begin - 1][1] if begin else 0
        span = (before, before)
        if begin < end:
            span = offsets[begin][0], offsets[end - 1][1]
        found += [span] * (last - first)
    return found
