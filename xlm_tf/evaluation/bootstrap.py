"""How sure a score of a test set is: the bootstrap, over its rows.

A score is a function of sums over the rows, such as of hits, predictions and targets;
so that what a row adds is all that is drawn.
"""

import dataclasses

import numpy as np

RESAMPLES = 1000
# Numbers that are drawn at once: 32 MB.
_DRAWN_AT_ONCE = 1 << 22


@dataclasses.dataclass(frozen=True)
class Score:
    """A score and the interval that its bootstrap gives.

    Attributes:
        value, low, high: float; 95 % of the resampled test sets score between `low`
            and `high`, which are None where they were not asked for.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class RowStatistics:
    """What every row of a test set adds to its sums.

    Attributes:
        kinds: float array (U, K), the different rows; or `OneHotKinds`.
        numbers: int array (N,), which of them a row is.
    """

    kinds: "np.ndarray | OneHotKinds"
    numbers: np.ndarray

    @classmethod
    def of(cls, rows):
        """The statistics of a float array (N, K), what each of N rows adds."""
        rows = np.asarray(rows, "float64")
        kinds, numbers = np.unique(rows, axis=0, return_inverse=True)
        return cls(kinds, numbers.reshape(-1))

    def __len__(self):
        return len(self.numbers)

    def sums(self):
        """float array (K,)."""
        return self.counts() @ self.kinds

    def counts(self):
        """int array (U,), how many rows of each kind there are."""
        return np.bincount(self.numbers, minlength=len(self.kinds))


@dataclasses.dataclass(frozen=True)
class OneHotKinds:
    """The kinds of `RowStatistics` of which each adds 1 to a few sums, as (U, K).

    As an array they would be large where classes are many: with 1,000, 3,000 numbers a
    kind, of which three are not 0.

    Attributes:
        columns: int array (U, M), the sums that a kind adds 1 to; K of none.
        width: int, K.
    """

    columns: np.ndarray
    width: int

    def __len__(self):
        return len(self.columns)

    def __getitem__(self, chosen):
        return OneHotKinds(self.columns[chosen], self.width)

    def __rmatmul__(self, counts):
        """int array (..., U) of how often -> float array (..., K)."""
        many = np.reshape(counts, (-1, len(self)))
        places, repeats = self.columns.ravel(), self.columns.shape[1]
        sums = [
            np.bincount(places, np.repeat(own, repeats), self.width + 1)[:-1]
            for own in many
        ]
        return np.reshape(sums, (*np.shape(counts)[:-1], self.width))

    # numpy leaves `@` to this class.
    __array_ufunc__ = None


def score_metrics(statistics, metrics, seed=0, intervals=True):
    """The scores of a test set.

    Args:
        statistics: `RowStatistics`, of one row at least.
        metrics: dict from a name to a function of sums, (R, K) -> (R,).
        seed: int, of the resampling.
        intervals: bool, whether to resample.

    Returns:
        dict from the names to `Score`. The interval is the percentile bootstrap's of
        1,000 resampled test sets (Efron and Tibshirani 1993, chapter 13).
    """
    sums = statistics.sums()[None]
    values = {name: float(metric(sums)[0]) for name, metric in metrics.items()}
    if not intervals:
        return {name: Score(value) for name, value in values.items()}
    (drawn,) = _resampled([statistics.kinds], statistics.counts(), seed)
    return {
        name: Score(
            values[name], *map(float, np.percentile(metric(drawn), [2.5, 97.5]))
        )
        for name, metric in metrics.items()
    }


def compare_paired(one, other, metric, seed=0):
    """The difference of two models on the same rows, and how sure it is.

    Args:
        one, other: `RowStatistics` of the same rows in the same order.
        metric: function of sums, (R, K) -> (R,).
        seed: int, of the resampling.

    Returns:
        `(difference, p_value)`, floats: the other's score less the first's, and the
        two-sided p-value of the paired bootstrap (Koehn 2004), 1 / 1000 at least.

    Raises:
        ValueError: not as many rows.
    """
    if len(one) != len(other):
        raise ValueError(
            "Two models are compared on the same rows. Received: the statistics of "
            f"{len(one)} and of {len(other)}."
        )
    pairs, counts = np.unique(
        np.stack([one.numbers, other.numbers]), axis=1, return_counts=True
    )
    first, second = (float(metric(x.sums()[None])[0]) for x in (one, other))
    kinds = [one.kinds[pairs[0]], other.kinds[pairs[1]]]
    resampled = [metric(drawn) for drawn in _resampled(kinds, counts, seed)]
    differences = resampled[1] - resampled[0]
    tail = min(np.mean(differences <= 0), np.mean(differences >= 0))
    return second - first, float(min(1.0, max(2 * tail, 1 / RESAMPLES)))


def _resampled(kinds, counts, seed):
    """The sums of resampled test sets, (R, K), for every (U, K) of `kinds`.

    A row drawn at random is of a kind as often as there are rows of it.
    """
    generator, size = np.random.default_rng(seed), counts.sum()
    at_once = max(1, _DRAWN_AT_ONCE // len(counts))
    parts = [[] for _ in kinds]
    for begun in range(0, RESAMPLES, at_once):
        drawn = generator.multinomial(
            size, counts / size, min(at_once, RESAMPLES - begun)
        )
        for part, own in zip(parts, kinds, strict=True):
            part.append(drawn @ own)
    return [np.concatenate(part) for part in parts]
