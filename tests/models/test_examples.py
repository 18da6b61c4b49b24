"""Examples in memory, and their batches."""

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
