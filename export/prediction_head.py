"""The output layer of an exported graph."""

import tensorflow as tf

from export.inference_layers import InferenceDense, InferenceLayerNorm


class InferenceHead:
    """A `PredictionHead` for inference.

    Args:
        head: the built `PredictionHead`.
        token_table: the table (V, D) of the embedding it is tied to.
        store: `WeightStore`.
    """

    def __init__(self, head, token_table, store):
        self.token_table = token_table if head.tied else store.table(head.projection)
        self.dense = self.norm = None
        if head.transform:
            self.dense = InferenceDense(head.dense, store)
            self.norm = InferenceLayerNorm(head.norm, store)
        self.bias = store.vector(head.bias)

    def __call__(self, x):
        """float32 (N, D) -> float32 (N, V)."""
        if self.dense is not None:
            x = self.norm(self.dense(x))
        x = tf.cast(x, self.token_table.dtype)
        logits = tf.matmul(x, self.token_table, transpose_b=True)
        return tf.cast(logits, "float32") + self.bias
