"""The training step of the encoder-decoder, exact over replicas."""

import keras
import tensorflow as tf

from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    dense_gradients,
    global_sum,
)
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer


@keras.saving.register_keras_serializable("xlm_tf")
class Seq2SeqTrainer(GlobalBatchTrainer):
    """Wraps an `XLMSeq2SeqLM` for `fit` with a loss that weighs by token count.

    The loss is that of `LabelSmoothedCrossentropy`, over the whole global batch as in
    `MaskedLMTrainer`. Logits are computed for real target positions only.

    Args:
        seq2seq_lm: an `XLMSeq2SeqLM`.
        label_smoothing: float, share of the probability that is spread evenly.
        clip_norm: float, largest global norm of the whole batch's gradient; None
            leaves it.
        accumulation_steps: int; every batch is split into that many parts, as in
            `MaskedLMTrainer`. Of a batch with other numbers of rows the last part is
            smaller.
        r_drop: float, the weight of R-Drop; 0 leaves it out. Every batch is computed
            twice, with two draws of dropout. The loss is the mean of the two, and
            `r_drop` times the mean of the divergences (Kullback-Leibler) of the one's
            probabilities from the other's and back, halved: half of the paper's sum,
            whose weight for translation is 5 (Liang et al. 2021, arXiv 2106.14448).

    `compile` takes the optimizer only. `fit` takes datasets of what
    `XLMSeq2SeqLMPreprocessor` returns; reports `loss` (nats per target, with the
    smoothing) and `accuracy`, both weighted by tokens over all replicas.
    """

    def __init__(
        self,
        seq2seq_lm,
        label_smoothing=0.1,
        clip_norm=None,
        accumulation_steps=1,
        r_drop=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        # Batches have the shape of their texts, and XLA would compile a step for each.
        self.supports_jit = False
        self.seq2seq_lm = seq2seq_lm
        self.label_smoothing = label_smoothing
        self.clip_norm = clip_norm
        self.accumulation_steps = accumulation_steps
        self.r_drop = r_drop

    def call(self, inputs):
        return self.seq2seq_lm(inputs)

    def train_step(self, data):
        num_targets = tf.maximum(global_sum(tf.reduce_sum(data[2])), 1.0)
        gradients = self.gradients_by_parts(data, num_targets, self.accumulation_steps)
        apply_global_gradients(
            self.optimizer, gradients, self.trainable_weights, self.clip_norm
        )
        return self.step_results()

    def _gradients(self, data, num_targets):
        """Dense gradients of the data's share of the global mean loss, scaled."""
        inputs, targets, weights = data
        with tf.GradientTape() as tape:
            loss = self._summed_loss(inputs, targets, weights, training=True)
            loss = self.optimizer.scale_loss(loss / num_targets)
        return dense_gradients(tape, loss, self.trainable_weights)

    def test_step(self, data):
        self._summed_loss(*data, training=False)
        return self.step_results()

    def _summed_loss(self, inputs, targets, weights, training):
        """Summed loss in nats; the metrics are updated on the way."""
        is_twice = training and self.r_drop
        if is_twice:
            inputs, targets, weights = tf.nest.map_structure(
                lambda x: tf.concat([x, x], axis=0), (inputs, targets, weights / 2)
            )
        backbone = self.seq2seq_lm.backbone
        states = backbone(inputs, training=training)
        states = states["decoder_sequence_output"]  # (B, T, D)
        is_target = tf.where(weights > 0)  # (N, 2)
        states = tf.gather_nd(states, is_target)  # (N, D)
        targets = tf.gather_nd(targets, is_target)  # (N,)
        weights = tf.gather_nd(weights, is_target)
        logits = self.seq2seq_lm.prediction_head(
            states, token_embedding=backbone.token_embedding
        )  # (N, V) float32
        losses, is_right = smoothed_losses(logits, targets, self.label_smoothing)
        if is_twice:
            losses += self.r_drop / 4 * tf.tile(divergences(*tf.split(logits, 2)), [2])
        self.loss_metric.update_state(losses, sample_weight=weights)
        self.accuracy_metric.update_state(is_right, sample_weight=weights)
        return tf.reduce_sum(losses * weights)


def divergences(logits, others):
    """How far two distributions are from each other: KL(p, q) + KL(q, p).

    Args:
        logits, others: float32 tensors (N, V).

    Returns:
        float32 (N,), in nats.
    """
    logs, other_logs = tf.nn.log_softmax(logits), tf.nn.log_softmax(others)
    return tf.reduce_sum(
        (tf.exp(logs) - tf.exp(other_logs)) * (logs - other_logs), axis=1
    )


def smoothed_losses(logits, targets, label_smoothing):
    """`LabelSmoothedCrossentropy` with its gradient in one pass over the logits.

    TensorFlow's own would fill a matrix of the logits' size for each of its terms.

    Args:
        logits: float32 tensor (N, V).
        targets: int32 tensor (N,).
        label_smoothing: float.

    Returns:
        `(losses, is_right)`: float32 (N,), and bool (N,), whether no logit is larger
        than the target's.
    """
    share = label_smoothing / logits.shape[1]

    @tf.custom_gradient
    def smoothed(logits):
        losses, gradient = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(
            features=logits, labels=targets
        )  # (N,), and softmax - one-hot (N, V)
        target_logits = tf.gather(logits, targets, axis=1, batch_dims=1)
        is_right = target_logits >= tf.reduce_max(logits, axis=1)
        if label_smoothing:
            means = tf.reduce_mean(logits, axis=1)
            losses += label_smoothing * (target_logits - means)

        def backward(upstream, _):
            total = gradient
            if label_smoothing:
                rows = tf.range(tf.size(targets), dtype=targets.dtype)
                total = tf.tensor_scatter_nd_add(
                    gradient,
                    tf.stack([rows, targets], axis=1),
                    tf.fill(tf.shape(targets), label_smoothing),
                )
            return (total - share) * tf.expand_dims(upstream, 1)

        return (losses, is_right), backward

    return smoothed(logits)
