"""Batches of examples of similar length, so that little of a batch is padding."""

import tensorflow as tf

# Each bucket ends where texts are an eighth longer: at most that share is padding.
_GROWTH = 1.125
_MULTIPLE = 4


def length_boundaries(max_length):
    """Upper ends of length buckets: multiples of 4 that grow by an eighth.

    Args:
        max_length: int, the longest example; rounded up to a multiple of 4.

    Returns:
        Ascending list of int.
    """
    boundaries = [_MULTIPLE]
    while boundaries[-1] < max_length:
        longer = int(boundaries[-1] * _GROWTH)
        boundaries.append(-(-(longer + 1) // _MULTIPLE) * _MULTIPLE)
    return boundaries


def batch_by_tokens(examples, length, max_tokens, max_length, padding_values=None):
    """Batches of about equal cost: many short examples, or few long ones.

    An example joins those of its length bucket (`length_boundaries`); a bucket that
    holds `max_tokens / its upper end` examples becomes a batch, padded to that end. The
    graph of a model meets one shape a bucket.

    Args:
        examples: dataset of dicts of tensors, token sequences (T,) or scalars.
        length: function from an example to its length in tokens, an int32 scalar.
        max_tokens: int, tokens of a batch with its padding.
        max_length: int, longest example that may come.
        padding_values: dict, scalars to pad the features with; defaults to zeros.

    Returns:
        `tf.data.Dataset` of batches. Of a finite dataset, the last batches are smaller.

    Raises:
        ValueError: an example of `max_length` does not fit into a batch.
        tf.errors.InvalidArgumentError: while reading, an example is longer than
            `max_length`.
    """
    boundaries = length_boundaries(max_length)
    if max_tokens < boundaries[-1]:
        raise ValueError(
            f"A batch of {max_tokens} tokens has no room for an example of "
            f"{boundaries[-1]}: raise max_tokens, or lower max_length. Received: "
            f"max_tokens={max_tokens}, max_length={max_length}."
        )

    def checked(example):
        tf.debugging.assert_less_equal(
            length(example),
            max_length,
            f"An example is longer than max_length={max_length} tokens.",
        )
        return example

    # TensorFlow's buckets are half-open, and pad to one less than the next boundary.
    ends = [boundary + 1 for boundary in boundaries]
    batches = examples.map(checked).bucket_by_sequence_length(
        length,
        bucket_boundaries=ends,
        bucket_batch_sizes=[max_tokens // end for end in boundaries] + [1],
        padding_values=padding_values,
        pad_to_bucket_boundary=True,
    )
    return batches.prefetch(tf.data.AUTOTUNE)
