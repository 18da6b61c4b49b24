"""What a client sends and gets, in the same numpy types over both protocols."""

import numpy as np

# Kinds of numpy arrays that an input takes, by its own kind: integers may be given
# for floats, not the other way.
_ACCEPTED_KINDS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}


def input_array(name, value, description):
    """Turn an input into an array of the signature's type.

    Args:
        name: string, the input's name, for the error message.
        value: array-like; for strings, str (sent as UTF-8) or bytes (sent as they
            are), in lists of any depth.
        description: `TensorDescription` of the input.

    Returns:
        `np.ndarray`; strings are objects of bytes.

    Raises:
        ValueError: if the values are not of the type, or the lists are ragged.
    """
    if description.is_string:
        return _string_array(name, value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f'Input "{name}" must not be ragged: {error}') from error
    dtype = description.numpy_dtype
    if array.size == 0:
        return array.astype(dtype)
    if array.dtype.kind not in _ACCEPTED_KINDS[dtype.kind]:
        raise _wrong_type(name, dtype, array)
    converted = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(converted, array):
        raise _wrong_type(name, dtype, array)  # too large
    return converted


def output_strings(name, array):
    """Turn string outputs into str; those of an output `..._bytes` stay bytes.

    Args:
        name: string, the output's name.
        array: `np.ndarray` of bytes objects.

    Returns:
        `np.ndarray` of objects. A byte that is not UTF-8 becomes U+FFFD, which is
        all that JSON can say.
    """
    if name.endswith("_bytes"):
        return array
    return map_objects(lambda value: value.decode("utf-8", errors="replace"), array)


def map_objects(function, array):
    """Apply a function to every element: an object array of the same shape."""
    result = np.empty(array.size, dtype=object)
    for index, value in enumerate(array.ravel()):
        result[index] = function(value)
    return result.reshape(array.shape)


def _string_array(name, value):
    def encode(item):
        if isinstance(item, str):
            return item.encode("utf-8")
        if isinstance(item, bytes):
            return item
        raise ValueError(
            f'Input "{name}" must be strings (str or bytes), in lists that are not '
            f"ragged. Received: {item!r}."
        )

    try:
        array = np.array(value, dtype=object)
    except ValueError as error:
        raise ValueError(f'Input "{name}" must not be ragged: {error}') from error
    return map_objects(encode, array)


def _wrong_type(name, dtype, array):
    return ValueError(
        f'Input "{name}" must be {dtype.name}. Received: {array.dtype.name} values '
        f"that are not: {array.ravel()[:5].tolist()}."
    )
