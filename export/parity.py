"""Does an artefact answer what the model answers?"""

import numpy as np

# Largest distance of an answer from the model's, relative to its length. Embeddings
# and probabilities of float32 graphs agree to about 1e-6, bfloat16 has 8 bits.
TOLERANCES = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2, "int8": 0.1}


class ParityError(ValueError):
    """An artefact that does not answer what its model answers."""


def relative_distance(actual, expected):
    """The largest |actual - expected| / |expected| over the rows of two matrices.

    Args:
        actual: float array (B, D).
        expected: float array (B, D).

    Returns:
        float; infinity where the shapes differ or a number is not finite.
    """
    actual, expected = (np.asarray(x, "float64") for x in (actual, expected))
    if actual.shape != expected.shape or not np.all(np.isfinite(actual)):
        return float("inf")
    lengths = np.maximum(np.linalg.norm(expected, axis=-1), 1e-6)
    distances = np.linalg.norm(actual - expected, axis=-1) / lengths
    return float(np.max(distances, initial=0.0))


def check_parity(actual, expected, tolerance, what):
    """Compare answers.

    Args:
        actual: float array (B, D), the artefact's.
        expected: float array (B, D), the model's.
        tolerance: float, largest relative distance.
        what: str, for the error.

    Returns:
        float, the distance.

    Raises:
        ParityError: the distance is larger than the tolerance.
    """
    distance = relative_distance(actual, expected)
    if not distance <= tolerance:
        raise ParityError(
            f"{what} differs from the model by {distance:.2g}, more than the tolerance "
            f"of {tolerance:.2g}; nothing was exported. A wider `tolerance`, or a less "
            "coarse quantization, would let it pass."
        )
    return distance


def tolerance_for(task, dtype):
    """The tolerance for an artefact of `dtype`, compared with the task as it runs."""
    compute_dtype = task.backbone.compute_dtype
    return max(TOLERANCES[dtype], TOLERANCES[compute_dtype])
