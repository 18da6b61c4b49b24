"""What the trainers share: a Keras model that owns only its training step."""

import keras
import tensorflow as tf

from xlm_tf.models.global_gradients import step_results
from xlm_tf.private_keras import OptimizerBuiltAlone


class GlobalBatchTrainer(OptimizerBuiltAlone, keras.Model):
    """Base of models whose `fit` sees the global batch, on one or many replicas.

    Subclasses end their steps with `self.step_results()`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.loss_metric = keras.metrics.Mean(name="loss")
        self.accuracy_metric = keras.metrics.Mean(name="accuracy")
        self.built = True

    @property
    def metrics(self):
        return [self.loss_metric, self.accuracy_metric]

    def step_results(self):
        """The metrics so far, in the form that Keras expects from a step."""
        return step_results(self, self.get_metrics_result())

    def gradients_by_parts(self, data, num_terms, num_parts=1):
        """The gradients of a replica's batch, in one go or part by part.

        Args:
            data: nested tensors of as many rows; `_gradients(data, num_terms)` is the
                subclass'.
            num_terms: float scalar, how many terms the loss of the whole global batch
                is the mean of.
            num_parts: int; memory is needed for one part at a time. Rows that do not
                divide are filled up with rows of zeros, which `_gradients` must give
                no weight.

        Returns:
            List of dense gradients of this replica's share of the mean loss, scaled.
        """
        if num_parts == 1:
            return self._gradients(data, num_terms)

        parts = split_rows(data, num_parts)

        def step(index, gradients):
            part = tf.nest.map_structure(lambda x: x[index], parts)
            new_gradients = self._gradients(part, num_terms)
            gradients = [a + b for a, b in zip(gradients, new_gradients, strict=True)]
            return index + 1, gradients

        zeros = [tf.zeros(weight.shape) for weight in self.trainable_weights]
        _, gradients = tf.while_loop(
            lambda index, _: index < num_parts,
            step,
            (0, zeros),
            parallel_iterations=1,
            maximum_iterations=num_parts,
        )
        return gradients


def split_rows(data, num_parts):
    """A batch in parts of as many rows, the last filled up with rows of zeros.

    Args:
        data: nested tensors (B, ...).
        num_parts: int, P.

    Returns:
        Nested tensors (P, ceil(B / P), ...).
    """

    def split(x):
        missing = -tf.shape(x)[0] % num_parts
        padding = [[0, missing]] + [[0, 0]] * (x.shape.rank - 1)
        shape = tf.concat([[num_parts, -1], tf.shape(x)[1:]], axis=0)
        parts = tf.reshape(tf.pad(x, padding), shape)
        rows = x.shape[0] and -(-x.shape[0] // num_parts)
        return tf.ensure_shape(parts, (num_parts, rows, *x.shape[1:]))

    return tf.nest.map_structure(split, data)
