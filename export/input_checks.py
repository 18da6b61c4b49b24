"""What a graph asks of its inputs, before an op trusts them.

A failed assertion is an INVALID_ARGUMENT over REST and gRPC. A phone's runtime has no
assertions: there a sum of what must fit is its error.
"""

import tensorflow as tf


def assert_in_range(name, ids, size):
    """Ids are rows of a table.

    Args:
        name: str, for the message.
        ids: int32 tensor.
        size: int or int32 scalar, rows of the table.

    Returns:
        An operation to depend on.
    """
    is_legal = tf.reduce_all(tf.logical_and(ids >= 0, ids < size))
    return tf.debugging.Assert(
        is_legal, [f"{name} must lie in [0, N - 1], N being", size]
    )


def assert_same_rows(name, x, other_name, other):
    """Two inputs have an entry for the same texts, and tokens where both have tokens.

    Args:
        name: str, for the message.
        x: int32 tensor (B,) or (B, T).
        other_name: str.
        other: int32 tensor (B, T).

    Returns:
        An operation to depend on.
    """
    shape, other_shape = tf.shape(x), tf.shape(other)
    fits = tf.reduce_all(tf.equal(shape, other_shape[: x.shape.rank]))
    return tf.debugging.Assert(
        fits,
        [
            f"{name} and {other_name} must have as many rows, and tokens. Received the "
            "shapes",
            shape,
            other_shape,
        ],
    )


def assert_at_most(name, ids, length):
    """Rows of ids (B, T) are no longer than the model's positions.

    Args:
        name: str, for the message.
        ids: int32 tensor (B, T).
        length: int.

    Returns:
        An operation to depend on.
    """
    return tf.debugging.Assert(
        tf.shape(ids)[1] <= length,
        [f"{name} are longer than the model's {length} positions:", tf.shape(ids)[1]],
    )


def assert_tokens(inputs, vocabulary_size, max_length, num_languages):
    """Ids from outside are of the vocabulary and the languages, and have positions.

    Args:
        inputs: dict of `token_ids` int32 (B, T) and, where there are languages,
            `language_ids` int32 (B, T).
        vocabulary_size, max_length, num_languages: int, the model's.

    Returns:
        List of operations to depend on.
    """
    token_ids = inputs["token_ids"]
    checks = [
        assert_in_range("token_ids", token_ids, vocabulary_size),
        assert_at_most("token_ids", token_ids, max_length),
    ]
    if num_languages:
        language_ids = inputs["language_ids"]
        checks += [
            assert_same_rows("language_ids", language_ids, "token_ids", token_ids),
            assert_in_range("language_ids", language_ids, num_languages),
        ]
    return checks


def assert_padded_at_the_end(name, ids, pad_token_id):
    """Rows of ids (B, T) are tokens, one at least, and then padding.

    Args:
        name: str, for the message.
        ids: int32 tensor (B, T).
        pad_token_id: int.

    Returns:
        An operation to depend on.
    """
    is_token = ids != pad_token_id
    follows = tf.logical_or(is_token[:, :-1], tf.logical_not(is_token[:, 1:]))
    return tf.debugging.Assert(
        tf.logical_and(
            tf.reduce_all(follows), tf.reduce_all(tf.reduce_any(is_token, axis=1))
        ),
        [f"{name} of a text must be its tokens, one at least, and then padding."],
    )


def padded_at_the_end(ids, is_token):
    """What `assert_padded_at_the_end` asks, in ops that a phone has.

    Args:
        ids: int32 tensor (B, T).
        is_token: bool tensor (B, T).

    Returns:
        `ids`; of texts that are something else -1, which no table has.
    """
    length = tf.reduce_sum(tf.cast(is_token, "int32"), axis=1, keepdims=True)
    column = tf.expand_dims(tf.range(tf.shape(ids)[1]), 0)  # (1, T)
    is_other = tf.not_equal(column < tf.maximum(length, 1), is_token)
    return tf.where(tf.reduce_any(is_other, axis=1, keepdims=True), -1, ids)


def fitted(x, token_ids):
    """An input that belongs to token ids, in ops that a phone has.

    Args:
        x: int32 tensor (B,) or (B, T), or (1,), (1, T), (B, 1) for all.
        token_ids: int32 tensor (B, T), or (B, 1), none negative.

    Returns:
        `x`, of the rows (and columns) of `token_ids`. Other sizes are an error of the
        runtime's.
    """
    # A reshape or zeros of a shape would do too, and make shapes that XNNPACK does not
    # know before it runs.
    zeros = tf.minimum(token_ids, 0)
    return x + (zeros if x.shape.rank == 2 else zeros[:, 0])
