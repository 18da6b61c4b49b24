"""What is drawn of several languages: an endless stream, or epochs of rows."""

import tensorflow as tf

from xlm_tf.text.languages import language_probabilities

# Sets the seeds of the languages apart.
_PRIME = 1_000_003


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


def sample_rows(rows, languages, alpha):
    """Which rows an epoch reads, with languages drawn by (n / N) ** alpha.

    An epoch has about as many rows as there are. All rows of a language are in it
    equally often, but those that are left over, which every epoch draws anew.

    Args:
        rows: sequence of int.
        languages: list of str, of every row.
        alpha: float, see `language_probabilities`; with 1 every row is read once.

    Returns:
        A function from an int64 tensor (2,), the seed of an epoch, to an int32 tensor
        of rows, by language.
    """
    rows_of = {}
    for row, language in zip(rows, languages, strict=True):
        rows_of.setdefault(language, []).append(row)
    if alpha == 1 or len(rows_of) == 1:
        rows = tf.constant(rows, "int32")
        return lambda seed: rows
    counts = {language: len(own) for language, own in rows_of.items()}
    draws = []
    for language, share in language_probabilities(counts, alpha).items():
        times, rest = divmod(max(1, round(share * len(rows))), counts[language])
        draws.append((tf.constant(rows_of[language], "int32"), times, rest))

    def of_epoch(seed):
        parts = []
        for number, (own, times, rest) in enumerate(draws, start=1):
            seed_of_own = seed + tf.constant([number * _PRIME, 0], "int64")
            shuffled = tf.random.experimental.stateless_shuffle(own, seed_of_own)
            parts += [tf.tile(own, [times]), shuffled[:rest]]
        return tf.concat(parts, axis=0)

    return of_epoch
