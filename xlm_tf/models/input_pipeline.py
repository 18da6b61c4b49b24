"""What a task was given to learn from or to predict -> what its model takes."""

import functools
from collections.abc import Mapping
from numbers import Integral

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.generation.search_arguments import real_number
from xlm_tf.models.array_reading import read_arrays
from xlm_tf.models.batch_reading import gives_batches, python_batches, unpacked
from xlm_tf.models.examples import Examples
from xlm_tf.models.label_reading import (
    check_classes,
    checked_classes,
    label_ids,
    read_labels,
)
from xlm_tf.models.text_reading import read_texts

BATCH_SIZE = 32  # as Keras's


class InputPipeline:
    """Mixin for tasks: texts and labels in any form -> batches of the model's inputs.

    KerasHub's pipeline is left aside: it reads fewer forms than Keras does, forgets to
    shuffle, and builds the graph that reads texts anew at every call.
    """

    # What a task learns from: "labels", which come as `y`; "texts", which are their
    # own targets; or "pairs" of texts.
    learns_from = "labels"
    # Whether labels are one per token.
    labels_per_token = False

    # What was given -> `Examples`, or something with batches.

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
            x = self._read_inputs(x)
            if hasattr(self.preprocessor, "check_texts"):
                self.preprocessor.check_texts(x)
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
                if not np.isfinite(sample_weight).all():
                    row = int(np.argwhere(~np.isfinite(sample_weight))[0][0])
                    raise ValueError(
                        "Every weight in `sample_weight` must be a finite number. "
                        f"Row {row} is {sample_weight[row]}."
                    )
                sample_weight = sample_weight.astype("float32")
                if sample_weight.ndim == 2 and sample_weight.shape[1] == 1:
                    sample_weight = sample_weight[:, 0]
        return Examples(x, y, sample_weight)

    def _read_inputs(self, x):
        """Texts in any form -> what the preprocessor takes."""
        return read_texts(x)

    def _read_targets(self, y):
        if self.preprocessor is not None and self.learns_from == "pairs":
            return read_texts(y, "target_text")
        names = getattr(self, "labels", None)
        y = read_labels(y, names, self.labels_per_token)
        if self._is_class_loss() and isinstance(y, np.ndarray):
            check_classes(y, self.num_classes, self.labels_per_token)
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
        size = batch_size or size_for_steps(examples, steps)
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

    # Batches of it -> batches of what the model takes.

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
        if y is None:
            return y
        if not isinstance(y, tf.RaggedTensor):
            y = tf.convert_to_tensor(y)
        if y.dtype == tf.string:
            return label_ids(y, getattr(self, "labels", None), self.labels_per_token)
        if self._is_class_loss() and y.dtype != tf.bool:
            return checked_classes(y, self.num_classes, self.labels_per_token)
        return y

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
        if not isinstance(class_weight, Mapping):
            raise ValueError(
                "class_weight must be a dict from classes to weights. "
                f"Received: class_weight={class_weight!r}."
            )
        names = getattr(self, "labels", None) or []
        numbers = range(getattr(self, "num_classes", None) or 0)
        unknown = [
            key
            for key in class_weight
            if key not in names and not (isinstance(key, Integral) and key in numbers)
        ]
        if unknown and numbers:
            classes = f"classes of {names}, or their numbers" if names else "classes"
            raise ValueError(
                f"class_weight must weigh {classes}, from 0 to {len(numbers) - 1}. "
                f"Received: {unknown}."
            )
        return {
            names.index(key) if isinstance(key, str) else int(key): real_number(
                "class_weight", weight, minimum=0.0
            )
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
            # AutoGraph would hide errors in its own, and takes a second.
            function = tf.function(
                lambda parts: self._prepare(parts, class_weight), autograph=False
            )
            functions[key] = function.get_concrete_function(specs)
        return functions[key]

    def _spec(self, name, leaf):
        """What a part of batches looks like whose numbers of rows and tokens vary."""
        if isinstance(leaf, tf.RaggedTensor):
            return tf.RaggedTensorSpec(
                [None, *leaf.shape[1:]],
                leaf.dtype,
                leaf.ragged_rank,
                leaf.row_splits.dtype,
            )
        leaf = tf.convert_to_tensor(leaf)
        shape = [None, *leaf.shape[1:]]
        per_token = self.labels_per_token or self.learns_from != "labels"
        if len(shape) > 1 and shape[1] != 1 and (name != "y" or per_token):
            shape[1] = None
        return tf.TensorSpec(shape, leaf.dtype)

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
            size = batch_size or size_for_steps(examples, steps)
            batches = examples.batches(size)
        num_batches = steps or batches.num_batches
        if self.distribute_strategy.num_replicas_in_sync > 1:
            dataset = self._streamed(batches)
            strategy = self.distribute_strategy
            return strategy.experimental_distribute_dataset(dataset), num_batches
        prepare = self._compiled_preparing(batches.first)
        return ((prepare(parts)[0],) for parts in batches.begin()), num_batches


def size_for_steps(examples, steps):
    """Rows of a batch where the caller named none, as Keras takes them."""
    return -(-len(examples) // steps) if steps and len(examples) else BATCH_SIZE


def _as_tuple(element):
    return element if isinstance(element, tuple) else (element,)
