"""How messages name what was received: a value, a row."""

import numpy as np


def shown(value):
    """The repr of a value, cut to one line, and its type."""
    text = repr(value)
    text = text if len(text) <= 80 else text[:77] + "..."
    return f"{text} ({type(value).__name__})"


def row_name(values, row):
    """Where a row is: its number, and its label in a data frame."""
    if hasattr(values, "iloc"):
        label = values.index[row]
        label = label.item() if isinstance(label, np.generic) else label
        return f"Row {row} (index {label!r})"
    return f"Row {row}"


def is_array(x):
    """Whether it is a tensor, or an array or column of numpy or pandas."""
    return hasattr(x, "shape") and hasattr(x, "dtype")
