"""How well a masked language model predicts held-out text."""

import dataclasses
import math

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class MaskedLMScores:
    """Scores over all targets of a data set, each target weighing the same.

    Attributes:
        loss: float, cross-entropy, nats a target.
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

    Args:
        masked_lm: an `XLMMaskedLM`.
    """

    def __init__(self, masked_lm):
        self._sums = tf.function(
            lambda inputs, targets, weights: _sums(masked_lm, inputs, targets, weights)
        )

    def evaluate(self, batches):
        """Score the model.

        Args:
            batches: finite dataset of `(inputs, targets, weights)`, such as an
                objective's `evaluation_batches`, which are the same at every call.

        Returns:
            `MaskedLMScores`.

        Raises:
            ValueError: there is no target in the batches.
        """
        totals = [0.0, 0.0, 0.0]
        for inputs, targets, weights in batches:
            sums = self._sums(inputs, targets, weights)
            totals = [total + float(x) for total, x in zip(totals, sums, strict=True)]
        loss, correct, num_targets = totals
        if not num_targets:
            raise ValueError("There is nothing to predict in the held-out text.")
        return MaskedLMScores(
            loss / num_targets, correct / num_targets, int(num_targets)
        )


def _sums(masked_lm, inputs, targets, weights):
    logits = masked_lm(inputs, training=False)  # (B, P, V)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    correct = tf.argmax(logits, axis=-1, output_type=targets.dtype) == targets
    return (
        tf.reduce_sum(losses * weights),
        tf.reduce_sum(tf.cast(correct, "float32") * weights),
        tf.reduce_sum(weights),
    )
