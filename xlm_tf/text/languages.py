"""Languages: how often each is drawn, and which row of an embedding it has."""

import tensorflow as tf


def language_index(language, languages):
    """The position of every language in a model's list.

    Args:
        language: string tensor (B,).
        languages: list of str, the model's languages in the order of the rows of its
            language embedding (in XLM, sorted).

    Returns:
        int32 tensor (B,).

    Raises:
        tf.errors.InvalidArgumentError: a language that is not in the list.
    """
    matches = language[:, None] == tf.constant(list(languages))[None, :]  # (B, L)
    known = tf.debugging.Assert(
        tf.reduce_all(tf.reduce_any(matches, axis=1)),
        [
            f"A language is not one of the model's {list(languages)}. Received:",
            language,
        ],
    )
    with tf.control_dependencies([known] if known is not None else []):
        return tf.argmax(matches, axis=1, output_type="int32")


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
