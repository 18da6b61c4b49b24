"""The training step of models with classes, exact over replicas and accumulation."""

import keras
import tensorflow as tf

from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    dense_gradients,
    global_sum,
)
from xlm_tf.models.losses import LabelSmoothedCrossentropy
from xlm_tf.training.global_batch_trainer import GlobalBatchTrainer
from xlm_tf.training.strategy import compiles_replicas


@keras.saving.register_keras_serializable("xlm_tf")
class TaskTrainer(GlobalBatchTrainer):
    """Wraps a task that answers with logits of classes, for `fit` on raw texts.

    The loss of an update is sum(weight * cross-entropy) / sum(weight) over the whole
    global batch: all replicas, all workers, all accumulation steps.

    Args:
        task: such as an `XLMTextClassifier`, with its preprocessor.
        label_smoothing: float, share of the probability that is spread evenly.
        clip_norm: float, largest global norm of the whole batch's gradient; None
            leaves it.
        accumulation_steps: int; every batch is split into that many parts, one after
            the other, whose gradients are summed. Bounds memory; the update is that of
            the whole batch.

    `compile` takes the optimizer only. `fit` takes a `tf.data.Dataset` of `(texts,
    labels, weights)`, what the task's preprocessor takes; reports `loss` (nats per
    label, with the smoothing) and `accuracy`, both weighted over all replicas.
    """

    def __init__(
        self, task, label_smoothing=0.0, clip_norm=None, accumulation_steps=1, **kwargs
    ):
        super().__init__(**kwargs)
        self.task = task
        self.crossentropy = LabelSmoothedCrossentropy(label_smoothing)
        self.clip_norm = clip_norm
        self.accumulation_steps = accumulation_steps

    def call(self, inputs):
        return self.task(inputs)

    def fit(self, x, **kwargs):
        """As `keras.Model.fit`, on a dataset of batches of texts."""
        batches = x.map(
            self.task.preprocess_samples, num_parallel_calls=tf.data.AUTOTUNE
        )
        return super().fit(batches.prefetch(tf.data.AUTOTUNE), **kwargs)

    def train_step(self, data):
        total = tf.maximum(global_sum(tf.reduce_sum(data[2])), 1e-6)
        gradients_of = self.gradients_by_parts
        if tf.distribute.has_strategy() and compiles_replicas():  # Keras does not
            gradients_of = tf.function(gradients_of, jit_compile=True)
        gradients = gradients_of(data, total, self.accumulation_steps)
        apply_global_gradients(
            self.optimizer, gradients, self.trainable_weights, self.clip_norm
        )
        return self.step_results()

    def _gradients(self, data, total):
        """Dense gradients of the data's share of the global mean loss, scaled."""
        inputs, labels, weights = data
        with tf.GradientTape() as tape:
            logits = self.task(inputs, training=True)  # at least float32
            if is_span := self.task.classes_axis != -1:  # positions are the classes
                logits = keras.ops.moveaxis(logits, self.task.classes_axis, -1)
            losses = self.crossentropy.call(labels, logits)  # (B, ...)
            if is_span:  # of its start and its end
                losses = tf.reduce_mean(losses, axis=-1)
            loss = tf.reduce_sum(losses * tf.cast(weights, losses.dtype))
            loss = self.optimizer.scale_loss(loss / tf.cast(total, losses.dtype))
        # Not `==`, whose result has a shape of unknown rank.
        best = tf.argmax(logits, axis=-1, output_type=labels.dtype)
        is_right = tf.math.equal(best, labels)
        if is_span:
            is_right = tf.reduce_all(is_right, axis=-1)
        self.loss_metric.update_state(losses, sample_weight=weights)
        self.accuracy_metric.update_state(is_right, sample_weight=weights)
        return dense_gradients(tape, loss, self.trainable_weights)
