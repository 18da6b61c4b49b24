"""How well a masked language model predicts held-out text."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

# Logits that are computed together: 256 MB of float32.
_LOGITS = 1 << 26


@dataclasses.dataclass(frozen=True)
class MaskedLMScores:
    """Scores over all targets of a data set, each target weighing the same.

    Attributes:
        loss: float, cross-entropy, nats per target.
        accuracy: float, share of the targets predicted exactly.
        num_targets: int.
    """

    loss: float
    accuracy: float
    num_targets: int

    @property
    def perplexity(self):
        """exp(loss)."""
        return math.exp(min(self.loss, 700.0))


class MaskedLMEvaluator:
    """Scores one `XLMMaskedLM`, again and again, with one traced graph.

    A batch is scored in parts whose logits have room: what a large vocabulary needs
    does not grow with the batches.

    Args:
        masked_lm: an `XLMMaskedLM`, or another function `(inputs, training)` -> logits
            (B, P, V).
        names: list of str, the groups of the batches, in their order.
        vocabulary_size: int, V.
        parts: int, of a batch at least, such as those of a step that accumulates.
    """

    def __init__(self, masked_lm, names, vocabulary_size, parts=1):
        self.names = list(names)
        self.vocabulary_size = vocabulary_size
        self.parts = parts
        self._sums = tf.function(
            lambda *batch: _sums(masked_lm, *batch, num_groups=len(self.names)),
            reduce_retracing=True,
        )

    def evaluate(self, batches):
        """Score the model.

        Args:
            batches: finite iterable of `(inputs, targets, weights, group)`, such as an
                objective's `evaluation_batches`, which are the same at every call.

        Returns:
            dict from name to `MaskedLMScores`.

        Raises:
            ValueError: there is no target in a group; names it.
        """
        totals = np.zeros((len(self.names), 3))
        for batch in batches:
            for part in self._parts(batch):
                totals += self._sums(*part).numpy()
        scores = {}
        for name, (loss, correct, num_targets) in zip(self.names, totals, strict=True):
            if not num_targets:
                raise ValueError(
                    f"There is nothing to predict in the held-out text of {name}."
                )
            scores[name] = MaskedLMScores(
                loss / num_targets, correct / num_targets, int(num_targets)
            )
        return scores

    def _parts(self, batch):
        """Yield rows of a batch, as many as have room."""
        num_rows, num_targets = batch[1].shape
        rows = min(
            -(-num_rows // self.parts), _LOGITS // (num_targets * self.vocabulary_size)
        )
        rows = max(rows, 1)
        for start in range(0, num_rows, rows):
            yield _rows(batch, start, start + rows)


def _rows(batch, start, end):
    return tf.nest.map_structure(lambda values: values[start:end], batch)


def _sums(masked_lm, inputs, targets, weights, group, num_groups):
    """Loss, correct predictions and targets of every group, (num_groups, 3)."""
    logits = masked_lm(inputs, training=False)  # (B, P, V)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    correct = tf.argmax(logits, axis=-1, output_type=targets.dtype) == targets
    by_row = [
        tf.reduce_sum(values * weights, axis=1)
        for values in (losses, tf.cast(correct, "float32"), tf.ones_like(weights))
    ]
    return tf.math.unsorted_segment_sum(tf.stack(by_row, axis=1), group, num_groups)
