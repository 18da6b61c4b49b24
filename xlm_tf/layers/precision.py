"""What is never computed in half precision."""

import keras


def at_least_float32(dtype):
    """The dtype of softmaxes, LayerNorm's statistics, logits and losses.

    Args:
        dtype: float dtype as a str, or a dtype policy, whose compute dtype counts.

    Returns:
        str: "float64" for it, "float32" for all others.
    """
    if isinstance(dtype, keras.DTypePolicy):
        dtype = dtype.compute_dtype
    is_double = keras.backend.standardize_dtype(dtype) == "float64"
    return "float64" if is_double else "float32"
