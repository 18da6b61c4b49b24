"""Texts in every form in which Keras takes inputs, read into columns."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from xlm_tf.models.received import is_array, row_name, shown
from xlm_tf.models.text_fields import LANGUAGE_FIELDS


def read_texts(x, name="text"):
    """Texts in any form -> what preprocessors take.

    Args:
        x: str: one text;
            list, array, tensor, or column of a data frame, of str or bytes: texts;
            tuple of two of them: pairs of texts, as two columns;
            list of pairs of str, array (N, 2), list of two arrays: the same;
            dict of columns, in which a language may be one str for all rows;
            data frame: one column of texts, two of pairs, or those of such a dict.

    Returns:
        Object array (N,) of str or bytes, a tuple of two, or a dict of them.

    Raises:
        ValueError: anything else; a row without a text is named.
    """
    if isinstance(x, Mapping):
        return _text_columns(x)
    if hasattr(x, "columns"):
        return _text_frame(x)
    if isinstance(x, tuple):
        if len(x) != 2:
            raise ValueError(
                "A tuple of texts must hold two, text and pair. "
                f"Received: a tuple of {len(x)}."
            )
        return tuple(map(read_texts, x, ("text", "text_pair")))
    if isinstance(x, list) and x:
        if is_array(x[0]) and len(x[0].shape):  # Keras's way to give several inputs
            return read_texts(tuple(x) if len(x) > 1 else x[0])
        if isinstance(x[0], tuple | list):
            return _text_pairs(x)
    return _text_column(x, name)


def read_column(x, name="text"):
    """Texts of a method that takes nothing beside them, such as `embed`.

    Args:
        x: str or bytes: one text; or a column of them, in any form of `read_texts`.
        name: str, what the texts are, for the errors.

    Returns:
        List of str or bytes.

    Raises:
        ValueError: anything else; a row without a text is named.
    """
    is_list_of_pairs = isinstance(x, list) and x and isinstance(x[0], tuple | list)
    texts = None if is_list_of_pairs else read_texts(x, name)
    if isinstance(texts, dict) and list(texts) == ["text"]:
        texts = texts["text"]
    if not isinstance(texts, np.ndarray):
        raise ValueError(
            f"`{name}` must be a str or a list of str; languages are arguments beside "
            f"it. Received: {shown(x)}."
        )
    return texts.tolist()


def _text_pairs(rows):
    """A list of pairs -> two columns."""
    is_pair = [isinstance(row, tuple | list) and len(row) == 2 for row in rows]
    if not all(is_pair):
        row = is_pair.index(False)
        raise ValueError(
            "Pairs of texts are a list of tuples of two, or a tuple of two lists. "
            f"Received a list whose row {row} is {shown(rows[row])}."
        )
    if len(rows) == 2 and isinstance(rows[0], list):
        raise ValueError(
            "Two lists of two texts can be two pairs, or a column of texts and one of "
            "pairs: pass a list of tuples, or a tuple of lists. "
            f"Received: {shown(rows)}."
        )
    first, second = zip(*rows, strict=True)
    return _text_column(list(first), "text"), _text_column(list(second), "text_pair")


def _text_frame(frame):
    names = list(frame.columns)
    if "text" in names:
        return _text_columns({name: frame[name] for name in names})
    if len(names) not in (1, 2):
        raise ValueError(
            "A data frame of texts has one column, two for pairs, or a column `text` "
            f"beside others that the model knows. Received the columns {names}."
        )
    return (
        read_texts(tuple(frame[name] for name in names))
        if len(names) == 2
        else (_text_column(frame[names[0]], str(names[0])))
    )


def _text_columns(columns):
    read = {
        name: _text_column(values, name)
        for name, values in columns.items()
        if not (name in LANGUAGE_FIELDS and _is_one(values))
    }
    num_rows = max(map(len, read.values()), default=1)
    for name, values in columns.items():
        if name not in read:  # one language for all
            read[name] = np.full(num_rows, _as_str(values), object)
    return read


def _is_one(values):
    """Whether it is a text, and not a column of them."""
    is_scalar = is_array(values) and len(values.shape) == 0
    return isinstance(values, str | bytes) or is_scalar


def _as_str(value):
    return value.numpy() if tf.is_tensor(value) else value


def _text_column(values, name):
    """Object array (N,) of str or bytes; arrays (N, 2) are two columns."""
    if _is_one(values):
        values = [_as_str(values)]
    if tf.is_tensor(values) and not isinstance(values, tf.RaggedTensor):
        array = values.numpy()
    elif hasattr(values, "__array__"):
        array = np.asarray(values)
    elif hasattr(values, "__len__") and hasattr(values, "__getitem__"):
        array = np.fromiter(iter(values), dtype=object, count=len(values))
    else:
        raise ValueError(
            f"`{name}` must be a list or an array of texts. Received: {shown(values)}."
        )
    if array.ndim == 2 and array.shape[1] == 2:
        return tuple(_text_column(column, name) for column in array.T)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"`{name}` must hold one text a row, or two. "
            f"Received an array of shape {array.shape}."
        )
    array = array.astype(object)
    for row, text in enumerate(array):
        if not isinstance(text, str | bytes):
            hint = "token ids are for tasks with preprocessor=None"
            if _is_missing(text):
                hint = 'leave such rows out, or fill them, with "" for an empty text'
            raise ValueError(
                f"Every row of `{name}` must be a str. {row_name(values, row)} is "
                f"{shown(text)}: {hint}."
            )
        if isinstance(text, str) and not text.isascii():
            _check_unicode(text, name, row_name(values, row))
    return array


def _check_unicode(text, name, place):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} of `{name}` is no text: it holds half of a surrogate pair, "
            f"{text[error.start]!r}, which UTF-8 has no form for. Decode its bytes "
            "again, or leave the character out."
        ) from error


def _is_missing(value):
    """Whether it is None, or one of the ways to say so of numpy and pandas."""
    is_nan = isinstance(value, float) and np.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")
