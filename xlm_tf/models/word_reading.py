"""Sentences of words, in every form in which they come, read into one tensor."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from xlm_tf.models.received import is_array, row_name, shown


def holds_words(x):
    """Whether inputs of a tagger are sentences of words, and not raw texts."""
    if isinstance(x, Mapping):
        return "words" in x
    if hasattr(x, "columns"):
        return "words" in list(x.columns)
    if isinstance(x, tf.RaggedTensor):
        return True
    is_column = is_array(x) and not tf.is_tensor(x) and len(x.shape) == 1
    is_rows = (isinstance(x, list) or is_column) and len(x) > 0
    return is_rows and all(_is_row(row) for row in x)


def check_names(names):
    """Raise ValueError where there is something beside words that is not read."""
    if not set(names) <= {"words", "language"}:
        raise ValueError(
            "Inputs are `words` and, where it applies, `language`. "
            f"Received: {sorted(map(str, names))}."
        )


def check_per_word(values, words, name):
    """Raise ValueError where rows do not have a value for each of their words.

    Args:
        values: list of rows, or RaggedTensor (N, None); other arrays may be padded, and
            are not looked at.
        words: string RaggedTensor (N, None).
        name: str, of the argument.
    """
    if isinstance(values, tf.RaggedTensor):
        lengths = values.row_lengths().numpy()
    elif getattr(getattr(values, "dtype", None), "kind", "O") == "O" and all(
        hasattr(row, "__len__") and not isinstance(row, str | bytes) for row in values
    ):
        lengths = [len(row) for row in values]
    else:
        return
    counts = words.row_lengths().numpy()
    for row, (own, count) in enumerate(zip(lengths, counts, strict=False)):
        if own != count:
            raise ValueError(
                f"`{name}` must hold one for every word. {row_name(values, row)} has "
                f"{own} for {count} words."
            )


def read_words(x):
    """Sentences of words in any form -> a RaggedTensor.

    Args:
        x: list of sentences, each a list, tuple or array of str; or a string
            RaggedTensor (B, None).

    Returns:
        string RaggedTensor (B, None).

    Raises:
        ValueError: anything else; a word that is no str is named.
    """
    if isinstance(x, tf.RaggedTensor):
        if x.dtype != tf.string or x.shape.rank != 2:
            raise ValueError(
                "Sentences are rows of words, a string RaggedTensor (B, None). "
                f"Received: {x.dtype.name} of the shape {x.shape}."
            )
        return x
    if isinstance(x, str | bytes) or not hasattr(x, "__len__"):
        raise ValueError(
            f"Sentences must be a list of lists of words. Received: {shown(x)}."
        )
    lengths, words = [], []
    for number, row in enumerate(list(x)):
        if not _is_row(row):
            raise ValueError(
                "Every sentence must be a list of words; raw texts are for `tag`. "
                f"{row_name(x, number)} is {shown(row)}."
            )
        for word in row:
            if not isinstance(word, str | bytes):
                raise ValueError(
                    f"Every word must be a str. {row_name(x, number)} holds "
                    f"{shown(word)}."
                )
            words.append(word)
        lengths.append(len(row))
    try:
        words = tf.constant(words, tf.string, shape=(len(words),))
    except (UnicodeEncodeError, ValueError) as error:
        raise ValueError(f"A word is no text: {error}.") from error
    return tf.RaggedTensor.from_row_lengths(words, np.array(lengths, "int64"))


def _is_row(row):
    is_sequence = isinstance(row, list | tuple) or (is_array(row) and row.ndim == 1)
    return is_sequence and all(isinstance(word, str | bytes) for word in list(row)[:1])
