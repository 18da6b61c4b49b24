import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xlm_tf.data.packing import pack, split_long

SEED = tf.constant([1, 2])


def segments(lengths):
    """Segments whose token ids tell which segment and position they are."""
    ids = [
        [100 * (n + 1) + i for i in range(length)] for n, length in enumerate(lengths)
    ]
    ids = tf.ragged.constant(ids, dtype="int32", ragged_rank=1)
    return {
        "token_ids": ids,
        "language_ids": ids // 100,
        "position_ids": tf.ragged.range(tf.cast(ids.row_lengths(), "int32")),
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 16), min_size=1, max_size=40))
def test_every_segment_is_in_one_row_whole(lengths):
    packed = {k: v.numpy() for k, v in pack(segments(lengths), 16, SEED).items()}
    found = []
    for row in range(len(packed["token_ids"])):
        numbers = packed["segment_ids"][row]
        assert (
            numbers.tolist()
            == sorted(numbers[numbers > 0].tolist()) + [0] * (numbers == 0).sum()
        )
        assert set(numbers[numbers > 0]) == set(range(1, numbers.max() + 1))
        np.testing.assert_array_equal(packed["padding_mask"][row], numbers > 0)
        for number in range(1, numbers.max() + 1):
            own = numbers == number
            ids = packed["token_ids"][row][own]
            found.append(ids.tolist())
            assert packed["position_ids"][row][own].tolist() == list(range(len(ids)))
            assert set(packed["language_ids"][row][own]) == {ids[0] // 100}
        assert not packed["token_ids"][row][numbers == 0].any()
    expected = [s for s in segments(lengths)["token_ids"].to_list() if s]
    assert sorted(found) == sorted(expected)
    # First fit decreasing: at most 11/9 of the best, and 6/9 (Dosa 2007).
    total = sum(lengths)
    if total:
        assert len(packed["token_ids"]) <= 11 / 9 * 2 * -(-total // 16) + 6 / 9


def test_it_is_first_fit_decreasing():
    generator = np.random.default_rng(1)
    for shape in (1, 7, 200):
        lengths = generator.integers(0, 33, shape).tolist()
        packed = pack(segments(lengths), 32, SEED)
        rows = []  # one segment after the other, each into the first row with room
        for length, number in sorted(
            ((length, number) for number, length in enumerate(lengths) if length),
            key=lambda segment: (-segment[0], segment[1]),
        ):
            row = next((row for row in rows if sum(row.values()) + length <= 32), None)
            if row is None:
                rows.append(row := {})
            row[number] = length
        expected = [[100 * (n + 1) for n in row] for row in rows]
        found = [
            [ids[0] for ids in segments_of_row(packed, row)]
            for row in range(len(packed["token_ids"]))
        ]
        assert sorted(found) == sorted(expected)


def segments_of_row(packed, row):
    numbers = packed["segment_ids"][row].numpy()
    ids = packed["token_ids"][row].numpy()
    return [ids[numbers == n].tolist() for n in range(1, numbers.max() + 1)]


def test_rows_are_full():
    lengths = np.random.default_rng(0).integers(4, 40, 500).tolist()
    packed = pack(segments(lengths), 64, SEED)
    assert packed["padding_mask"].numpy().mean() > 0.97


def test_the_seed_orders_the_rows():
    lengths = list(range(1, 17))
    first, again, other = (
        pack(segments(lengths), 16, SEED + add)["token_ids"].numpy()
        for add in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()
    assert sorted(first.tolist()) == sorted(other.tolist())


def test_too_long():
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than the rows"):
        pack(segments([3, 17]), 16, SEED)


def test_split_long():
    ids = tf.ragged.constant([[1, 2, 3, 4, 5], [], [6], [7, 8]], dtype="int32")
    pieces, source = split_long(ids, 2)
    assert pieces.to_list() == [[1, 2], [3, 4], [5], [6], [7, 8]]
    assert source.numpy().tolist() == [0, 0, 0, 2, 3]
