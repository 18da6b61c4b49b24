"""What the trainers share: a Keras model that owns only its training step."""

import keras
import tensorflow as tf

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
        results = self.get_metrics_result()
        multi_worker = tf.distribute.MultiWorkerMirroredStrategy
        if isinstance(self.distribute_strategy, multi_worker):
            # Keras reduces what the workers return over a leading axis.
            results = {name: value[None] for name, value in results.items()}
        return results

    def summed_gradients(self, data, num_parts=1):
        """The gradients of a replica's batch, in one go or part by part.

        Args:
            data: nested tensors of as many rows; `_gradients(data)` is the subclass'.
            num_parts: int; memory is needed for one part at a time. Rows that do not
                divide are filled up with rows of zeros, which `_gradients` must give
                no weight.

        Returns:
            `(gradients, num_terms)`: dense gradients of the summed loss, and how many
            terms it has.
        """
        if num_parts == 1:
            return self._gradients(data)

        def split(x):
            missing = -tf.shape(x)[0] % num_parts
            padding = [[0, missing]] + [[0, 0]] * (x.shape.rank - 1)
            shape = tf.concat([[num_parts, -1], tf.shape(x)[1:]], axis=0)
            parts = tf.reshape(tf.pad(x, padding), shape)
            rows = x.shape[0] and -(-x.shape[0] // num_parts)
            return tf.ensure_shape(parts, (num_parts, rows, *x.shape[1:]))

        parts = tf.nest.map_structure(split, data)

        def step(index, gradients, num_terms):
            part = tf.nest.map_structure(lambda x: x[index], parts)
            new_gradients, new_terms = self._gradients(part)
            gradients = [a + b for a, b in zip(gradients, new_gradients, strict=True)]
            return index + 1, gradients, num_terms + new_terms

        zeros = [tf.zeros(weight.shape) for weight in self.trainable_weights]
        _, gradients, num_terms = tf.while_loop(
            lambda index, *_: index < num_parts,
            step,
            (0, zeros, 0.0),
            parallel_iterations=1,
            maximum_iterations=num_parts,
        )
        return gradients, num_terms
