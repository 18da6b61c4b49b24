"""Random draws from several sources: any of them, without those before it."""

import functools

import numpy as np

from xlm_tf.data.permutation import mixed, permuted

# Draws that have every source by its share, in random order.
BLOCK = 1 << 16


class Draws:
    """An endless sequence of random draws from several sources.

    Of every 65,536 draws each source has its share, rounded, and one at least. A draw
    is a function of the seed and its number alone.

    Args:
        probabilities: list of float, of each source.
        seed: int.
    """

    def __init__(self, probabilities, seed):
        self.seed = seed
        shares = np.asarray(probabilities) / np.sum(probabilities) * BLOCK
        self.counts = np.maximum(np.floor(shares), 1).astype("int64")
        # What rounding leaves goes to the largest remainders; what the smallest have
        # too much, the largest source gives.
        missing = BLOCK - self.counts.sum()
        order = np.argsort(-(shares - self.counts), kind="stable")
        self.counts[order[: max(missing, 0)]] += 1
        self.counts[np.argmax(self.counts)] += min(missing, 0)
        self._block = functools.lru_cache(maxsize=4)(self._make_block)

    def __call__(self, first, count):
        """Some draws, one after the other.

        Args:
            first: int, the number of the first.
            count: int.

        Returns:
            `(sources, ranks)`, int64 arrays (count,): the source of each draw, and how
            many draws before it had the same.
        """
        parts = []
        while count:
            block, begin = divmod(first, BLOCK)
            own = min(count, BLOCK - begin)
            sources, ranks = self._block(block)
            sources = sources[begin : begin + own].astype("int64")
            ranks = ranks[begin : begin + own] + block * self.counts[sources]
            parts.append((sources, ranks))
            first, count = first + own, count - own
        sources, ranks = zip(*parts, strict=True)
        return np.concatenate(sources), np.concatenate(ranks)

    def _make_block(self, block):
        places = permuted(np.arange(BLOCK), BLOCK, mixed(self.seed, block))
        # Of 16 bits: NumPy sorts them in a quarter of the time.
        numbers = np.arange(len(self.counts), dtype="uint16")
        sources = np.repeat(numbers, self.counts)[places]
        order = np.argsort(sources, kind="stable")
        begins = np.cumsum(self.counts) - self.counts
        ranks = np.empty(BLOCK, "int64")
        ranks[order] = np.arange(BLOCK) - np.repeat(begins, self.counts)
        return sources, ranks
