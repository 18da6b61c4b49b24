"""The training step of masked objectives, exact over replicas and accumulation."""

import keras
import tensorflow as tf

from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    dense_gradients,
    global_sum,
)
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer
from xlm_tf.training.strategy import compiles_replicas


@keras.saving.register_keras_serializable("xlm_tf")
class MaskedLMTrainer(GlobalBatchTrainer):
    """Wraps an `XLMMaskedLM` for `fit` with a loss that weighs by token count.

    The loss of an update is sum(weight * cross-entropy) / sum(weight) over the whole
    global batch: all replicas, all workers, all accumulation steps. A batch therefore
    gives the same update on 1, 2 or 4 replicas, although each holds another number of
    targets. (Keras averages per-replica means, averages accumulated means, and clips
    the gradients of each replica before it adds them.) Where the inputs have
    `loss_weights` (B,), the losses of every row are multiplied by its own; the sum of
    weights, which divides them, stays.

    Args:
        masked_lm: an `XLMMaskedLM`.
        accumulation_steps: int; every batch is split into that many parts, one after
            the other, whose gradients are summed. Bounds memory; the update is that of
            the whole batch.
        clip_norm: float, largest global norm of the whole batch's gradient; None
            leaves it.

    `compile` takes the optimizer only. `fit` takes datasets of `(inputs, targets,
    weights)`, see `xlm_tf.objectives`; reports `loss` (nats per target, without the
    `loss_weights`) and `accuracy`, both weighted by tokens over all replicas.
    """

    def __init__(self, masked_lm, accumulation_steps=1, clip_norm=None, **kwargs):
        super().__init__(**kwargs)
        self.masked_lm = masked_lm
        self.accumulation_steps = accumulation_steps
        self.clip_norm = clip_norm

    def call(self, inputs):
        inputs, _ = _without_loss_weights(inputs)
        return self.masked_lm(inputs)

    def train_step(self, data):
        if self.accumulation_steps > 1:
            self._check_rows(tf.nest.flatten(data)[0])
        num_targets = tf.maximum(global_sum(tf.reduce_sum(data[2])), 1.0)
        gradients_of = self.gradients_by_parts
        if tf.distribute.has_strategy() and compiles_replicas():  # Keras does not
            gradients_of = tf.function(gradients_of, jit_compile=True)
        gradients = gradients_of(data, num_targets, self.accumulation_steps)
        apply_global_gradients(
            self.optimizer, gradients, self.trainable_weights, self.clip_norm
        )
        return self.step_results()

    def test_step(self, data):
        inputs, targets, weights = data
        self._summed_loss(inputs, targets, weights, training=False)
        return self.step_results()

    def _summed_loss(self, inputs, targets, weights, training):
        """Summed cross-entropy in nats; the metrics are updated on the way."""
        inputs, loss_weights = _without_loss_weights(inputs)
        logits = self.masked_lm(inputs, training=training)  # (B, P, V) float32
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        predictions = tf.argmax(logits, axis=-1, output_type=targets.dtype)
        self.loss_metric.update_state(losses, sample_weight=weights)
        self.accuracy_metric.update_state(predictions == targets, sample_weight=weights)
        if loss_weights is not None:
            losses *= loss_weights[:, None]
        return tf.reduce_sum(losses * weights)

    def _gradients(self, data, num_targets):
        """Dense gradients of the data's share of the global mean loss, scaled."""
        inputs, targets, weights = data
        with tf.GradientTape() as tape:
            loss = self._summed_loss(inputs, targets, weights, training=True)
            loss = self.optimizer.scale_loss(loss / num_targets)
        return dense_gradients(tape, loss, self.trainable_weights)

    def _check_rows(self, x):
        message = (
            "The rows of a batch on one replica must be divisible by "
            f"accumulation_steps. Received: rows={x.shape[0]}, "
            f"accumulation_steps={self.accumulation_steps}."
        )
        if x.shape[0] is None:  # of several workers that share batches
            remainder = tf.shape(x)[0] % self.accumulation_steps
            tf.debugging.assert_equal(remainder, 0, message)
        elif x.shape[0] % self.accumulation_steps:
            raise ValueError(message)


def _without_loss_weights(inputs):
    inputs = dict(inputs)
    return inputs, inputs.pop("loss_weights", None)
