import numpy as np
import pytest

from xlm_tf.data.token_examples import Part, TokenExamples
from xlm_tf.data.token_shards import MappedShard, write_shard


def part(folder, name, rows, stride=1, sides=(0,)):
    lengths = np.array([len(row) for row in rows])
    ids = np.array([token for row in rows for token in row], "int32")
    shard = write_shard(folder, name, iter([(ids, lengths)]), "<i4", 10**6)
    return Part(MappedShard(folder, shard, "<i4"), stride, sides)


@pytest.fixture
def sources(tmp_path):
    """Two languages: 10 rows in two shards, and 4; every row says which it is."""
    return {
        "en": [
            part(tmp_path, "en.0", [[100 + n] * n for n in range(7)]),
            part(tmp_path, "en.1", [[107 + n] * 2 for n in range(3)]),
        ],
        "fr": [part(tmp_path, "fr.0", [[200 + n] * 3 for n in range(4)])],
    }


def texts(ids, lengths):
    return [row.tolist() for row in np.split(ids, np.cumsum(lengths)[:-1])]


def test_every_example_comes_once_in_a_pass(sources):
    examples = TokenExamples(sources, {"en": 0.75, "fr": 0.25}, seed=3)
    drawn, numbers = examples.places(0, 4000)
    assert (drawn == 1).mean() == pytest.approx(0.25, abs=0.03)
    orders = []
    for source, count in ((0, 10), (1, 4)):
        own = numbers[drawn == source]
        passes = own[: len(own) // count * count].reshape(-1, count)
        np.testing.assert_array_equal(
            np.sort(passes), np.tile(range(count), (len(passes), 1))
        )
        orders.append({tuple(order) for order in passes.tolist()})
    assert len(orders[0]) > 200  # another order in every pass
    assert len(orders[1]) == 24  # all that four have


def test_rows_are_those_of_the_shards(sources):
    examples = TokenExamples(sources, {"en": 0.5, "fr": 0.5}, seed=3)
    drawn, numbers = examples.places(40, 200)
    read, (ids,), (lengths,) = examples.read(40, 200)
    np.testing.assert_array_equal(read, drawn)
    rows = [[[100 + n] * (n if n < 7 else 2) for n in range(10)]]
    rows.append([[200 + n] * 3 for n in range(4)])
    expected = [rows[s][n] for s, n in zip(drawn, numbers, strict=True)]
    assert texts(ids, lengths) == expected


def test_sides_of_pairs(tmp_path):
    rows = [[10, 10], [20], [11], [21, 21, 21], [12], []]
    pairs = part(tmp_path, "en-fr", rows, 2, (0, 1))
    examples = TokenExamples({"en-fr": [pairs]}, {"en-fr": 1}, seed=0)
    _, numbers = examples.places(0, 30)
    _, ids, lengths = examples.read(0, 30)
    for side in (0, 1):
        expected = [rows[2 * number + side] for number in numbers]
        assert texts(ids[side], lengths[side]) == expected
    target = TokenExamples({"fr": [Part(pairs.shard, 2, (1,))]}, {"fr": 1}, seed=0)
    _, (ids,), (lengths,) = target.read(0, 30)
    assert sorted(map(tuple, texts(ids, lengths))) == sorted(
        map(tuple, [rows[2 * number + 1] for number in numbers])
    )


def test_windows_begin_anywhere(sources):
    examples = TokenExamples(sources, {"en": 0.5, "fr": 0.5}, seed=3)
    whole = [
        (drawn.numpy().tolist(), ids.to_list())
        for drawn, (ids,) in examples.windows(8).take(30)
    ]
    again = TokenExamples(sources, {"en": 0.5, "fr": 0.5}, seed=3)
    later = [
        (drawn.numpy().tolist(), ids.to_list())
        for drawn, (ids,) in again.windows(8, first=20).take(10)
    ]
    assert later == whole[20:]
    other = TokenExamples(sources, {"en": 0.5, "fr": 0.5}, seed=4)
    assert next(iter(other.windows(8)))[1][0].to_list() != whole[0][1]
