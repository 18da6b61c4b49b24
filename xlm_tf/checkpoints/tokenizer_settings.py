"""What the small files beside a vocabulary say of a tokenizer."""

import dataclasses
from pathlib import Path

from xlm_tf.checkpoints.added_tokens import added_token
from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
    read_json_if_there,
)
from xlm_tf.checkpoints.model_settings import ordered_names

CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"
# transformers writes 1e30 for "no limit".
_NO_LIMIT = 1_000_000_000
_LISTS_OF_TOKENS = ("additional_special_tokens", "extra_special_tokens")
# Of every family; each has its own beside them.
SHARED_SETTINGS = {
    "model_max_length": OBEYED,
    "max_len": OBEYED,
    "added_tokens_decoder": OBEYED,
    **dict.fromkeys(_LISTS_OF_TOKENS, OBEYED),
    "do_lower_case": only(False),
    "truncation_side": only("right"),
    **no_effect(
        "says where files came from, and how transformers found them",
        "name_or_path tokenizer_file vocab_file merges_file special_tokens_map_file "
        "processor_class transformers_version backend is_local local_files_only "
        "use_fast from_slow files_loaded init_inputs",
    ),
    **no_effect(
        "of transformers' decode",
        "clean_up_tokenization_spaces spaces_between_special_tokens "
        "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
    ),
    **no_effect(
        "of one call of the tokenizer that was kept; the next call says it anew",
        "max_length stride truncation truncation_strategy padding "
        "pad_to_multiple_of return_token_type_ids",
    ),
    **no_effect("names of transformers' inputs", "model_input_names"),
    **no_effect(
        "a pair has one token type, here and in transformers", "pad_token_type_id"
    ),
    **no_effect("of chats", "chat_template response_template chat_control_tokens"),
    **no_effect("of offsets", "trim_offsets"),
    **no_effect(
        "special tokens in texts are text, unless the tokenizer is told otherwise",
        "split_special_tokens",
    ),
}


@dataclasses.dataclass(frozen=True)
class TokenizerSettings:
    """What the files say, None where they do not.

    Attributes:
        max_length: int, longest text in tokens, specials included.
        start_token: str.
        lowercase: bool, lower-case and remove accents (XLM).
        languages: list of str, in the order of their ids (XLM).
        added: dict from id to `AddedToken`.
        special: list of str, tokens named as special, whose ids may be missing.
    """

    max_length: int | None
    start_token: str | None
    lowercase: bool | None
    languages: list | None
    added: dict
    special: list


def read_tokenizer_settings(folder, files, ignored=()):
    """Read the files of a folder.

    Args:
        folder: Path.
        files: `TokenizerFiles` of the family.
        ignored: names of settings to pass over.

    Returns:
        `TokenizerSettings`.

    Raises:
        ValueError: a setting that can be neither obeyed nor passed over; names it.
    """
    path = Path(folder, CONFIG_FILE)
    config = read_json_if_there(path)
    check_settings(path, config, files.settings, ignored)
    map_path = Path(folder, SPECIAL_TOKENS_FILE)
    special_tokens = read_json_if_there(map_path)
    check_settings(map_path, special_tokens, files.settings, ignored)
    special = []
    for source, content in ((map_path, special_tokens), (path, config)):
        for name, expected in files.special_tokens.items():
            token = _content(content.get(name))
            if token is not None and token not in expected:
                raise ValueError(
                    f"{source} has the setting {name}, which is not supported as "
                    f"{token!r}. Expected {' or '.join(map(repr, expected))}."
                )
        for name in _LISTS_OF_TOKENS:
            tokens = content.get(name) or []
            if isinstance(tokens, dict):
                tokens = list(tokens.values())
            special += [_content(token) for token in tokens]
    added = {
        int(token_id): added_token(entry, path, int(token_id), ignored)
        for token_id, entry in (config.get("added_tokens_decoder") or {}).items()
    }
    for token, token_id in read_json_if_there(Path(folder, ADDED_TOKENS_FILE)).items():
        added.setdefault(token_id, added_token(token, folder, token_id))
    length = config.get("model_max_length", config.get("max_len"))
    languages = None
    if config.get("lang2id") or config.get("id2lang"):
        languages = ordered_names(config, "lang2id", "id2lang", path)
    return TokenizerSettings(
        max_length=int(length) if length and length < _NO_LIMIT else None,
        start_token=_content(config.get("bos_token")),
        lowercase=config.get("do_lowercase_and_remove_accent"),
        languages=languages,
        added=added,
        special=list(dict.fromkeys(special)),
    )


def tokens_after(vocabulary, special_tokens, settings, folder):
    """The tokens that stand behind a vocabulary's own.

    Args:
        vocabulary: list of str, in the order of their ids.
        special_tokens: list of str, those of the family, which are among them.
        settings: `TokenizerSettings`.
        folder: Path, for messages.

    Returns:
        List of `AddedToken`, in the order of their ids.

    Raises:
        ValueError: their ids do not follow the vocabulary's, or a piece of the
            vocabulary is to be cut out of words.
    """
    own = {token: i for i, token in enumerate(vocabulary)}
    added, size = [], len(vocabulary)
    for token_id, token in sorted(settings.added.items()):
        if token.content in special_tokens and own[token.content] == token_id:
            continue
        if token.content in own:
            raise ValueError(_is_piece(token.content, folder))
        if token_id != size + len(added):
            raise ValueError(
                f"{folder} adds the token {token.content!r} with the id {token_id}. "
                f"Expected {size + len(added)}, the next."
            )
        added.append(token)
    known = {*special_tokens, *(token.content for token in added)}
    for token in settings.special:
        if token in known:
            continue
        if token in own:
            raise ValueError(_is_piece(token, folder))
        added.append(added_token(token, folder, size + len(added)))
    return added


def _is_piece(token, folder):
    return (
        f"{folder} has the added token {token!r}, which is a piece of the vocabulary: "
        "it would be cut out of words, which is not supported. Expected new tokens."
    )


def _content(token):
    """A token's text, whether it comes with settings or alone."""
    return token.get("content") if isinstance(token, dict) else token
