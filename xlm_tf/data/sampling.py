"""One endless stream drawn from several datasets."""

import tensorflow as tf


def sample_datasets(datasets, probabilities, seed, shuffle_buffer=10_000):
    """One endless stream that draws from several datasets.

    Each dataset is shuffled anew in every pass and repeated. The stream is a function
    of the data, `seed` and TensorFlow's global seed alone: built again and given
    `.skip(n)`, it goes on after its first n elements.

    Args:
        datasets: dict of `tf.data.Dataset`, such as one per language.
        probabilities: dict, probability of each.
        seed: int.
        shuffle_buffer: int, examples that the shuffle of each dataset holds.

    Returns:
        An infinite `tf.data.Dataset`.
    """
    streams = [
        dataset.shuffle(shuffle_buffer, seed=seed + number).repeat()
        for number, dataset in enumerate(datasets.values())
    ]
    return tf.data.Dataset.sample_from_datasets(
        streams, [probabilities[key] for key in datasets], seed=seed
    )
