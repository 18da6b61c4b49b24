"""`fit`, `evaluate` and `predict` of tasks: Keras's contract, on raw text."""

import functools
import warnings

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.models.backend import require_tensorflow
from xlm_tf.models.global_gradients import (
    apply_global_gradients,
    global_share,
    global_sum,
    num_replicas,
    step_results,
)
from xlm_tf.models.task_inputs import (
    Examples,
    check_classes,
    gives_batches,
    label_ids,
    python_batches,
    read_arrays,
    read_labels,
    read_texts,
    unpacked,
)
from xlm_tf.private_keras import BuiltByOneReplica

BATCH_SIZE = 32  # as Keras's
RAN_OUT = (
    "The input ran out of data before `steps` batches were read. Pass fewer steps, or "
    "an input of as many batches."
)


class TaskFitting(BuiltByOneReplica):
    """Mixin for tasks: `fit`, `evaluate` and `predict` as Keras documents them.

    Inputs are texts (see `xlm_tf.models.task_inputs.read_texts`), or token ids where
    the task has no preprocessor: in memory, or as datasets, `PyDataset`s, generators
    and loaders of batches. Labels may be the names of classes.

    KerasHub's pipeline is left aside: it reads fewer forms than Keras does, forgets to
    shuffle, and builds the graph that reads texts anew at every call.

    Updates are those of the whole global batch: a batch gives the same one on any
    number of replicas, also where they hold unequally many rows, tokens or weights.
    """

    # What a task learns from: "labels", which come as `y`; "texts", which are their
    # own targets; or "pairs" of texts.
    learns_from = "labels"
    # Whether labels are one a token.
    labels_per_token = False
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
    ):
        """As `keras.Model.fit`, on texts in any form, or token ids.

        Args:
            x: texts, see `xlm_tf.models.task_inputs.read_texts`; a list is shuffled.
                Or batches: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a
                generator.
            y: labels: numbers, or names out of the task's `labels`; target texts of
                an `XLMSeq2SeqLM`. None for tasks that learn from texts alone.
            class_weight: dict from class, number or name, to weight.
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
        if class_weight is not None:
            class_weight = self._class_weight(class_weight, sample_weight)
        if is_batches:
            self._check_alone(x, y, sample_weight, batch_size)
            batches = self._dataset_of(x, class_weight, shuffle)
        else:
            size = batch_size or _size_for_steps(examples, steps_per_epoch)
            # One stream for all epochs. With steps of the caller's an epoch may end
            # within the examples, and Keras keeps count.
            batches = self._streamed(
                examples.batches(size, shuffle), class_weight, not steps_per_epoch
            )
            steps_per_epoch = steps_per_epoch or -(-len(examples) // size)
        if validation_data is not None:
            validation_data = self._evaluation_dataset(
                *self._validation(validation_data),
                validation_batch_size or batch_size,
                validation_steps,
                "validation_data",
            )
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

    # Reading.

    def check_lengths(self):
        """Raise ValueError where the preprocessor's texts are longer than positions."""
        longest = getattr(self.backbone, "max_sequence_length", None)
        for name in ("sequence_length", "target_length"):
            length = getattr(self.preprocessor, name, None)
            if longest is not None and length is not None and length > longest:
                raise ValueError(
                    "Texts may be longer than the model's positions: set "
                    f"`{name}` of the preprocessor to {longest} at most. "
                    f"Received: {name}={length}, max_sequence_length={longest}."
                )

    def _read(self, x, y=None, sample_weight=None, method=None):
        """What a method was given in memory -> `Examples`.

        Args:
            method: str, the method, where it learns or measures, which needs targets.
        """
        if isinstance(x, Examples):
            return x
        if x is None:
            raise ValueError("Pass the texts as `x`. Received: x=None.")
        if self.preprocessor is None:
            x = read_arrays(x, "x")
        else:
            x = read_texts(x)
            if self.learns_from == "pairs" and y is None and np.shape(x) == (0,):
                x = (x, x)  # no pairs
        if y is not None:
            if self.preprocessor is not None and self.learns_from == "texts":
                raise ValueError(
                    f"{type(self).__name__} learns from the texts themselves: pass "
                    "them without `y`; pairs of texts are a tuple of two lists. "
                    f"Received: y of type {type(y).__name__}."
                )
            y = self._read_targets(y)
        elif method is not None:
            self._check_targets(method)
        if sample_weight is not None:
            sample_weight = read_arrays(sample_weight, "sample_weight")
            if isinstance(sample_weight, np.ndarray):
                sample_weight = sample_weight.astype("float32")
                if sample_weight.ndim == 2 and sample_weight.shape[1] == 1:
                    sample_weight = sample_weight[:, 0]
        return Examples(x, y, sample_weight)

    def _read_targets(self, y):
        if self.preprocessor is not None and self.learns_from == "pairs":
            return read_texts(y, "target_text")
        names = getattr(self, "labels", None)
        y = read_labels(y, names, self.labels_per_token)
        if self._is_class_loss() and not self.labels_per_token:
            check_classes(y, self.num_classes)
        return y

    def _is_class_loss(self):
        """Whether the loss takes numbers of classes."""
        if getattr(self, "num_classes", None) is None:
            return False
        losses = keras.tree.flatten(self.loss)
        return any(
            isinstance(loss, keras.losses.SparseCategoricalCrossentropy)
            or loss == "sparse_categorical_crossentropy"
            for loss in losses
        )

    def _check_targets(self, method):
        if self.loss is None:
            return
        if self.preprocessor is not None and self.learns_from != "labels":
            return
        raise ValueError(
            f"{type(self).__name__}.{method} needs labels: pass `y`, one for every "
            "text. Received: y=None."
        )

    def _validation(self, data):
        """What `validation_data` may be -> `(x, y, sample_weight)`."""
        if isinstance(data, Examples) or gives_batches(data):
            return data, None, None
        return unpacked(data)

    def _evaluation_dataset(self, x, y, sample_weight, batch_size, steps, method):
        """`tf.data.Dataset` of what the model takes, in order."""
        if gives_batches(x):
            if method == "evaluate":
                self._check_alone(x, y, sample_weight, batch_size)
            return self._dataset_of(x)
        examples = self._read(x, y, sample_weight, method)
        if not len(examples):
            raise ValueError(f"{method} needs examples to measure. Received: none.")
        size = batch_size or _size_for_steps(examples, steps)
        return self._streamed(examples.batches(size))

    def _check_alone(self, x, y, sample_weight, batch_size):
        """Raise ValueError where something comes beside batches that belongs there."""
        beside = {"y": y, "sample_weight": sample_weight, "batch_size": batch_size}
        for name, value in beside.items():
            if value is not None:
                raise ValueError(
                    f"{type(x).__name__} gives batches, in which `{name}` belongs: do "
                    f"not pass it beside them. Received: {name} of type "
                    f"{type(value).__name__}."
                )

    def _read_batch(self, batch):
        return self._read(*unpacked(batch))

    def _dataset_of(self, x, class_weight=None, shuffle=False):
        """`tf.data.Dataset` of what the model takes, out of anything with batches."""
        if isinstance(x, tf.distribute.DistributedDataset):
            if self.preprocessor is None and class_weight is None:
                return x
            raise ValueError(
                "A distributed dataset comes too late for the preprocessor and for "
                "class weights: map them before it is distributed, and pass "
                "preprocessor=None to the task; or pass the dataset itself."
            )
        if isinstance(x, tf.data.Dataset):
            self._check_batched(x)
            prepare = functools.partial(self._prepare_element, class_weight)
            batches = x.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
            return batches.prefetch(tf.data.AUTOTUNE)
        return self._streamed(
            python_batches(x, self._read_batch, shuffle), class_weight
        )

    def _streamed(self, batches, class_weight=None, repeat=False):
        """`tf.data.Dataset` of what the model takes, out of `Batches`.

        Texts are read by a function that the task keeps. In the dataset's own graph it
        would have to be made ready anew at every start, which costs a second or so.
        """
        prepare = self._compiled_preparing(batches.first, class_weight)

        def generate():
            while True:
                for parts in batches.begin():
                    yield prepare(parts)
                if not repeat:
                    return

        signature = tf.nest.map_structure(
            lambda output: tf.TensorSpec(output.shape, output.dtype),
            prepare.structured_outputs,
        )
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        if batches.num_batches is not None and not repeat:
            count = tf.data.experimental.assert_cardinality(batches.num_batches)
            dataset = dataset.apply(count)
        options = tf.data.Options()
        sharding = tf.data.experimental.AutoShardPolicy.DATA  # as Keras, of arrays
        options.experimental_distribute.auto_shard_policy = sharding
        return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)

    def _check_batched(self, dataset):
        for spec in tf.nest.flatten(dataset.element_spec):
            shape = getattr(spec, "shape", None)
            if isinstance(shape, tf.TensorShape) and shape.rank == 0:
                raise ValueError(
                    "The dataset must give batches: pass dataset.batch(batch_size). "
                    f"Received: a dataset of {dataset.element_spec}."
                )

    def _prepare_element(self, class_weight, *element):
        """As `_prepare`, of an element of a dataset, as Keras unpacks it."""
        names = ("x", "y", "sample_weight")
        if len(element) > len(names):
            raise ValueError(
                "Elements of a dataset are x, (x, y) or (x, y, sample_weight). "
                f"Received: {len(element)} parts."
            )
        parts = dict(zip(names, element, strict=False))
        return self._prepare(
            {name: part for name, part in parts.items() if part is not None},
            class_weight,
        )

    def _prepare(self, parts, class_weight=None):
        """Texts and labels -> what the model takes, in graph.

        Args:
            parts: dict of `Examples.rows`.
            class_weight: dict from the number of a class to its weight, or None.

        Returns:
            `(x,)`, `(x, y)` or `(x, y, sample_weight)`.
        """
        data = self.preprocess_samples(**parts)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if class_weight is not None:
            if y is None:
                raise ValueError(
                    "class_weight needs labels `y`, whose classes it weighs."
                )
            weights = self._weights_of_classes(y, class_weight)
            if sample_weight is not None:  # the preprocessor's own
                weights *= tf.cast(sample_weight, weights.dtype)
            sample_weight = weights
        if y is None:
            return (x,)
        return (x, y) if sample_weight is None else (x, y, sample_weight)

    def preprocess_samples(self, x, y=None, sample_weight=None):
        """What KerasHub's pipeline calls; names of classes become their numbers."""
        if self.learns_from == "labels":
            y = tf.nest.map_structure(self._label_ids, y)
        return super().preprocess_samples(x, y, sample_weight)

    def _label_ids(self, y):
        if y is None or tf.as_dtype(y.dtype) != tf.string:
            return y
        return label_ids(tf.convert_to_tensor(y), getattr(self, "labels", None))

    def _class_weight(self, class_weight, sample_weight):
        """dict from class to weight, names of classes as their numbers."""
        if sample_weight is not None:
            raise ValueError(
                "class_weight and sample_weight cannot be passed together: multiply "
                "them into sample_weight."
            )
        if self.preprocessor is not None and self.learns_from != "labels":
            raise ValueError(
                f"{type(self).__name__} learns from texts, which have no classes to "
                "weigh: pass sample_weight instead of class_weight."
            )
        names = getattr(self, "labels", None) or []
        unknown = [key for key in class_weight if isinstance(key, str)]
        unknown = [key for key in unknown if key not in names]
        if unknown:
            raise ValueError(
                f"class_weight must weigh classes of {names}, or their numbers. "
                f"Received: {unknown}."
            )
        return {
            names.index(key) if isinstance(key, str) else int(key): float(weight)
            for key, weight in class_weight.items()
        }

    def _weights_of_classes(self, y, class_weight):
        """float32 weights, one for every label; classes that are not named have 1."""
        outputs = self.outputs[0].shape
        classes = y
        if y.shape.rank == len(outputs):  # one-hot, or a column
            classes = y[..., 0]
            if y.shape[-1] != 1:
                classes = tf.argmax(y, axis=-1)
        classes = tf.cast(tf.round(tf.cast(classes, "float32")), "int32")
        weights = tf.ones(tf.shape(classes), "float32")
        for number, weight in class_weight.items():
            weights = tf.where(classes == number, weight, weights)
        return weights

    def _compiled_preparing(self, first, class_weight=None):
        """The compiled `_prepare` for batches that look like the first, kept."""
        specs = {
            name: tf.nest.map_structure(functools.partial(self._spec, name), part)
            for name, part in first.items()
        }
        # A setting of the preprocessor may be changed at any time.
        config = getattr(self.preprocessor, "get_config", dict)()
        owner = (id(self.preprocessor), repr(config))
        known_owner, functions = vars(self).get("_preparing", (None, {}))
        if known_owner != owner:
            functions = {}
            vars(self)["_preparing"] = owner, functions  # not tracked, nor saved
        key = repr((specs, class_weight))
        if key not in functions:
            function = tf.function(lambda parts: self._prepare(parts, class_weight))
            functions[key] = function.get_concrete_function(specs)
        return functions[key]

    def _spec(self, name, leaf):
        """What a part of batches looks like whose numbers of rows and tokens vary."""
        if isinstance(leaf, tf.RaggedTensor):
            return tf.RaggedTensorSpec.from_value(leaf)
        leaf = tf.convert_to_tensor(leaf)
        shape = [None, *leaf.shape[1:]]
        per_token = self.labels_per_token or self.learns_from != "labels"
        if len(shape) > 1 and shape[1] != 1 and (name != "y" or per_token):
            shape[1] = None
        return tf.TensorSpec(shape, leaf.dtype)

    # Predicting.

    def _prediction_batches(self, x, batch_size, steps):
        """Tuples with what the model takes, and how many of them, or None."""
        if isinstance(x, tf.distribute.DistributedDataset):
            return map(_as_tuple, self._dataset_of(x)), steps
        if gives_batches(x):
            self._check_alone(x, None, None, batch_size)
            if isinstance(x, tf.data.Dataset):
                self._check_batched(x)
            batches = python_batches(x, self._read_batch)
        else:
            examples = self._read(x)
            size = batch_size or _size_for_steps(examples, steps)
            batches = examples.batches(size)
        num_batches = steps or batches.num_batches
        if self.distribute_strategy.num_replicas_in_sync > 1:
            dataset = self._streamed(batches)
            strategy = self.distribute_strategy
            return strategy.experimental_distribute_dataset(dataset), num_batches
        prepare = self._compiled_preparing(batches.first)
        return ((prepare(parts)[0],) for parts in batches.begin()), num_batches

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


def _size_for_steps(examples, steps):
    """Rows of a batch where the caller named none, as Keras takes them."""
    return -(-len(examples) // steps) if steps and len(examples) else BATCH_SIZE


def _as_tuple(element):
    return element if isinstance(element, tuple) else (element,)


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
