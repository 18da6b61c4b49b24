"""Arrays to and from nested JSON lists, by the type table of TF Serving's REST API."""

import base64
import binascii
import json
import math

import numpy as np
import tensorflow as tf

from export.serving.request_error import RequestError, invalid_argument

MAX_RANK = 32
_INTEGERS = (
    tf.int8,
    tf.int16,
    tf.int32,
    tf.int64,
    tf.uint8,
    tf.uint16,
    tf.uint32,
    tf.uint64,
)
_FLOATS = (tf.float32, tf.float64)
_WRITABLE = (*_INTEGERS, *_FLOATS, tf.bool, tf.string)
# What a JSON integer may be; for floats, what they hold without loss.
_INTEGER_RANGE = {dtype: (dtype.min, dtype.max) for dtype in _INTEGERS} | {
    tf.float32: (1 - 2**24, 2**24 - 1),
    tf.float64: (1 - 2**53, 2**53 - 1),
}


def read_array(name, value, dtype):
    """Read an input from nested lists.

    Args:
        name: string, the input's name, for the error message.
        value: a parsed JSON value.
        dtype: `tf.DType` of the signature.

    Returns:
        `np.ndarray`; strings are objects of bytes.

    Raises:
        RequestError: INVALID_ARGUMENT for ragged lists and values that are not of
            the type, UNIMPLEMENTED for a type that has no JSON form.
    """
    if dtype not in _WRITABLE:
        raise RequestError(
            "UNIMPLEMENTED",
            f'Input "{name}" is {dtype.name}, which has no JSON form. Use gRPC.',
        )
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        if not first:
            break
        first = first[0]
    if len(shape) > MAX_RANK:
        raise invalid_argument(
            f'Input "{name}" has {len(shape)} levels of lists. '
            f"No signature has more than {MAX_RANK} dimensions."
        )
    leaves = []
    _collect(name, value, shape, 0, leaves)
    array = np.empty(len(leaves), dtype=object)
    for index, leaf in enumerate(leaves):
        array[index] = _read_leaf(name, leaf, dtype)
    if dtype != tf.string:
        array = array.astype(dtype.as_numpy_dtype)
    return array.reshape(shape)


def _collect(name, value, shape, level, leaves):
    if level == len(shape):
        if isinstance(value, list):
            raise invalid_argument(
                f'Input "{name}" is ragged: a list stands where other rows have a '
                f"value: {show(value)}"
            )
        leaves.append(value)
        return
    if not isinstance(value, list) or len(value) != shape[level]:
        raise invalid_argument(
            f'Input "{name}" is ragged: expected lists of {shape[level]} at level '
            f"{level + 1}, as in the first row. Received: {show(value)}"
        )
    for item in value:
        _collect(name, item, shape, level + 1, leaves)


def _read_leaf(name, value, dtype):
    if dtype == tf.string:
        return _read_string(name, value)
    if isinstance(value, bool):
        fits = dtype == tf.bool
    elif isinstance(value, int):
        low, high = _INTEGER_RANGE.get(dtype, (1, 0))
        fits = low <= value <= high
    elif isinstance(value, float):
        # NaN and infinities are legal, numbers beyond the type's largest are not.
        fits = dtype in _FLOATS and (
            not math.isfinite(value) or abs(value) <= float(dtype.max)
        )
    else:
        fits = False
    if fits:
        return value
    raise invalid_argument(
        f'Input "{name}": JSON value {show(value)} is not of the expected type '
        f"{dtype.name}, or does not fit in it."
    )


def _read_string(name, value):
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise invalid_argument(
                f'Input "{name}": half of a UTF-16 surrogate pair is not text: '
                f"{show(value)}"
            ) from error
    if is_base64(value):
        encoded = value["b64"].rstrip("=")
        try:
            padding = "=" * (-len(encoded) % 4)
            return base64.b64decode(encoded + padding, validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid_argument(
                f'Input "{name}": cannot decode the base64 of {show(value)}'
            ) from error
    raise invalid_argument(
        f'Input "{name}": JSON value {show(value)} is not of the expected type '
        'string, nor a binary string {"b64": "<base64>"}.'
    )


def array_to_json(name, array):
    """Write an output as nested lists, or as one value where it is a scalar.

    Args:
        name: string, the output's name; strings become base64 where it ends in
            "_bytes", and text otherwise.
        array: `np.ndarray`; strings are objects of bytes.

    Returns:
        A value for `json.dumps`. NaN and infinities become those words, as in TF
        Serving, although JSON proper has none.

    Raises:
        RequestError: INVALID_ARGUMENT for a type that has no JSON form (float16,
            bfloat16), as TF Serving answers.
    """
    if array.dtype == object:
        if name.endswith("_bytes"):
            convert = _b64
        else:
            # A string that is not UTF-8 cannot be in JSON: its broken bytes are
            # written as U+FFFD. gRPC carries them as they are.
            def convert(value):
                return value.decode("utf-8", errors="replace")

        strings = np.empty(array.size, dtype=object)
        for index, value in enumerate(array.ravel()):
            strings[index] = convert(value)
        return strings.reshape(array.shape).tolist()
    if tf.as_dtype(array.dtype) not in _WRITABLE:
        raise invalid_argument(
            f'Failed to write output "{name}": {array.dtype} has no JSON form. '
            "Use gRPC, or export the model with float32 outputs."
        )
    if array.dtype == np.float32:
        array = _short_decimals(array)
    return array.tolist()


def _short_decimals(array):
    """Return float64 values that print short and read back as the same float32.

    As TF Serving writes them: six digits where those are exact, else nine. So 0.2 is
    0.2 and not 0.20000000298023224.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        values = array.astype(np.float64)
        shortened = values.copy()  # zero, NaN and infinities stay as they are
        exponents = np.floor(np.log10(np.abs(values)))
        for digits in (9, 6):
            scales = 10.0 ** (digits - 1 - exponents)
            rounded = np.round(values * scales) / scales
            is_exact = rounded.astype(np.float32) == array
            shortened = np.where(is_exact, rounded, shortened)
    return shortened


def _b64(value):
    return {"b64": base64.b64encode(value).decode("ascii")}


def is_base64(value):
    """Tell whether a JSON value is a binary string, `{"b64": "<base64>"}`."""
    return (
        isinstance(value, dict)
        and set(value) == {"b64"}
        and isinstance(value["b64"], str)
    )


def show(value):
    """Return a JSON value as text for an error message, cut to 200 characters."""
    try:
        text = json.dumps(value)
    except RecursionError:
        return "lists or objects in one another, too deep to show"
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
