"""`fit`, `evaluate` and `predict` of tasks: Keras's contract, on raw text."""

import warnings

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.models.backend import require_tensorflow
from xlm_tf.models.batch_reading import gives_batches
from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    global_share,
    global_sum,
    num_replicas,
    step_results,
)
from xlm_tf.models.input_pipeline import InputPipeline, size_for_steps
from xlm_tf.private_keras import BuiltByOneReplica

RAN_OUT = (
    "The input ran out of data before `steps` batches were read. Pass fewer steps, or "
    "an input of as many batches."
)


class TaskFitting(InputPipeline, BuiltByOneReplica):
    """Mixin for tasks: `fit`, `evaluate` and `predict` as Keras documents them.

    Inputs are texts (see `xlm_tf.models.text_reading.read_texts`), or token ids where
    the task has no preprocessor: in memory, or as datasets, `PyDataset`s, generators
    and loaders of batches. Labels may be the names of classes.

    Updates are those of the whole global batch: a batch gives the same one on any
    number of replicas, also where they hold unequally many rows, tokens or weights.
    """

    # What `predict`'s result holds beyond the width of a batch; None where it has no
    # positions.
    padding_output = None

    # Keras's entrances.

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        group_by_length=False,
    ):
        """As `keras.Model.fit`, on texts in any form, or token ids.

        Args:
            x: texts, see `xlm_tf.models.text_reading.read_texts`; a list is shuffled.
                Or batches: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a
                generator.
            y: labels: numbers, or names out of the task's `labels`; target texts of
                an `XLMSeq2SeqLM`. None for tasks that learn from texts alone.
            class_weight: dict from class, number or name, to weight.
            group_by_length: bool, batches of texts of similar length, in random order:
                there is less padding to compute. Of examples in memory.
            validation_data: what `x` may be, or a tuple `(x, y)` or
                `(x, y, sample_weight)`.
            batch_size, epochs, verbose, callbacks, validation_split, shuffle,
                sample_weight, initial_epoch, steps_per_epoch, validation_steps,
                validation_batch_size, validation_freq: see `keras.Model.fit`.

        Returns:
            `keras.callbacks.History`.

        Raises:
            ValueError: an input that cannot be read; says what, and which row.
        """
        require_tensorflow("fit")
        self.check_lengths()
        is_batches = gives_batches(x)
        examples = None
        if not is_batches:
            examples = self._read(x, y, sample_weight, "fit")
            if not len(examples):
                raise ValueError("fit needs examples to train on. Received: none.")
        if validation_split and validation_data is None:
            if is_batches:
                raise ValueError(
                    "validation_split needs examples in memory, which can be counted: "
                    "pass validation_data. Received: "
                    f"validation_split={validation_split}, x={type(x).__name__}."
                )
            examples, validation_data = examples.split(validation_split)
        lengths = None
        if not isinstance(group_by_length, bool):
            raise ValueError(
                "group_by_length must be True or False. Received: "
                f"group_by_length={group_by_length!r}."
            )
        if group_by_length:
            if is_batches or not shuffle or shuffle == "batch":
                raise ValueError(
                    "group_by_length puts examples in memory in an order of its own: "
                    "pass them as lists, with shuffle=True. Received: "
                    f"x={type(x).__name__}, shuffle={shuffle!r}."
                )
            lengths = examples.lengths()
        if class_weight is not None:
            class_weight = self._class_weight(class_weight, sample_weight)
        if is_batches:
            self._check_alone(x, y, sample_weight, batch_size)
            batches = self._dataset_of(x, class_weight, shuffle)
        else:
            size = batch_size or size_for_steps(examples, steps_per_epoch)
            # One stream for all epochs. With steps of the caller's an epoch may end
            # within the examples, and Keras keeps count.
            batches = self._streamed(
                examples.batches(size, shuffle, lengths),
                class_weight,
                not steps_per_epoch,
            )
            steps_per_epoch = steps_per_epoch or -(-len(examples) // size)
        if validation_data is not None:
            validation_data = self._evaluation_dataset(
                *self._validation(validation_data),
                validation_batch_size or batch_size,
                validation_steps,
                "validation_data",
            )
        self._build_optimizer()
        return keras.Model.fit(
            self,
            batches,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=False,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
        )

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """As `keras.Model.evaluate`; inputs as for `fit`."""
        require_tensorflow("evaluate")
        if not kwargs.get("_use_cached_eval_dataset"):  # then `fit` has prepared it
            self.check_lengths()
            x = self._evaluation_dataset(
                x, y, sample_weight, batch_size, steps, "evaluate"
            )
        return keras.Model.evaluate(
            self,
            x,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
            **kwargs,
        )

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """As `keras.Model.predict`, on texts in any form, or token ids.

        Args:
            x: as for `fit`. A str alone is one text, and no texts are no rows.
            batch_size, verbose, steps, callbacks: see `keras.Model.predict`.

        Returns:
            Numpy array (N, ...). Where it has a position for every token it is as wide
            as the widest batch. Positions that other batches do not have hold the
            task's `padding_output`: 0, and -1e9 of `XLMQuestionAnswering`, so that
            padding is never the best position. These two models give the same for
            every token of padding.
        """
        require_tensorflow("predict")
        self.check_lengths()
        batches, num_batches = self._prediction_batches(x, batch_size, steps)
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = keras.callbacks.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=num_batches,
                model=self,
            )
        self.make_predict_function()
        self.stop_predicting = False
        callbacks.on_predict_begin()
        results = []
        for inputs in batches:
            step = len(results)
            callbacks.on_predict_batch_begin(step)
            result = self._predicted(inputs)
            results.append(tf.nest.map_structure(np.asarray, result))
            callbacks.on_predict_batch_end(step, {"outputs": results[-1]})
            if self.stop_predicting or (steps and len(results) == steps):
                break
        else:
            if steps and len(results) < steps:
                warnings.warn(RAN_OUT, stacklevel=2)
        callbacks.on_predict_end()
        if not results:
            raise ValueError(f"There are no batches to predict. Received: x={x!r}.")
        return tf.nest.map_structure(
            lambda *parts: _joined(parts, self.padding_output), *results
        )

    def train_on_batch(
        self, x, y=None, sample_weight=None, class_weight=None, return_dict=False
    ):
        """As `keras.Model.train_on_batch`; inputs in memory as for `fit`."""
        require_tensorflow("train_on_batch")
        self.check_lengths()
        if class_weight is not None:
            class_weight = self._class_weight(class_weight, sample_weight)
        examples = self._read(x, y, sample_weight, "train_on_batch")
        data = self._prepare(examples.rows(0, None), class_weight)
        self._build_optimizer()
        return keras.Model.train_on_batch(self, *data, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """As `keras.Model.test_on_batch`; inputs in memory as for `fit`."""
        require_tensorflow("test_on_batch")
        self.check_lengths()
        examples = self._read(x, y, sample_weight, "test_on_batch")
        data = self._prepare(examples.rows(0, None))
        return keras.Model.test_on_batch(self, *data, return_dict=return_dict)

    def predict_on_batch(self, x):
        """As `keras.Model.predict_on_batch`; inputs in memory as for `predict`."""
        require_tensorflow("predict_on_batch")
        self.check_lengths()
        inputs = self._prepare(self._read(x).rows(0, None))[0]
        return keras.Model.predict_on_batch(self, inputs)

    def _predicted(self, batch):
        function = self.predict_function
        is_compiled = isinstance(function, tf.types.experimental.PolymorphicFunction)
        is_new = is_compiled and not function.experimental_get_tracing_count()
        if is_new and self.distribute_strategy.num_replicas_in_sync == 1:
            # One graph for batches of any number and length of texts.
            function.get_concrete_function(
                [
                    tf.nest.map_structure(
                        lambda leaf: tf.TensorSpec(
                            [None] * leaf.shape.rank, leaf.dtype
                        ),
                        batch,
                    )
                ]
            )
        return function([batch])

    # Steps.

    def _build_optimizer(self):
        """Make the optimizer's variables, if there is one and they are not there.

        Keras makes them within the first step, which is then traced twice.
        """
        if self.optimizer is not None and not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.trainable_weights
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._global_loss(x, y, y_pred, sample_weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        if variables:
            gradients = tape.gradient(scaled, variables)
            apply_global_gradients(self.optimizer, gradients, variables)
        else:
            warnings.warn(
                "The model does not have any trainable weights.", stacklevel=2
            )
        results = self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return step_results(self, results)

    def test_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self._global_loss(x, y, y_pred, sample_weight, training=False)
        results = self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return step_results(self, results)

    def _global_loss(self, x, y, y_pred, sample_weight, training):
        """This replica's share of the global batch's loss; its metric is updated."""
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )
        share = global_share(self.loss, loss, y, y_pred, sample_weight)
        rows = tf.cast(tf.shape(tf.nest.flatten(x)[0])[0], "float32")
        # As on one replica, where Keras counts the loss of a batch once a row.
        rows = global_sum(rows)
        count = num_replicas()
        metric = self.metrics[0]
        if share.shape.rank:  # of a loss without reduction
            metric.update_state(share, sample_weight=rows)
        else:
            metric.update_state(share * count, sample_weight=rows / count)
        return share


def _joined(parts, padding):
    """Arrays (B, ...) one below the other, filled up to the widest."""
    if padding is not None and parts[0].ndim > 1:
        width = max(part.shape[1] for part in parts)
        parts = [
            np.pad(
                part,
                [(0, 0), (0, width - part.shape[1])] + [(0, 0)] * (part.ndim - 2),
                constant_values=padding,
            )
            for part in parts
        ]
    return np.concatenate(parts)
