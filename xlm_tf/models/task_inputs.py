"""What tasks read: texts, labels and weights in every form in which Keras takes them.

`fit`, `evaluate` and `predict` are given examples in memory, which become `Examples`
here, or something that gives batches one after the other (`gives_batches`), each of
which is read like examples.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import itertools
import random
from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from xlm_tf.models.text_packing import LANGUAGE_FIELDS

# A token's label that does not count: no class has a negative number.
IGNORED_LABEL = -1


class Examples:
    """Examples in memory: structures of arrays with a row for each of them.

    Args:
        x: array, or a tuple or dict of arrays, N rows each.
        y: array or structure of arrays, or None.
        sample_weight: array, or None.

    Raises:
        ValueError: the arrays have different numbers of rows, or there are none.
    """

    def __init__(self, x, y=None, sample_weight=None):
        given = {"x": x, "y": y, "sample_weight": sample_weight}
        self.parts = {name: part for name, part in given.items() if part is not None}
        rows = {
            name: sorted({_num_rows(leaf) for leaf in tf.nest.flatten(part)})
            for name, part in self.parts.items()
        }
        counts = set(itertools.chain.from_iterable(rows.values()))
        if len(counts) != 1:
            raise ValueError(
                "Texts, labels and weights must have one row for every example. "
                "Received: "
                + ", ".join(
                    f"{name} of {' and '.join(map(str, count))} rows"
                    for name, count in rows.items()
                )
                + "."
            )
        self.num_examples = counts.pop()

    def __len__(self):
        return self.num_examples

    def rows(self, begin, end):
        """dict of `x` and, where they were given, `y` and `sample_weight`."""
        return tf.nest.map_structure(lambda leaf: leaf[begin:end], self.parts)

    def split(self, share):
        """Two `Examples`: all but the last `share` of them, and those, as Keras does.

        Raises:
            ValueError: one of them would be empty.
        """
        at = int(np.floor(len(self) * (1.0 - share)))
        if not 0 < at < len(self):
            raise ValueError(
                "validation_split must leave examples on both sides. Received: "
                f"{len(self)} examples, validation_split={share}."
            )
        return Examples(**self.rows(0, at)), Examples(**self.rows(at, None))

    def batches(self, batch_size, shuffle=False):
        """`Batches` of them.

        Args:
            batch_size: int, rows of a batch; the last may have fewer. No examples are
                one batch without rows.
            shuffle: bool, another order every time; or "batch", within batches alone.
        """
        return Batches(
            lambda: self._iterate(batch_size, shuffle),
            first=self.rows(0, batch_size),
            num_batches=max(-(-len(self) // batch_size), 1),
        )

    def _iterate(self, batch_size, shuffle):
        order = np.arange(len(self))
        if shuffle and shuffle != "batch":
            order = np.random.permutation(order)
        for begin in range(0, max(len(self), 1), batch_size):
            if not shuffle:
                yield self.rows(begin, begin + batch_size)
                continue
            rows = order[begin : begin + batch_size]
            if shuffle == "batch":
                rows = np.random.permutation(rows)
            yield tf.nest.map_structure(
                lambda leaf, rows=rows: _taken(leaf, rows), self.parts
            )


@dataclasses.dataclass
class Batches:
    """Batches as dicts of `Examples.rows`, which can be read once or again and again.

    Args:
        begin: function that begins to iterate over the batches.
        first: dict, the first batch, to tell what they look like.
        num_batches: int, how many there are, or None where that is not known.
    """

    begin: collections.abc.Callable
    first: dict
    num_batches: int | None


def _taken(leaf, rows):
    return leaf[rows] if isinstance(leaf, np.ndarray) else tf.gather(leaf, rows)


def _num_rows(leaf):
    if isinstance(leaf, tf.RaggedTensor):
        return int(leaf.nrows())
    shape = np.shape(leaf) if not tf.is_tensor(leaf) else leaf.shape
    if len(shape) == 0:
        raise ValueError(
            "Texts, labels and weights need a row for every example: pass a list or "
            f"an array. Received: {leaf!r}."
        )
    return int(shape[0])


# Texts.


def read_texts(x, name="text"):
    """Texts in any form -> what preprocessors take.

    Args:
        x: str: one text;
            list, array, tensor, or column of a data frame, of str or bytes: texts;
            tuple of two of them: pairs of texts, as two columns;
            list of pairs of str, array (N, 2), list of two arrays: the same;
            dict of columns, in which a language may be one str for all rows;
            data frame: one column of texts, two of pairs, or those of such a dict.

    Returns:
        Object array (N,) of str or bytes, a tuple of two, or a dict of them.

    Raises:
        ValueError: anything else; a row without a text is named.
    """
    if isinstance(x, Mapping):
        return _text_columns(x)
    if hasattr(x, "columns"):
        return _text_frame(x)
    if isinstance(x, tuple):
        if len(x) != 2:
            raise ValueError(
                "A tuple of texts must hold two, text and pair. "
                f"Received: a tuple of {len(x)}."
            )
        return tuple(map(read_texts, x, ("text", "text_pair")))
    if isinstance(x, list) and x:
        if _is_array(x[0]) and len(x[0].shape):  # Keras's way to give several inputs
            return read_texts(tuple(x) if len(x) > 1 else x[0])
        if isinstance(x[0], tuple | list):
            return _text_pairs(x)
    return _text_column(x, name)


def _is_array(x):
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _text_pairs(rows):
    """A list of pairs -> two columns."""
    is_pair = [isinstance(row, tuple | list) and len(row) == 2 for row in rows]
    if not all(is_pair):
        row = is_pair.index(False)
        raise ValueError(
            "Pairs of texts are a list of tuples of two, or a tuple of two lists. "
            f"Received a list whose row {row} is {_shown(rows[row])}."
        )
    if len(rows) == 2 and isinstance(rows[0], list):
        raise ValueError(
            "Two lists of two texts can be two pairs, or a column of texts and one of "
            "pairs: pass a list of tuples, or a tuple of lists. "
            f"Received: {_shown(rows)}."
        )
    first, second = zip(*rows, strict=True)
    return _text_column(list(first), "text"), _text_column(list(second), "text_pair")


def _text_frame(frame):
    names = list(frame.columns)
    if "text" in names:
        return _text_columns({name: frame[name] for name in names})
    if len(names) not in (1, 2):
        raise ValueError(
            "A data frame of texts has one column, two for pairs, or a column `text` "
            f"beside others that the model knows. Received the columns {names}."
        )
    return (
        read_texts(tuple(frame[name] for name in names))
        if len(names) == 2
        else (_text_column(frame[names[0]], str(names[0])))
    )


def _text_columns(columns):
    read = {
        name: _text_column(values, name)
        for name, values in columns.items()
        if not (name in LANGUAGE_FIELDS and _is_one(values))
    }
    num_rows = max(map(len, read.values()), default=1)
    for name, values in columns.items():
        if name not in read:  # one language for all
            read[name] = np.full(num_rows, _as_str(values), object)
    return read


def _is_one(values):
    """Whether it is a text, and not a column of them."""
    is_scalar = _is_array(values) and len(values.shape) == 0
    return isinstance(values, str | bytes) or is_scalar


def _as_str(value):
    return value.numpy() if tf.is_tensor(value) else value


def _text_column(values, name):
    """Object array (N,) of str or bytes; arrays (N, 2) are two columns."""
    if _is_one(values):
        values = [_as_str(values)]
    if tf.is_tensor(values) and not isinstance(values, tf.RaggedTensor):
        array = values.numpy()
    elif hasattr(values, "__array__"):
        array = np.asarray(values)
    elif hasattr(values, "__len__") and hasattr(values, "__getitem__"):
        array = np.fromiter(iter(values), dtype=object, count=len(values))
    else:
        raise ValueError(
            f"`{name}` must be a list or an array of texts. Received: {_shown(values)}."
        )
    if array.ndim == 2 and array.shape[1] == 2:
        return tuple(_text_column(column, name) for column in array.T)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"`{name}` must hold one text a row, or two. "
            f"Received an array of shape {array.shape}."
        )
    array = array.astype(object)
    for row, text in enumerate(array):
        if not isinstance(text, str | bytes):
            hint = "token ids are for tasks with preprocessor=None"
            if _is_missing(text):
                hint = 'leave such rows out, or fill them, with "" for an empty text'
            raise ValueError(
                f"Every row of `{name}` must be a str. {_place(values, row)} is "
                f"{_shown(text)}: {hint}."
            )
    return array


def _is_missing(value):
    """Whether it is None, or one of the ways to say so of numpy and pandas."""
    is_nan = isinstance(value, float) and np.isnan(value)
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def _place(values, row):
    """Where a row is: its number, and its label in a data frame."""
    if hasattr(values, "iloc"):
        label = values.index[row]
        label = label.item() if isinstance(label, np.generic) else label
        return f"Row {row} (index {label!r})"
    return f"Row {row}"


def _shown(value):
    text = repr(value)
    text = text if len(text) <= 80 else text[:77] + "..."
    return f"{text} ({type(value).__name__})"


# Token ids, labels, weights.


def read_arrays(x, name):
    """Numbers in any form -> arrays or tensors, in the same structure.

    Args:
        x: array, tensor, list or column of numbers; or a tuple or dict of them.
        name: str, for messages.

    Returns:
        The structure, with numpy arrays or tensors, float32 where they were float64.

    Raises:
        ValueError: no numbers, rows of different lengths, or a NaN.
    """
    if isinstance(x, Mapping):
        return {key: read_arrays(value, key) for key, value in x.items()}
    if isinstance(x, tuple):
        return tuple(read_arrays(part, name) for part in x)
    if isinstance(x, tf.RaggedTensor):
        return x
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"The rows of `{name}` must be of one length. Received: {_shown(x)}."
        ) from error
    if array.dtype.kind not in "biuf":
        array = _numbers(array, x, name)
    if array.dtype.kind == "f":
        array = array.astype("float32", copy=False)
        if np.isnan(array).any():
            row = int(np.argwhere(np.isnan(array))[0][0])
            raise ValueError(f"`{name}` has no number. {_place(x, row)} is NaN.")
    return array


def _numbers(array, values, name):
    """What an array of objects holds, where they are numbers."""
    for row, value in enumerate(array):
        if not isinstance(value, int | float | np.number | np.bool_):
            hint = ""
            if isinstance(value, str | bytes):
                hint = " Texts need a preprocessor, which this task does not have."
            raise ValueError(
                f"`{name}` must hold numbers. {_place(values, row)} is "
                f"{_shown(value)}.{hint}"
            )
    return array.astype("float32")


def read_labels(y, names=None, per_token=False):
    """Labels in any form -> arrays of numbers.

    Args:
        y: labels: numbers, one a row or vectors; or the names of classes.
        names: list of str, the classes' names, or None.
        per_token: bool, whether every row is a list of labels, of any length.

    Returns:
        Array; with `per_token` its rows are filled up with `IGNORED_LABEL`.

    Raises:
        ValueError: a name that is none of `names`, or is missing; says the row.
    """
    if isinstance(y, Mapping | tuple) and not per_token:
        return read_arrays(y, "y")
    if tf.is_tensor(y):
        y = y.to_list() if isinstance(y, tf.RaggedTensor) else y.numpy()
    if per_token and not (_is_array(y) and y.dtype.kind in "biuf"):
        return _token_labels(list(y), names)
    if not hasattr(y, "__len__"):
        raise ValueError(f"`y` must hold a label a row. Received: {_shown(y)}.")
    if _holds_names(y):
        return np.array(
            [_label_id(value, names, _place(y, row)) for row, value in enumerate(y)]
        ).astype("int32")
    return read_arrays(y, "y")


def _holds_names(y):
    if _is_array(y) and getattr(y.dtype, "kind", "O") in "biuf":
        return False
    return any(isinstance(value, str | bytes) for value in y)


def _token_labels(rows, names):
    read = []
    for number, row in enumerate(rows):
        if not hasattr(row, "__len__") or isinstance(row, str | bytes):
            raise ValueError(
                "`y` must hold a list of labels for every text, one a token. "
                f"Row {number} is {_shown(row)}."
            )
        labels = row
        if _holds_names(row):
            labels = [_label_id(value, names, f"Row {number}") for value in row]
        read.append(np.asarray(labels, None if len(labels) > 0 else "int32"))
    width = max(map(len, read), default=0)
    filled = [
        np.pad(
            row,
            [(0, width - len(row))] + [(0, 0)] * (row.ndim - 1),
            constant_values=IGNORED_LABEL,
        )
        for row in read
    ]
    return np.stack(filled) if filled else np.zeros((0, 0), "int32")


def _label_id(value, names, place):
    if names is None:
        raise ValueError(
            "The task knows no names of classes: make it with labels=[...], or pass "
            f"numbers. {place} of `y` is {_shown(value)}."
        )
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if value not in names:
        raise ValueError(
            f"Every label must be one of {list(names)}. {place} of `y` is "
            f"{_shown(value)}."
        )
    return names.index(value)


def label_ids(y, names):
    """The numbers of labels that are names, in graph.

    Args:
        y: string tensor; an empty string is `IGNORED_LABEL`.
        names: list of str, the classes' names, or None.

    Returns:
        int32 tensor of the same shape.

    Raises:
        ValueError: there are no names.
        tf.errors.InvalidArgumentError: a label that is none of the names.
    """
    if names is None:
        raise ValueError(
            "The task knows no names of classes: make it with labels=[...], or pass "
            f"numbers. Received: labels of dtype {y.dtype.name}."
        )
    if isinstance(y, tf.RaggedTensor):
        return y.with_flat_values(label_ids(y.flat_values, names))
    matches = y[..., None] == tf.constant(list(names))  # (..., C)
    is_empty = y == ""
    is_known = tf.reduce_any(matches, axis=-1) | is_empty
    check = tf.debugging.Assert(
        tf.reduce_all(is_known),
        [
            f"Every label must be one of {list(names)}. Received:",
            tf.boolean_mask(y, ~is_known),
        ],
    )
    with tf.control_dependencies([check] if check is not None else []):
        index = tf.argmax(matches, axis=-1, output_type="int32")
        return tf.where(is_empty, IGNORED_LABEL, index)


def check_classes(y, num_classes):
    """Raise ValueError where an array of class numbers has one that is no class."""
    if tf.is_tensor(y) or y.dtype.kind not in "iu":
        return
    is_wrong = (y >= num_classes) | (y < 0)
    if is_wrong.any():
        row = int(np.argwhere(is_wrong)[0][0])
        raise ValueError(
            f"Labels must be numbers from 0 to {num_classes - 1}, one a class. Row "
            f"{row} of `y` is {y[row].tolist()}."
        )


# What gives batches.


def gives_batches(x):
    """Whether `x` gives batches, one after the other, instead of being examples."""
    if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
        return True
    return _gives_python_batches(x)


def _gives_python_batches(x):
    if isinstance(x, keras.utils.PyDataset | Iterator):
        return True
    modules = [parent.__module__ for parent in type(x).__mro__]
    # Loaders of the libraries that Keras knows; neither needs to be installed.
    return any(module.startswith(("torch.utils.data", "grain")) for module in modules)


def python_batches(source, read, shuffle=False):
    """`Batches` out of Python: of a dataset, `PyDataset`, generator or loader.

    Args:
        source: what gives the batches.
        read: function from a batch as it comes to `Examples`.
        shuffle: bool, whether to take a `PyDataset`'s batches in another order.

    Raises:
        ValueError: there are none.
    """
    num_batches = len(source) if hasattr(source, "__len__") else None
    if isinstance(source, keras.utils.PyDataset):
        num_batches = source.num_batches
        first = source[0] if num_batches != 0 else None
        begin = functools.partial(_of_py_dataset, source, shuffle)
    elif isinstance(source, Iterator):
        first = next(source, None)
        rest = itertools.chain([first], source)  # it comes once
        begin = functools.partial(iter, rest)
    else:
        if isinstance(source, tf.data.Dataset):
            cardinality = int(source.cardinality())
            num_batches = cardinality if cardinality >= 0 else None
        begin = functools.partial(map, _texts_as_lists, source)
        first = next(iter(begin()), None)
    if first is None:
        raise ValueError(f"There are no batches to read. Received: {_shown(source)}.")
    return Batches(
        lambda: (read(batch).rows(0, None) for batch in begin()),
        read(first).rows(0, None),
        num_batches,
    )


def _of_py_dataset(source, shuffle):
    source.on_epoch_begin()
    order = itertools.count()
    if source.num_batches is not None:
        order = list(range(source.num_batches))
        if shuffle:
            random.shuffle(order)
    if source.workers > 1 or source.use_multiprocessing:
        yield from _in_parallel(source, order)
    else:
        for index in order:
            yield source[index]
    source.on_epoch_end()


def _in_parallel(source, order):
    """The batches of a `PyDataset` in order, by its workers."""
    pool = concurrent.futures.ThreadPoolExecutor
    if source.use_multiprocessing:
        pool = concurrent.futures.ProcessPoolExecutor
    with pool(source.workers) as workers:
        pending = collections.deque()
        for index in order:
            pending.append(workers.submit(source.__getitem__, index))
            if len(pending) >= max(source.max_queue_size, source.workers):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _texts_as_lists(batch):
    """Loaders stack texts into tuples, which stand for pairs otherwise."""
    if isinstance(batch, tuple | list) and batch:
        if isinstance(batch[0], str | bytes):
            return list(batch)
        return tuple(map(_texts_as_lists, batch))
    if isinstance(batch, Mapping):
        return {name: _texts_as_lists(part) for name, part in batch.items()}
    return batch


def unpacked(data):
    """`(x, y, sample_weight)` of a batch, or of validation data, as Keras gives them.

    Keras reads a list as a tuple; a list of texts, or of pairs of texts, is `x`.
    """
    if isinstance(data, list) and data:
        first = data[0]
        is_text = isinstance(first, str | bytes)
        is_pair = isinstance(first, tuple) and all(
            isinstance(text, str | bytes) for text in first
        )
        if is_text or is_pair:
            return data, None, None
    return keras.utils.unpack_x_y_sample_weight(data)
