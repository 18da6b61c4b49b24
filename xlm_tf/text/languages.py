"""Languages of texts as rows of a model's language embedding."""

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
