"""Examples in memory, and the batches that are made of them."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from xlm_tf.models.length_groups import group_by_length


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

    def lengths(self):
        """int array (N,), by which texts or rows of tokens are longer than others.

        Raises:
            ValueError: all rows are of one length.
        """
        parts = [_lengths(leaf) for leaf in tf.nest.flatten(self.parts["x"])]
        parts = [own for own in parts if own is not None]
        if not parts:
            raise ValueError(
                "group_by_length needs texts, or rows of words: all rows of an array "
                "are equally long."
            )
        return sum(parts)

    def batches(self, batch_size, shuffle=False, lengths=None):
        """`Batches` of them.

        Args:
            batch_size: int, rows of a batch; the last may have fewer. No examples are
                one batch without rows.
            shuffle: bool, another order every time; or "batch", within batches alone.
            lengths: int array (N,): batches of examples of similar length, see
                `group_by_length`; with `shuffle=True`.
        """
        return Batches(
            lambda: self._iterate(batch_size, shuffle, lengths),
            first=self.rows(0, batch_size),
            num_batches=max(-(-len(self) // batch_size), 1),
        )

    def _iterate(self, batch_size, shuffle, lengths):
        order = np.arange(len(self))
        if shuffle and shuffle != "batch":
            order = np.random.permutation(order)
        if lengths is not None:
            groups = group_by_length(order, lengths, batch_size).numpy()
            rest = order[groups.size :]
            order = np.concatenate([np.random.permutation(groups).ravel(), rest])
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

    begin: Callable
    first: dict
    num_batches: int | None


def _lengths(leaf):
    """int array (N,) of texts or ragged rows; None of others."""
    if isinstance(leaf, tf.RaggedTensor):
        return leaf.row_lengths().numpy()
    if isinstance(leaf, np.ndarray) and leaf.dtype == object and leaf.ndim == 1:
        return np.array([len(text) for text in leaf])
    return None


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
