"""Several objectives in one training run."""

import tensorflow as tf


def mix(streams, weights, seed):
    """One endless dataset whose batches come from several objectives.

    Every batch is of one objective. The order is a function of `seed` and of
    TensorFlow's global seed alone: built again and given `.skip(n)`, the mix goes on
    after its first n batches.

    Args:
        streams: dict of endless datasets of batches of the same structure.
        weights: dict, how often each is drawn, relative to the others.
        seed: int.

    Returns:
        `tf.data.Dataset` of batches.

    Raises:
        ValueError: weights that are not of the streams, or not positive.
    """
    if set(weights) != set(streams) or any(weight <= 0 for weight in weights.values()):
        raise ValueError(
            "Every objective needs a weight above 0. Received: objectives="
            f"{sorted(streams)}, weights={weights}."
        )
    total = sum(weights.values())
    return tf.data.Dataset.sample_from_datasets(
        list(streams.values()),
        [weights[name] / total for name in streams],
        seed=seed,
    )
