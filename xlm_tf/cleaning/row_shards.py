"""Rows on disk between the passes of a cleaning: a folder of shards, each whole."""

import dataclasses
import json

import numpy as np

from xlm_tf.cleaning.block_cleaning import FileCounts
from xlm_tf.output_files import whole_file

# Rows of a shard, about: what is lost, and done again, where a cleaning is interrupted.
SHARD_ROWS = 200_000
# Shards of which texts are looked up, two files each.
_MOST_OPEN = 100


@dataclasses.dataclass
class Shard:
    """Rows of a source, in their order.

    Attributes:
        source: int, its number.
        number: int, of the shard among those of the source.
        rows: int.
        next: [file, line], where reading goes on behind it.
        counts: dict from number of a file to `FileCounts.as_json`.
    """

    source: int
    number: int
    rows: int
    next: list
    counts: dict


class RowShards:
    """The shards of all sources in a folder.

    Args:
        folder: Path of a folder that exists.
    """

    def __init__(self, folder):
        self.folder = folder

    def path(self, source, number, kind):
        """Path of a file of a shard; kind is its ending."""
        return self.folder / f"{source}.{number:05d}.{kind}"

    def write(self, source, number, blocks, keep_rejected):
        """Write blocks until the shard is full.

        Args:
            source, number: int, see `Shard`.
            blocks: iterator over `CleanedBlock`.
            keep_rejected: bool, whether to write what was rejected.

        Returns:
            `Shard`, or None where there is no block left.
        """
        places, ends, keys, bands, counts = [], [], [], [], {}
        rows, position = 0, None
        paths = {kind: self.path(source, number, kind) for kind in ("txt", "jsonl")}
        with (
            whole_file(paths["txt"]) as texts_partial,
            whole_file(paths["jsonl"]) as rejected_partial,
            open(texts_partial, "wb") as texts,
            open(rejected_partial, "w", encoding="utf-8") as rejected,
        ):
            for block in blocks:
                lines = [text.encode() + b"\n" for text in block.texts]
                texts.writelines(lines)
                ends.append(np.array(list(map(len, lines)), "int64"))
                if keep_rejected:
                    rejected.writelines(json.dumps(x) + "\n" for x in block.rejected)
                places.append(np.array(block.places, "int64"))
                keys.append(block.keys)
                bands.append(block.bands)
                counts.setdefault(block.file, FileCounts()).add(block.counts)
                rows += len(block.texts)
                position = [block.file, block.next_line]
                if rows >= SHARD_ROWS:
                    break
        if position is None:
            for path in paths.values():
                path.unlink()
            return None
        arrays = {"places": places, "ends": ends, "keys": keys, "bands": bands}
        for kind, parts in arrays.items():
            path = self.path(source, number, f"{kind}.npy")
            array = np.concatenate(parts)
            with whole_file(path) as partial, open(partial, "wb") as file:
                np.save(file, np.cumsum(array) if kind == "ends" else array)
        of_files = {file: own.as_json() for file, own in counts.items()}
        return Shard(source, number, rows, position, of_files)

    def array(self, shard, kind):
        """An array of a shard, not read before its use.

        `places`, `keys` and `bands` are as in `CleanedBlock`; `ends` where the rows end
        in the file of texts.
        """
        path = self.path(shard.source, shard.number, f"{kind}.npy")
        return np.load(path, mmap_mode="r") if shard.rows else np.load(path)

    def texts(self, shard):
        """Iterate over the texts of a shard: str."""
        with open(self.path(shard.source, shard.number, "txt"), "rb") as file:
            for line in file:
                yield line.decode()[:-1]

    def rejected(self, shard):
        """Iterate over (place, rule, seen, texts) of what was rejected."""
        path = self.path(shard.source, shard.number, "jsonl")
        with open(path, encoding="utf-8") as file:
            yield from map(json.loads, file)


class _NumberedRows:
    """Rows of several shards by their numbers.

    Args:
        store: `RowShards`.
        shards: list of `Shard`, whose rows are numbered through.
    """

    def __init__(self, store, shards):
        self._store = store
        self._shards = shards
        self._starts = np.cumsum([0, *(shard.rows for shard in shards)])

    def _find(self, row):
        """The number of the shard of a row, and its number there: (int, int)."""
        number = int(np.searchsorted(self._starts, row, "right")) - 1
        return number, int(row - self._starts[number])


class RowPlaces(_NumberedRows):
    """Places of rows, see `place_of`."""

    def __init__(self, store, shards):
        super().__init__(store, shards)
        self._places = [store.array(shard, "places") for shard in shards]

    def __getitem__(self, row):
        number, row = self._find(row)
        return int(self._places[number][row])


class RowTexts(_NumberedRows):
    """Texts of rows, wherever they are."""

    def __init__(self, store, shards):
        super().__init__(store, shards)
        self._open = {}

    def __getitem__(self, row):
        number, row = self._find(row)
        if number not in self._open:
            if len(self._open) == _MOST_OPEN:
                self._open.pop(next(iter(self._open)))
            shard = self._shards[number]
            path = self._store.path(shard.source, shard.number, "txt")
            content = np.memmap(path, "uint8", "r")
            self._open[number] = content, self._store.array(shard, "ends")
        content, ends = self._open[number]
        start = ends[row - 1] if row else 0
        return content[start : ends[row] - 1].tobytes().decode()
