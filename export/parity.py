"""Does an artefact answer what the model answers?

Every text is compared for itself: what one text's answer is worth does not depend on
how large, or how right, those of the others are.
"""

import numpy as np

# Largest distance of an answer from the model's, relative to its length. Embeddings
# and probabilities of float32 graphs agree to about 1e-6, bfloat16 has 8 bits.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2, "int8": 0.1}


class ParityError(ValueError):
    """An artefact that does not answer what its model answers."""


def row_distances(actual, expected, smallest=1e-6):
    """|actual - expected| / |expected| of every row.

    Args:
        actual: float array (B, ...), an answer a row.
        expected: float array (B, ...).
        smallest: float or array (B,), what |expected| counts as at least: errors of
            numbers near zero are no smaller than those of others.

    Returns:
        float64 array (B,); infinity where a number is not finite, or everywhere where
        the shapes differ.
    """
    actual, expected = (np.asarray(x, "float64") for x in (actual, expected))
    if actual.shape != expected.shape:
        return np.full(max(len(np.atleast_1d(expected)), 1), np.inf)
    shape = (len(expected), int(np.prod(expected.shape[1:])))
    actual, expected = actual.reshape(shape), expected.reshape(shape)
    lengths = np.maximum(np.linalg.norm(expected, axis=1), smallest)
    with np.errstate(invalid="ignore"):  # infinity from infinity
        distances = np.linalg.norm(actual - expected, axis=1) / lengths
    return np.where(np.isfinite(actual).all(axis=1), distances, np.inf)


def check_parity(actual, expected, tolerance, what, smallest=1e-6):
    """Compare the numbers of an answer.

    Args:
        actual: float array (B, ...), the artefact's.
        expected: float array (B, ...), the model's.
        tolerance: float, largest relative distance of a row.
        what: str, for the error.
        smallest: see `row_distances`.

    Returns:
        float, the largest distance.

    Raises:
        ParityError: a distance is larger than the tolerance; says which row's.
    """
    distances = row_distances(actual, expected, smallest)
    distance = float(np.max(distances, initial=0.0))
    if not distance <= tolerance:
        raise ParityError(
            f"{what} differs from the model by {distance:.2g} (text "
            f"{int(np.argmax(distances))} of the check), more than the tolerance of "
            f"{tolerance:.2g}; nothing was exported. A wider `tolerance`, or a less "
            "coarse quantization, would let it pass."
        )
    return distance


def check_all(is_right, what, reason):
    """Raise a `ParityError` that names the first row which is not right.

    Args:
        is_right: bool array (B,).
        what: str, which answer.
        reason: function from the row's number to a str, how it differs.
    """
    wrong = np.flatnonzero(~np.asarray(is_right, bool))
    if len(wrong):
        raise ParityError(
            f"{what} differs from the model: text {wrong[0]} of the check "
            f"{reason(wrong[0])}; nothing was exported."
        )


def tolerance_for(task, dtype):
    """The tolerance for an artefact of `dtype`, compared with the task as it runs."""
    compute_dtype = task.backbone.compute_dtype
    return max(TOLERANCES[dtype], TOLERANCES[compute_dtype])
