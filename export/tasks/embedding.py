"""`XLMTextEmbedder`, exported: one vector per text."""

import numpy as np

from export.parity import check_parity
from export.tasks.contract import Answer, Check


class EmbeddingAnswer(Answer):
    """`embedding` float32 (B, D)."""

    def numbers(self, inputs):
        """See `Answer`."""
        return {"embedding": self.task(inputs, training=False)}


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
