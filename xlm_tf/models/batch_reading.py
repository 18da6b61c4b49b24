"""Batches out of what gives them one after the other, each read like `Examples`."""

import collections
import concurrent.futures
import functools
import itertools
import random
from collections.abc import Iterator, Mapping

import keras
import tensorflow as tf

from xlm_tf.models.examples import Batches
from xlm_tf.models.received import shown


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
        raise ValueError(f"There are no batches to read. Received: {shown(source)}.")
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
