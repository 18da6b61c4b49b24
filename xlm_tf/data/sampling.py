"""How often each language is drawn, and one endless stream drawn so."""

import tensorflow as tf


def language_probabilities(counts, alpha):
    """Smoothed shares of the languages: q proportional to (n / N) ** alpha.

    Args:
        counts: dict, sentences of each language.
        alpha: float; 1 draws languages by their size, 0 all alike. XLM trains with
            0.7 (and draws its vocabulary with 0.5), XLM-R with 0.3.

    Returns:
        dict, probability of each language, in the order of `counts`.

    Raises:
        ValueError: no language, one without sentences, or a negative alpha.

    Source: Lample and Conneau 2019, section 3.1.
    """
    if not counts:
        raise ValueError("There must be at least one language. Received: none.")
    empty = [language for language, count in counts.items() if count < 1]
    if empty:
        raise ValueError(
            "Every language needs at least one sentence. Languages without: "
            f"{', '.join(map(str, empty))}."
        )
    if alpha < 0:
        raise ValueError(f"alpha must not be negative. Received: alpha={alpha}.")
    total = sum(counts.values())
    weights = {key: (count / total) ** alpha for key, count in counts.items()}
    return {key: weight / sum(weights.values()) for key, weight in weights.items()}


def sample_datasets(datasets, probabilities, seed, shuffle_buffer=10_000):
    """One endless stream that draws from several datasets.

    Each dataset is shuffled anew in every pass and repeated. The stream is a function
    of the data and the seed alone: built again and given `.skip(n)`, it goes on after
    its first n elements.

    Args:
        datasets: dict of `tf.data.Dataset`, such as one a language.
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
