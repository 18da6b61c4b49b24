"""Labels, numbers or names of classes, read into numbers."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from xlm_tf.models.array_reading import read_arrays
from xlm_tf.models.received import is_array, row_name, shown

# A token's label that does not count: no class has a negative number.
IGNORED_LABEL = -1


def read_labels(y, names=None, per_token=False):
    """Labels in any form -> arrays of numbers.

    Args:
        y: labels: numbers, one per row or vectors; or the names of classes.
        names: list of str, the classes' names, or None.
        per_token: bool, whether every row is a list of labels, of any length.

    Returns:
        Array; with `per_token` its rows are filled up with `IGNORED_LABEL`.

    Raises:
        ValueError: a name that is none of `names`, or is missing; says the row.
    """
    if hasattr(y, "columns") and len(y.columns) == 1:
        y = y[y.columns[0]]  # a data frame of one column
    if isinstance(y, Mapping | tuple) and not per_token:
        return read_arrays(y, "y")
    if tf.is_tensor(y):
        y = y.to_list() if isinstance(y, tf.RaggedTensor) else y.numpy()
    if per_token and not (is_array(y) and y.dtype.kind in "biuf"):
        return _token_labels(list(y), names)
    if not hasattr(y, "__len__"):
        raise ValueError(f"`y` must hold a label per row. Received: {shown(y)}.")
    y = _without_columns(y)
    if _holds_names(y):
        return np.array(
            [_label_id(value, names, row_name(y, row)) for row, value in enumerate(y)]
        ).astype("int32")
    return read_arrays(y, "y")


def _without_columns(y):
    """Names in rows of one, (N, 1), as a column of names."""
    if is_array(y):
        is_column = len(y.shape) == 2 and y.shape[1] == 1 and y.dtype.kind in "OUS"
        return y[:, 0] if is_column else y
    is_row = [
        isinstance(row, list | tuple) and len(row) == 1 and isinstance(row[0], str)
        for row in y
    ]
    return [row[0] for row in y] if is_row and all(is_row) else y


def _holds_names(y):
    if is_array(y) and getattr(y.dtype, "kind", "O") in "biuf":
        return False
    return any(isinstance(value, str | bytes) for value in y)


def _token_labels(rows, names):
    read = []
    for number, row in enumerate(rows):
        if not hasattr(row, "__len__") or isinstance(row, str | bytes):
            raise ValueError(
                "`y` must hold a list of labels for every text, one per token. "
                f"Row {number} is {shown(row)}."
            )
        labels = row
        if _holds_names(row):
            labels = [
                IGNORED_LABEL
                if value == ""
                else _label_id(value, names, f"Row {number}")
                for value in row
            ]
        read.append(np.asarray(labels, None if len(labels) > 0 else "int32"))
    width = max(map(len, read), default=0)
    filled = [
        np.pad(
            row,
            [(0, width - len(row))] + [(0, 0)] * (row.ndim - 1),
            constant_values=IGNORED_LABEL,
        )
        for row in read
    ]
    return np.stack(filled) if filled else np.zeros((0, 0), "int32")


def _label_id(value, names, place):
    if names is None:
        raise ValueError(
            "The task knows no names of classes: make it with labels=[...], or pass "
            f"numbers. {place} of `y` is {shown(value)}."
        )
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if value not in names:
        raise ValueError(
            f"Every label must be one of {list(names)}. {place} of `y` is "
            f"{shown(value)}."
        )
    return names.index(value)


def label_ids(y, names, per_token=False):
    """The numbers of labels that are names, in graph.

    Args:
        y: string tensor.
        names: list of str, the classes' names, or None.
        per_token: bool, whether tokens have labels, and "" is `IGNORED_LABEL`.

    Returns:
        int32 tensor of the same shape.

    Raises:
        ValueError: there are no names.
        tf.errors.InvalidArgumentError: a label that is none of the names.
    """
    if names is None:
        raise ValueError(
            "The task knows no names of classes: make it with labels=[...], or pass "
            f"numbers. Received: labels of dtype {y.dtype.name}."
        )
    if isinstance(y, tf.RaggedTensor):
        return y.with_flat_values(label_ids(y.flat_values, names, per_token))
    matches = y[..., None] == tf.constant(list(names))  # (..., C)
    is_empty = (y == "") & per_token
    is_known = tf.reduce_any(matches, axis=-1) | is_empty
    check = tf.debugging.Assert(
        tf.reduce_all(is_known),
        [
            f"Every label must be one of {list(names)}. Received:",
            tf.boolean_mask(y, ~is_known),
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):
        index = tf.argmax(matches, axis=-1, output_type="int32")
        return tf.where(is_empty, IGNORED_LABEL, index)


def check_classes(y, num_classes, per_token=False):
    """Raise ValueError where an array of class numbers has one that is no class.

    Args:
        y: array of numbers, whole ones also as floats.
        num_classes: int.
        per_token: bool, whether negative numbers stand for no label.
    """
    if tf.is_tensor(y) or y.dtype.kind not in "iuf":
        return
    is_wrong = (y >= num_classes) | (y != np.floor(y))
    if not per_token:
        is_wrong |= y < 0
    if is_wrong.any():
        row = int(np.argwhere(is_wrong)[0][0])
        raise ValueError(
            f"Labels must be whole numbers from 0 to {num_classes - 1}, the classes. "
            f"Row {row} of `y` is {y[row].tolist()}."
        )


def checked_classes(y, num_classes, per_token=False):
    """The same of labels of a dataset, in graph.

    Args:
        y: tensor of numbers, dense or ragged.
        num_classes, per_token: see `check_classes`.

    Returns:
        `y`.

    Raises:
        tf.errors.InvalidArgumentError: a label that is no class.
    """
    values = y.flat_values if isinstance(y, tf.RaggedTensor) else y
    size = tf.cast(num_classes, values.dtype)
    is_right = values < size
    if not per_token and values.dtype.min < 0:
        is_right &= values >= tf.zeros((), values.dtype)
    check = tf.debugging.Assert(
        tf.reduce_all(is_right),
        [
            f"Labels must be numbers from 0 to {num_classes - 1}, the classes. "
            "Received:",
            tf.boolean_mask(values, ~is_right),
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(y) if tf.is_tensor(y) else y
