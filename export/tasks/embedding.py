"""`XLMTextEmbedder`, exported: one vector per text."""

import numpy as np
import tensorflow as tf

from export.parity import check_parity
from export.tasks.contract import Answer, Check
from export.tasks.pooled_states import pool


class EmbeddingAnswer(Answer):
    """`embedding` float32 (B, D)."""

    def __init__(self, task, store, encoder, labels, top_k):
        self.task = task

    def numbers(self, x, layout, inputs):
        """States (N, D) -> dict of numeric outputs."""
        x = pool(self.task.pooling_layer, x, layout, inputs["padding_mask"])
        x = x[:, : self.task.embedding_dim]
        if self.task.normalize:
            length = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
            x = x * tf.math.rsqrt(tf.maximum(length, 1e-12))
        return {"embedding": x}


class EmbeddingCheck(Check):
    """Of an `XLMTextEmbedder`."""

    def __init__(self, task, labels, top_k):
        self._task = task

    def expected(self, inputs):
        """What the task answers to the backbone's inputs: float (B, D)."""
        return np.asarray(self._task(inputs, training=False), "float64")

    def compare(self, answer, expected, tolerance, what):
        """See `Check`."""
        return check_parity(answer["embedding"], expected, tolerance, what)
