"""Texts as token ids on the disk: flat files that are mapped into memory.

A shard is two files: `NAME.tokens.bin`, the ids of all rows, one after the other, and
`NAME.offsets.bin`, int64, where every row begins, and the end of the last. Both are
little-endian.
"""

import contextlib
import dataclasses
import functools
import os

import numpy as np

from xlm_tf.data.file_content import File
from xlm_tf.output_files import full_disk_named

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None

OFFSETS = "<i8"
# The two files of a shard, NAME.KIND.bin.
KINDS = ("tokens", "offsets")
# What a training opens beside shards.
_OTHER_FILES = 512


def token_dtype(vocabulary_size):
    """The smallest type that has all ids: a name of NumPy."""
    return "<u2" if vocabulary_size <= 1 << 16 else "<i4"


def shard_name(languages, number):
    """The name of a shard of a language, or a pair of languages, by its number."""
    kind = ("texts", "pairs")[len(languages) - 1]
    return f"{kind}.{'-'.join(languages)}.{number:05d}"


@dataclasses.dataclass(frozen=True)
class Shard:
    """What a shard holds.

    Attributes:
        rows: int, texts; a pair is two.
        tokens: int.
        files: tuple of `File`: tokens, offsets.
    """

    rows: int
    tokens: int
    files: tuple[File, File]

    @classmethod
    def from_json(cls, content):
        """The shard of what `dataclasses.asdict` made."""
        files = tuple(File(**file) for file in content["files"])
        return cls(content["rows"], content["tokens"], files)


def write_shard(folder, name, blocks, dtype, max_tokens):
    """Write rows until they are enough for a shard, or there are no more.

    Both files are written under other names first: a shard that is there is whole.

    Args:
        folder: Path.
        name: str.
        blocks: iterator over `(ids, lengths)`, int arrays: the ids of some rows, and
            how many each has. Blocks that do not belong to the shard are left in it.
        dtype: see `token_dtype`.
        max_tokens: int; the block that reaches it is the last.

    Returns:
        `Shard`, or None where there was no block.
    """
    paths = [folder / f"{name}.{kind}.bin" for kind in KINDS]
    partial = [path.with_suffix(".partial") for path in paths]
    rows, tokens = 0, 0
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(full_disk_named(paths[0]))
            files = [stack.enter_context(open(path, "wb")) for path in partial]
            files[1].write(np.zeros(1, OFFSETS).tobytes())
            for ids, lengths in blocks:
                files[0].write(np.asarray(ids).astype(dtype).tobytes())
                ends = tokens + np.cumsum(lengths, dtype="int64")
                files[1].write(ends.astype(OFFSETS).tobytes())
                rows, tokens = rows + len(lengths), tokens + len(ids)
                if tokens >= max_tokens:
                    break
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        if not rows:
            return None
        for path, place in zip(partial, paths, strict=True):
            os.replace(path, place)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)
    return Shard(rows, tokens, tuple(map(File.of, paths)))


def allow_open_files(count):
    """See that so many files more can be open at once, where the system lets us.

    Raises:
        ValueError: its limit is lower.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ValueError(
            f"{count:,} files of shards are open at once, and the system allows "
            f"{hard:,}, with {_OTHER_FILES} for all others. Raise its limit "
            "(`ulimit -Hn`)."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class MappedShard:
    """The rows of a shard, read from the disk where they are asked for.

    Args:
        folder: Path.
        shard: `Shard`.
        dtype: see `token_dtype`.
    """

    def __init__(self, folder, shard, dtype):
        self.folder, self.shard, self.dtype = folder, shard, dtype

    @functools.cached_property
    def tokens(self):
        """All ids, (tokens,)."""
        return self._mapped(0, self.dtype)

    @functools.cached_property
    def offsets(self):
        """Where rows begin, int64 (rows + 1,)."""
        return self._mapped(1, OFFSETS)

    def _mapped(self, number, dtype):
        file = self.shard.files[number]
        if not file.bytes:  # rows without tokens
            return np.zeros(0, dtype)
        # Without memmap's class, whose slices take longer.
        return np.asarray(np.memmap(self.folder / file.name, dtype, "r"))
