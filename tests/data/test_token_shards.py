import os

import numpy as np
import pytest

from xlm_tf.data import token_shards
from xlm_tf.data.file_content import File
from xlm_tf.data.token_shards import (
    MappedShard,
    Shard,
    allow_open_files,
    token_dtype,
    write_shard,
)

ROWS = [[5, 6], [], [70_000], [1, 2, 3, 4], [9]]


def blocks(rows, size=2):
    for begin in range(0, len(rows), size):
        own = rows[begin : begin + size]
        ids = np.array([token for row in own for token in row], "int32")
        yield ids, np.array([len(row) for row in own], "int64")


def rows_of(shard):
    return [
        shard.tokens[begin:end].tolist()
        for begin, end in zip(shard.offsets[:-1], shard.offsets[1:], strict=True)
    ]


def test_what_is_written_is_read(tmp_path):
    shard = write_shard(tmp_path, "en.0", blocks(ROWS), "<i4", 1000)
    assert (shard.rows, shard.tokens) == (5, 8)
    assert rows_of(MappedShard(tmp_path, shard, "<i4")) == ROWS
    assert [file.bytes for file in shard.files] == [32, 48]
    for file in shard.files:
        file.check(tmp_path)


def test_a_shard_is_full_and_the_next_goes_on(tmp_path):
    stream = blocks(ROWS)
    shards = []
    while shard := write_shard(tmp_path, f"en.{len(shards)}", stream, "<i4", 3):
        shards.append(shard)
    found = [rows_of(MappedShard(tmp_path, shard, "<i4")) for shard in shards]
    assert found == [ROWS[:4], ROWS[4:]]


def test_rows_without_tokens(tmp_path):
    shard = write_shard(tmp_path, "en", blocks([[], []]), "<u2", 10)
    assert rows_of(MappedShard(tmp_path, shard, "<u2")) == [[], []]


def test_nothing_half_is_left(tmp_path):
    def broken():
        yield from blocks(ROWS)
        raise ValueError("the text is gone")

    with pytest.raises(ValueError, match="the text is gone"):
        write_shard(tmp_path, "en", broken(), "<i4", 1000)
    assert write_shard(tmp_path, "fr", iter(()), "<i4", 1000) is None
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_of_the_shard(tmp_path, full_disk):
    with pytest.raises(OSError, match=r"en\.tokens\.bin"):
        write_shard(tmp_path, "en", blocks([[1] * 100_000]), "<i4", 10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "dtype"), [(65_536, "<u2"), (65_537, "<i4")])
def test_ids_fit_into_the_type(tmp_path, size, dtype):
    assert token_dtype(size) == dtype
    rows = [[size - 1, 0]]
    shard = write_shard(tmp_path, "en", blocks(rows), dtype, 10)
    assert rows_of(MappedShard(tmp_path, shard, dtype)) == rows


def test_a_changed_file_is_told(tmp_path):
    shard = write_shard(tmp_path, "en", blocks(ROWS), "<i4", 1000)
    tokens = shard.files[0]
    path = tmp_path / tokens.name
    content = path.read_bytes()
    os.utime(path, (1, 1))  # a copy
    tokens.check(tmp_path)
    path.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(ValueError, match=r"en\.tokens\.bin is not as it was written"):
        tokens.check(tmp_path)
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=r"en\.tokens\.bin is not as it was written"):
        tokens.check(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match=r"en\.tokens\.bin is missing"):
        tokens.check(tmp_path)


def test_json_and_back(tmp_path):
    shard = write_shard(tmp_path, "en", blocks(ROWS), "<i4", 1000)
    content = {
        "rows": shard.rows,
        "tokens": shard.tokens,
        "files": [vars(file) for file in shard.files],
    }
    assert Shard.from_json(content) == shard
    assert File.of(tmp_path / shard.files[1].name) == shard.files[1]


def test_open_files_are_allowed_up_to_the_limit_of_the_system(monkeypatch):
    resource = token_shards.resource
    limits = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, own: limits.append(own))
    allow_open_files(100)
    assert len(limits) == 1
    allow_open_files(3000)
    assert limits[-1] == (3512, 4096)
    with pytest.raises(ValueError, match=r"4,000 files of shards.*4,096"):
        allow_open_files(4000)
    limits.append((resource.RLIM_INFINITY,) * 2)
    allow_open_files(10**6)
    assert len(limits) == 3
