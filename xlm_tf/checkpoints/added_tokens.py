"""Tokens beside a vocabulary's pieces, in the forms that transformers writes."""

import dataclasses

from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
)

_ENTRY = {
    "id": OBEYED,
    "content": OBEYED,
    "normalized": only(True, False),
    "single_word": only(False),
    **no_effect(
        "white space around a token is none of its neighbours' in XLM-R",
        "lstrip rstrip",
    ),
    **no_effect("what is special is decided by the caller of decode", "special"),
    **no_effect("of the file", "__type"),
}


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token that is found wherever it stands in a text.

    Attributes:
        id: int, or None where the file does not say it.
        content: str.
        normalized: bool, look for it in the normalised text.
    """

    id: int | None
    content: str
    normalized: bool


def added_token(entry, path, token_id=None, ignored=()):
    """An `AddedToken` from its entry in a file.

    Args:
        entry: dict, or str for one with the settings of special tokens.
        path: for messages.
        token_id: int, of an entry that does not hold it.
        ignored: names of settings to pass over.

    Raises:
        ValueError: a setting that cannot be obeyed.
    """
    if isinstance(entry, str):
        return AddedToken(token_id, entry, False)
    check_settings(f"{path}, token {entry.get('content')!r},", entry, _ENTRY, ignored)
    return AddedToken(
        entry.get("id", token_id),
        entry["content"],
        entry.get("normalized", not entry.get("special", False)),
    )
