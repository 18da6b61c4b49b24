"""The files of a BPE tokenizer: its vocabulary and its merges, read and written."""

import collections
import json
import os
from pathlib import Path

SPECIAL_TOKENS = (
    "<s>",
    "</s>",
    "<pad>",
    "<unk>",
    *(f"<special{i}>" for i in range(10)),
)
WORD_END = "</w>"
VOCABULARY_FILE = "vocab.json"
MERGES_FILE = "merges.txt"


def read_vocabulary(source, max_vocabulary=None):
    """The tokens of a vocabulary in the order of their ids, in transformers' form.

    Args:
        source: path of transformers' `vocab.json` or of fastBPE's vocabulary; or a
            dict from token to id; or a list of tokens in either's form.
        max_vocabulary: int, tokens to keep; None keeps all.

    Returns:
        List of str.

    Raises:
        ValueError: no vocabulary of XLM; says what is wrong.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        text = _read_text(path)
        if text.lstrip().startswith("{"):
            source = json.loads(text)
        else:
            source = [*SPECIAL_TOKENS, *_fastbpe_tokens(path, text)]
    if isinstance(source, dict):
        tokens = sorted(source, key=source.get)
        if [source[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError("The ids of a vocabulary must be 0, 1, 2, ... in full.")
    else:
        tokens = list(source)
        if not any(token.endswith(WORD_END) for token in tokens):
            tokens = [_with_word_end(token) for token in tokens]
    if tuple(tokens[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
        raise ValueError(
            "A vocabulary of XLM begins with the 14 special tokens "
            f"{', '.join(SPECIAL_TOKENS)}. Received: {tokens[:14]}."
        )
    if len(set(tokens)) != len(tokens):
        twice = [t for t, n in collections.Counter(tokens).items() if n > 1][:5]
        raise ValueError(f"A vocabulary must hold every token once. Twice: {twice}.")
    return tokens[:max_vocabulary]


def _read_text(path):
    """UTF-8, of which a byte order mark is no part."""
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be UTF-8 text. Received: {error.reason} at byte "
            f"{error.start}."
        ) from error


def _fastbpe_tokens(path, text):
    tokens = []
    for number, line in enumerate(text.split("\n"), start=1):
        token, _, count = line.rpartition(" ")
        if not line:
            continue
        if not token or not count.isdecimal():
            raise ValueError(
                f"{path}, line {number}: expected a token and its count, as fastBPE "
                f"writes them. Received: {line[:80]!r}."
            )
        tokens.append(token)
    return tokens


def _with_word_end(token):
    if token in SPECIAL_TOKENS:
        return token
    return token.replace("@@", "") if "@@" in token else token + WORD_END


def read_merges(source):
    """The merges in their order.

    Args:
        source: path of fastBPE's codes or of transformers' `merges.txt`, or pairs.

    Returns:
        List of pairs of str.

    Raises:
        ValueError: a line that is no merge; says which.
    """
    if not isinstance(source, str | os.PathLike):
        return [tuple(pair) for pair in source]
    merges = []
    lines = _read_text(source).split("\n")
    for number, line in enumerate(lines, start=1):
        parts = line.split(" ")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        if len(parts) not in (2, 3):
            raise ValueError(
                f"{source}, line {number}: expected two symbols and perhaps a count. "
                f"Received: {line[:80]!r}."
            )
        merges.append((parts[0], parts[1]))
    return merges


def write_files(folder, vocabulary, merges):
    """Write `vocab.json` and `merges.txt`, as transformers has them.

    Args:
        folder: str or Path, which is there.
        vocabulary: list of str, tokens in the order of their ids.
        merges: list of pairs of str.
    """
    ids = {token: i for i, token in enumerate(vocabulary)}
    Path(folder, VOCABULARY_FILE).write_text(
        json.dumps(ids, ensure_ascii=False, indent=0), encoding="utf-8"
    )
    Path(folder, MERGES_FILE).write_text(
        "".join(f"{first} {second}\n" for first, second in merges), encoding="utf-8"
    )
