"""Examples of several sources in a random order of all of them, read from shards."""

import dataclasses

import numpy as np
import tensorflow as tf

from xlm_tf.data.draws import Draws
from xlm_tf.data.permutation import mixed, permuted


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a shard that are examples of a source.

    Attributes:
        shard: `MappedShard`.
        stride: int, rows from one example to the next: 2 where pairs are.
        sides: tuple of int, the rows of an example, from its first.
    """

    shard: object
    stride: int
    sides: tuple

    @property
    def count(self):
        """How many examples there are."""
        return self.shard.shard.rows // self.stride


class TokenExamples:
    """Examples of several sources, each shuffled as a whole in every pass.

    Which example comes at a place is a function of the seed and the place alone:
    reading may begin anywhere, and reads no more than the examples it gives.

    Args:
        sources: dict from names to lists of `Part`, all of as many sides.
        probabilities: dict, how often each source is drawn.
        seed: int.
    """

    def __init__(self, sources, probabilities, seed):
        self.names = list(sources)
        self.seed = seed
        self.draws = Draws([probabilities[name] for name in sources], seed)
        self.parts = [part for parts in sources.values() for part in parts]
        self.counts = np.array(
            [sum(part.count for part in parts) for parts in sources.values()]
        )
        self._begins = np.cumsum(self.counts) - self.counts
        counts = np.array([part.count for part in self.parts])
        self._part_ends = np.cumsum(counts)
        self._part_begins = self._part_ends - counts
        self.num_sides = len(self.parts[0].sides)

    def places(self, first, count):
        """Which examples come from a place on.

        Args:
            first: int, the place.
            count: int.

        Returns:
            `(sources, numbers)`, int64 arrays (count,): the sources' places among the
            names, and which of its examples.
        """
        sources, ranks = self.draws(first, count)
        sizes = self.counts[sources]
        passes = ranks // sizes
        keys = mixed(self.seed, sources, passes)
        return sources, permuted(ranks % sizes, sizes, keys)

    def read(self, first, count):
        """Read examples, from a place on.

        Args:
            first, count: see `places`.

        Returns:
            `(sources, ids, lengths)`: int64 (count,); then for every side the ids of
            all examples, int32 (tokens,), and how many each has, int64 (count,).
        """
        sources, numbers = self.places(first, count)
        numbers = numbers + self._begins[sources]
        parts = np.searchsorted(self._part_ends, numbers, side="right")
        places = numbers - self._part_begins[parts]
        rows = [[] for _ in range(self.num_sides)]
        for number, place in zip(parts.tolist(), places.tolist(), strict=True):
            part = self.parts[number]
            tokens, offsets = part.shard.tokens, part.shard.offsets
            for side, own in zip(part.sides, rows, strict=True):
                row = place * part.stride + side
                own.append(tokens[offsets[row] : offsets[row + 1]])
        ids = [np.concatenate(own).astype("int32") for own in rows]
        lengths = [np.array([len(row) for row in own], "int64") for own in rows]
        return sources, ids, lengths

    def windows(self, size, first=0, step=1):
        """An endless dataset of windows of examples.

        Args:
            size: int, examples of a window.
            first: int, the number of the first window.
            step: int, from the number of a window to that of the next.

        Returns:
            `tf.data.Dataset` of `(sources, sides)`: int64 (size,), the sources' places
            among the names; a tuple with an int32 RaggedTensor (size, None) for every
            side.
        """

        def read(window):
            sources, ids, lengths = self.read(int(window) * size, size)
            return sources, *ids, *lengths

        sides = self.num_sides

        def window_of(number):
            types = ["int64"] + ["int32"] * sides + ["int64"] * sides
            sources, *flat = tf.numpy_function(read, [number], types)
            sources = tf.ensure_shape(sources, (size,))
            return sources, tuple(
                tf.RaggedTensor.from_row_lengths(
                    tf.ensure_shape(ids, (None,)),
                    tf.ensure_shape(lengths, (size,)),
                    validate=False,
                )
                for ids, lengths in zip(flat[:sides], flat[sides:], strict=True)
            )

        numbers = tf.data.Dataset.counter(first, step)
        return numbers.map(window_of, num_parallel_calls=tf.data.AUTOTUNE)
