"""Checks of the numbers that users give to a search, without TensorFlow.

One place for Python and the command line: what is refused here is refused before a
model is loaded or a graph is made.
"""

import math
import operator

# Scores are sums over length ** length_penalty: beyond it, the power of a length of
# some thousand tokens leaves the range of float32.
LARGEST_LENGTH_PENALTY = 10.0


def whole_number(name, value, minimum=1, maximum=None):
    """An int in a range.

    Args:
        name: str, the argument's name, for the error.
        value: int, of Python or NumPy.
        minimum, maximum: int, the bounds, themselves allowed; None for none above.

    Returns:
        int.

    Raises:
        ValueError: another type (True and 2.0 are none), or out of range.
    """
    try:
        number = None if _is_bool(value) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < minimum or (maximum is not None and number > maximum):
        most = "" if maximum is None else f" and {maximum} at most"
        raise ValueError(
            f"{name} must be a whole number, {minimum} at least{most}. "
            f"Received: {name}={value!r}."
        )
    return number


def real_number(name, value, above=-math.inf, minimum=-math.inf, maximum=math.inf):
    """A finite float in a range.

    Args:
        name: str, the argument's name, for the error.
        value: int or float, of Python or NumPy.
        above: float, a bound that is not allowed itself.
        minimum, maximum: float, bounds that are.

    Returns:
        float.

    Raises:
        ValueError: another type, not a finite number, or out of range.
    """
    try:
        is_number = not _is_bool(value) and not isinstance(value, str | bytes)
        number = float(value) if is_number else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    is_in_range = above < number and minimum <= number <= maximum
    if not (math.isfinite(number) and is_in_range):
        bounds = ((above, "above {:g}"), (minimum, "{:g} at least"))
        bounds += ((maximum, "{:g} at most"),)
        said = "".join(
            f", {words.format(x)}" for x, words in bounds if math.isfinite(x)
        )
        raise ValueError(
            f"{name} must be a finite number{said}. Received: {name}={value!r}."
        )
    return number


def true_or_false(name, value):
    """A bool.

    Raises:
        ValueError: another type.
    """
    if not _is_bool(value):
        raise ValueError(f"{name} must be True or False. Received: {name}={value!r}.")
    return bool(value)


def stop_token_ids(value, vocabulary_size=None):
    """The token ids that end a text, as a user gives them.

    Args:
        value: "auto" for the tokenizer's end token; ints, of Python or NumPy, for
            these instead; or None, for texts that end at their length alone.
        vocabulary_size: int, above every id; None where nobody knows it yet.

    Returns:
        "auto", a tuple of ints, or None.

    Raises:
        ValueError: anything else, or an id that the vocabulary does not have.
    """
    if value is None or (isinstance(value, str) and value == "auto"):
        return value
    try:
        ids = None if isinstance(value, str | bytes | dict) else tuple(value)
    except TypeError:
        ids = None
    if not ids:
        raise ValueError(
            'stop_token_ids must be "auto", for the end token, a list of token ids, or '
            f"None, for none at all. Received: stop_token_ids={value!r}."
        )
    largest = None if vocabulary_size is None else vocabulary_size - 1
    ids = (whole_number("a stop_token_id", x, 0, largest) for x in ids)
    return tuple(dict.fromkeys(ids))


def stop_config(value):
    """`stop_token_ids` in a configuration, which names them where they are set."""
    if value == "auto":
        return {}
    return {"stop_token_ids": None if value is None else list(value)}


def _is_bool(value):
    """Whether a value is a bool, of Python or NumPy."""
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
