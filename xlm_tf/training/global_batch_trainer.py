"""What the trainers share: a Keras model that owns only its training step."""

import keras
import tensorflow as tf


class GlobalBatchTrainer(keras.Model):
    """Base of models whose `fit` sees the global batch, on one or many replicas.

    Subclasses set `self.loss_metric` and `self.accuracy_metric`, and end their steps
    with `self.step_results()`.
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

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Everything is built but the optimizer. Keras would reduce a batch over the
        # replicas to build the model, which fails for bool tensors and for workers.
        with self.distribute_strategy.scope():
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)
