"""Numbers in every form in which Keras takes them, read into arrays."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from xlm_tf.models.received import row_name, shown


def read_arrays(x, name):
    """Numbers in any form -> arrays or tensors, in the same structure.

    Args:
        x: array, tensor, list or column of numbers; or a tuple or dict of them.
        name: str, for messages.

    Returns:
        The structure, with numpy arrays or tensors, float32 where they were float64.

    Raises:
        ValueError: no numbers, rows of different lengths, or a NaN.
    """
    if isinstance(x, Mapping):
        return {key: read_arrays(value, key) for key, value in x.items()}
    if isinstance(x, tuple):
        return tuple(read_arrays(part, name) for part in x)
    if isinstance(x, tf.RaggedTensor):
        return x
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"The rows of `{name}` must be of one length. Received: {shown(x)}."
        ) from error
    if array.dtype.kind not in "biuf":
        array = _numbers(array, x, name)
    if array.dtype.kind == "f":
        array = array.astype("float32", copy=False)
        if np.isnan(array).any():
            row = int(np.argwhere(np.isnan(array))[0][0])
            raise ValueError(f"`{name}` has no number. {row_name(x, row)} is NaN.")
    return array


def _numbers(array, values, name):
    """What an array of objects holds, where they are numbers."""
    for row, value in enumerate(array):
        if not isinstance(value, int | float | np.number | np.bool_):
            hint = ""
            if isinstance(value, str | bytes):
                hint = " Texts need a preprocessor, which this task does not have."
            raise ValueError(
                f"`{name}` must hold numbers. {row_name(values, row)} is "
                f"{shown(value)}.{hint}"
            )
    return array.astype("float32")
