"""Languages: how often each is drawn, and which row of an embedding it has."""

import tensorflow as tf

from xlm_tf.text.language_codes_in_graph import languages_found


def language_index(language, languages):
    """The position of every language in a model's list.

    A language that is spelled otherwise than there is found by the rule of
    `xlm_tf.text.language_codes.match_language`.

    Args:
        language: string tensor (B,).
        languages: list of str, the model's languages in the order of the rows of its
            language embedding (in XLM, sorted).

    Returns:
        int32 tensor (B,).

    Raises:
        tf.errors.InvalidArgumentError: a language that is not in the list, or that
            could be several.
    """
    languages = list(languages)
    is_exact = language[:, None] == tf.constant(languages)[None, :]  # (B, L)

    def index_by_rule():
        found = languages_found(language, languages)
        known = tf.debugging.Assert(
            tf.reduce_all(tf.reduce_sum(tf.cast(found, "int32"), axis=1) == 1),
            [
                f"A language is not one, or not only one, of the model's {languages}. "
                "Received:",
                language,
            ],
        )
        with tf.control_dependencies([known] if known is not None else []):
            return tf.argmax(found, axis=1, output_type="int32")

    return tf.cond(
        tf.reduce_all(tf.reduce_any(is_exact, axis=1)),
        lambda: tf.argmax(is_exact, axis=1, output_type="int32"),
        index_by_rule,
    )


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
    # Of the largest, not of all: its weight is 1, whatever alpha is.
    largest = max(counts.values())
    weights = {key: (count / largest) ** alpha for key, count in counts.items()}
    total = sum(weights.values())
    return {key: weight / total for key, weight in weights.items()}
