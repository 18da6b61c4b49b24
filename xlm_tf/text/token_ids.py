"""Token ids in every form in which tokenizers take them, to be read as text."""

import tensorflow as tf


def ragged_ids(inputs, vocabulary_size):
    """Ids of texts in one form.

    Args:
        inputs: ids, ragged or dense (B, T), or of one text (T,), or lists of them.
        vocabulary_size: int.

    Returns:
        `(ids, is_single)`: int32 RaggedTensor (B, None), and bool, whether they are
        those of one text.

    Raises:
        tf.errors.InvalidArgumentError: an id that is not in the vocabulary.
    """
    ids = inputs
    if isinstance(ids, list | tuple):
        ids = tf.ragged.constant(ids, dtype="int32")
    elif not isinstance(ids, tf.RaggedTensor):
        ids = tf.convert_to_tensor(ids)
    is_single = ids.shape.rank == 1
    ids = ids[None] if is_single else ids
    if not isinstance(ids, tf.RaggedTensor):
        ids = tf.RaggedTensor.from_tensor(ids)
    ids = tf.cast(ids, "int32")
    check = tf.debugging.assert_less(
        ids.flat_values, vocabulary_size, "An id is not in the tokenizer's vocabulary."
    )
    with tf.control_dependencies([check] if check is not None else []):
        return ids.with_flat_values(tf.identity(ids.flat_values)), is_single
