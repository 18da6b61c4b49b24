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
    streams = repeat_shuffled(datasets, seed, shuffle_buffer).values()
    return tf.data.Dataset.sample_from_datasets(
        list(streams), [probabilities[key] for key in datasets], seed=seed
    )


def repeat_shuffled(datasets, seed, shuffle_buffer=10_000):
    """Datasets without end, each shuffled anew in every pass.

    Args:
        datasets: dict of `tf.data.Dataset`.
        seed: int; each has one of its own.
        shuffle_buffer: int, examples that the shuffle of each holds.

    Returns:
        dict of infinite datasets, functions of the data, `seed` and TensorFlow's global
        seed alone.
    """
    return {
        key: dataset.shuffle(shuffle_buffer, seed=seed + number).repeat()
        for number, (key, dataset) in enumerate(datasets.items())
    }
