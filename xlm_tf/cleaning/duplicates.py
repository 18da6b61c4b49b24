"""Rows that stand there before, among the shards of a source, in bounded memory."""

import numpy as np

from xlm_tf.cleaning.fingerprints import similarity
from xlm_tf.cleaning.row_shards import RowTexts
from xlm_tf.output_files import full_disk_named

KEPT, DUPLICATE, NEAR_DUPLICATE, BOILERPLATE, HELD_OUT = range(5)
RULES = {
    DUPLICATE: "duplicates",
    NEAR_DUPLICATE: "near_duplicates",
    BOILERPLATE: "boilerplate",
    HELD_OUT: "held_out",
}
# Pairs of (fingerprint, row) that are sorted in memory at once: 256 MB.
PARTITION = 1 << 24
# Files that are open at once, at most.
_MOST_PARTS = 512


class DuplicateSearch:
    """Finds the rows of a source that are to be removed.

    Args:
        store: `RowShards`.
        folder: Path of a folder for what does not fit into memory.
        rules: see `BlockCleaner`.
        size: int, see `fingerprints.shingle_size`.
    """

    def __init__(self, store, folder, rules, size):
        self.store = store
        self.folder = folder
        self.rules = rules
        self.size = size

    def find(self, shards, references, held_out_keys):
        """Judge every row.

        Args:
            shards: list of `Shard`, of the source.
            references: list of `Shard` of held-out rows of the same kind.
            held_out_keys: list of sorted uint64 arrays: the fingerprints of held-out
                texts in the languages of the sides; of whole rows where there are no
                sides.

        Returns:
            (uint8 array (rows,) of `KEPT` and the others; int64 array (rows,), the row
            that stands there before, or -1; of held-out rows -1, too). Both lie on
            disk.
        """
        rows = sum(shard.rows for shard in shards)
        state = self._on_disk("state", rows, "uint8")
        first = self._on_disk("first", rows, "int64")
        first[:] = -1
        if self.rules.duplicates is not None and any(map(len, held_out_keys)):
            self._find_held_out(shards, held_out_keys, state)
        if self.rules.duplicates is not None or self.rules.boilerplate is not None:
            self._find_equal(shards, rows, state, first)
        setting = self.rules.duplicates
        if setting is not None and setting.min_similarity is not None:
            self._find_near(shards, references, state, first, setting.min_similarity)
        return state, first

    def _on_disk(self, name, rows, dtype):
        path = self.folder / f"{name}.bin"
        if not rows:
            return np.zeros(0, dtype)
        # Written first: a full disk would end the process where memory is mapped.
        left = rows * np.dtype(dtype).itemsize
        with full_disk_named(path), open(path, "wb") as file:
            while left:
                left -= file.write(bytes(min(left, 1 << 20)))
        return np.memmap(path, dtype, "r+", shape=(rows,))

    def _find_held_out(self, shards, held_out_keys, state):
        start = 0
        for shard in shards:
            keys = self.store.array(shard, "keys")
            sides = range(1, 3) if keys.shape[1] == 3 else (0,)
            for column, held_out in zip(sides, held_out_keys, strict=True):
                own = np.asarray(keys[:, column])
                is_held_out = np.isin(own, held_out) & (own != 0)
                state[start : start + shard.rows][is_held_out] = HELD_OUT
            start += shard.rows

    def _find_equal(self, shards, rows, state, first):
        def chunks():
            start = 0
            for shard in shards:
                keys = np.asarray(self.store.array(shard, "keys")[:, 0])
                numbers = np.arange(start, start + shard.rows)
                yield keys[keys != 0], numbers[keys != 0]
                start += shard.rows

        least = getattr(self.rules.boilerplate, "min_copies", rows + 1)
        for keys, numbers in _sorted_partitions(chunks(), rows, self.folder):
            starts, counts = _groups(keys)
            is_often = np.repeat(counts >= least, counts)
            is_later = np.ones(len(keys), bool)
            is_later[starts] = False
            kinds = np.where(is_often, BOILERPLATE, KEPT)
            if self.rules.duplicates is not None:
                kinds[is_later & ~is_often] = DUPLICATE
            free = (state[numbers] == KEPT) & (kinds != KEPT)
            state[numbers[free]] = kinds[free]
            first[numbers[free]] = np.repeat(numbers[starts], counts)[free]

    def _find_near(self, shards, references, state, first, threshold):
        texts = RowTexts(self.store, [*references, *shards])
        num_references = sum(shard.rows for shard in references)
        total = num_references + len(state)
        bands = self.store.array(shards[0], "bands").shape[1] if shards else 0

        def chunks():
            start = 0
            for shard in (*references, *shards):
                keys = np.asarray(self.store.array(shard, "keys")[:, 0])
                numbers = np.arange(start, start + shard.rows)
                is_free = keys != 0
                if start >= num_references:
                    own = state[start - num_references :][: shard.rows]
                    is_free &= np.asarray(own) == KEPT
                start += shard.rows
                own = np.asarray(self.store.array(shard, "bands"))[is_free]
                yield own.ravel(), np.repeat(numbers[is_free], bands)

        def candidates():
            parts = _sorted_partitions(chunks(), total * bands, self.folder, "bands")
            for keys, numbers in parts:
                starts, counts = _groups(keys)
                starts, counts = starts[counts > 1], counts[counts > 1]
                where = np.repeat(starts, counts) + _within(counts)
                own = numbers[where]
                # The first held-out row, and the first that is not.
                firsts = np.repeat(numbers[starts], counts)
                is_own = own >= num_references
                of_source = np.where(is_own, own, np.iinfo("int64").max)
                first_own = np.repeat(
                    np.minimum.reduceat(of_source, np.cumsum(counts) - counts)
                    if len(counts)
                    else of_source,
                    counts,
                )
                for other in (firsts, first_own):
                    is_candidate = is_own & (own > other)
                    yield own[is_candidate].astype("uint64"), other[is_candidate]

        # A row may have several of every band.
        for rows, others in _sorted_partitions(
            candidates(), total * bands, self.folder, "candidates"
        ):
            is_new = np.ones(len(rows), bool)
            is_new[1:] = (rows[1:] != rows[:-1]) | (others[1:] != others[:-1])
            for at in np.flatnonzero(is_new):
                row, other = int(rows[at]), int(others[at])
                own = row - num_references
                if state[own] != KEPT:
                    continue
                if similarity(texts[row], texts[other], self.size) >= threshold:
                    is_held_out = other < num_references
                    state[own] = HELD_OUT if is_held_out else NEAR_DUPLICATE
                    first[own] = -1 if is_held_out else other - num_references


def _groups(keys):
    """Where equal keys of a sorted array begin, and how many there are."""
    if not len(keys):
        return np.zeros(0, "int64"), np.zeros(0, "int64")
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    return starts, np.diff(np.append(starts, len(keys)))


def _within(counts):
    """0, 1, ... up to every count: array."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _sorted_partitions(chunks, total, folder, name="keys"):
    """Sort pairs of (key, row) by the key, then the row, in parts that fit into memory.

    Args:
        chunks: iterable of (uint64 array, int64 array).
        total: int, of all, about.
        folder: Path for files, which are removed.
        name: str, of the files.

    Yields:
        (keys, rows); all with one key are in one of them.
    """
    parts = min(max(-(-total // PARTITION), 1), _MOST_PARTS)
    if parts == 1:
        chunks = list(chunks)
        yield _sorted(
            np.concatenate([np.zeros(0, "uint64"), *(keys for keys, _ in chunks)]),
            np.concatenate([np.zeros(0, "int64"), *(rows for _, rows in chunks)]),
        )
        return
    paths = [folder / f"{name}.{part}.bin" for part in range(parts)]
    files = [open(path, "wb") for path in paths]  # noqa: SIM115  closed below
    try:
        for keys, rows in chunks:
            owners = keys % np.uint64(parts)
            pairs = np.stack([keys, rows.astype("uint64")], axis=1)
            for part in np.unique(owners).tolist():
                with full_disk_named(paths[part]):
                    pairs[owners == part].tofile(files[part])
    finally:
        for file in files:
            file.close()
    for path in paths:
        pairs = np.fromfile(path, "uint64").reshape(-1, 2)
        path.unlink()
        yield _sorted(pairs[:, 0], pairs[:, 1].astype("int64"))


def _sorted(keys, rows):
    order = np.lexsort((rows, keys))
    return keys[order], rows[order]
