"""Embedding tables of a `.tflite` file: read by an op that can be quantised."""

import tensorflow as tf


@tf.function(experimental_implements="embedding_matmul")
def lookup(table, ids):
    """Rows of a table, as the op EMBEDDING_LOOKUP: GATHER is never quantised."""
    return tf.gather(table, ids)
