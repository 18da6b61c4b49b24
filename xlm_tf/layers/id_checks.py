"""Ids that are not in their table: an error, where it costs nothing."""

import keras
from keras import ops

# TensorFlow's look-up wraps negative ids and, on a GPU, gives zeros for those beyond
# the table: numbers come back for what was a mistake.


def checked_ids(ids, num_rows, name):
    """Ids, after a check that each is a row of a table.

    Eagerly the ids are looked at; in a graph of TensorFlow an assertion is part of it,
    which XLA leaves out. Where another backend traces, nothing is checked.

    Args:
        ids: int tensor of any shape.
        num_rows: int, rows of the table.
        name: str, of the ids, for the error.

    Returns:
        The ids.

    Raises:
        ValueError: an id below 0 or not below `num_rows`, eagerly.
        tf.errors.InvalidArgumentError: the same, in a graph.
    """
    if isinstance(ids, keras.KerasTensor):
        return ids
    if keras.backend.backend() != "tensorflow":
        return ids
    import tensorflow as tf

    if tf.executing_eagerly():
        values = ops.convert_to_numpy(ids)
        if values.size and not (values.min() >= 0 and values.max() < num_rows):
            raise ValueError(
                f"{name} must lie in [0, {num_rows}), the rows of their table. "
                f"Received: {name} from {values.min()} to {values.max()}."
            )
        return ids
    is_row = tf.reduce_all((ids >= 0) & (ids < num_rows))
    message = f"{name} must lie in [0, {num_rows}), the rows of their table. Received:"
    with tf.control_dependencies([tf.debugging.Assert(is_row, [message, ids])]):
        return tf.identity(ids)
