"""Examples in memory, and their batches."""

import itertools

import numpy as np
import pytest

from xlm_tf.models.examples import Examples
from xlm_tf.models.text_reading import read_texts


def test_rows_belong_together():
    examples = Examples(read_texts(["a", "b", "c"]), np.arange(3))
    first, second = examples.split(0.4)
    assert (len(first), len(second)) == (1, 2)
    assert second.rows(0, 1)["y"].tolist() == [1]
    with pytest.raises(ValueError, match="on both sides"):
        examples.split(0.999)
    with pytest.raises(ValueError, match="x of 3 rows, y of 2 rows"):
        Examples(read_texts(["a", "b", "c"]), np.arange(2))


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_an_epoch_is_every_row_once(shuffle):
    batches = Examples(read_texts(list("abcdefghij")), np.arange(10)).batches(
        4, shuffle
    )
    assert batches.num_batches == 3
    epochs = [
        [(row["x"].tolist(), row["y"].tolist()) for row in batches.begin()]
        for _ in range(2)
    ]
    for epoch in epochs:
        texts = [text for xs, _ in epoch for text in xs]
        assert sorted(texts) == list("abcdefghij")
        assert [ord(text) - 97 for text in texts] == [n for _, ys in epoch for n in ys]
        if shuffle == "batch":
            assert sorted(epoch[0][0]) == list("abcd")
    assert (epochs[0] != epochs[1]) == bool(shuffle)


def test_batches_of_similar_length():
    texts = ["x" * (1 + n % 50) for n in range(402)]
    examples = Examples((read_texts(texts), read_texts(["y"] * 402)), np.arange(402))
    lengths = examples.lengths()
    assert lengths.tolist() == [2 + n % 50 for n in range(402)]
    batches = examples.batches(4, shuffle=True, lengths=lengths)
    epochs = [[row["y"].tolist() for row in batches.begin()] for _ in range(2)]
    for epoch in epochs:
        assert [len(rows) for rows in epoch] == [4] * 100 + [2]
        assert sorted(itertools.chain(*epoch)) == list(range(402))
        lengths_of = [lengths[rows] for rows in epoch[:-1]]
        assert np.mean([np.ptp(own) for own in lengths_of]) < 3  # at random, 30
        # In an order that does not go by length.
        assert abs(np.corrcoef(range(100), [own[0] for own in lengths_of])[0, 1]) < 0.4
    assert epochs[0] != epochs[1]
    with pytest.raises(ValueError, match="group_by_length needs texts"):
        Examples({"token_ids": np.ones((3, 8), "int32")}).lengths()
