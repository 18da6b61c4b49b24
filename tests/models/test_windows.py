"""Windows over texts that are longer than the model."""

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.models.windows import cut_windows


@pytest.mark.parametrize("overlap", [0, 3, 128])
def test_windows_cover_their_rows(overlap):
    random = np.random.default_rng(overlap)
    lengths, sizes = random.integers(0, 60, 40), random.integers(1, 20, 40)
    windows = cut_windows(lengths, sizes, overlap)
    values = tf.RaggedTensor.from_row_lengths(tf.range(lengths.sum()), lengths)
    pieces = windows.pieces(values)
    for row, (length, size) in enumerate(zip(lengths, sizes, strict=True)):
        own = windows.row.numpy() == row
        starts, counts = windows.start.numpy()[own], windows.length.numpy()[own]
        assert windows.number.numpy()[own].tolist() == list(range(len(starts)))
        covered = {
            x for a, n in zip(starts, counts, strict=True) for x in range(a, a + n)
        }
        assert covered == set(range(length))
        assert (counts <= size).all()
        if len(starts) > 1:  # none too many
            assert starts[-2] + counts[-2] < length
            shared = starts[:-1] + counts[:-1] - starts[1:]
            assert (shared == min(overlap, size // 2)).all()
        texts = [pieces[int(i)].numpy() for i in np.flatnonzero(own)]
        for text, start in zip(texts, starts, strict=True):
            first = values.row_splits.numpy()[row] + start
            assert text.tolist() == list(range(first, first + len(text)))
        owners = windows.owner(
            tf.fill((length,), row), tf.range(length, dtype="int32")
        ).numpy()
        last = len(starts) - 1
        # How far a piece is from the edges that cut; (windows, pieces).
        piece = np.arange(length)[None, :]
        before = piece - np.where(np.arange(last + 1) > 0, starts, -np.inf)[:, None]
        stops = np.where(np.arange(last + 1) < last, starts + counts - 1, np.inf)
        distances = np.minimum(before, stops[:, None] - piece)
        seen = (starts[:, None] <= piece) & (piece < (starts + counts)[:, None])
        distances = np.where(seen, distances, -np.inf)
        own = distances[owners, np.arange(length)]
        assert (own >= distances.max(axis=0, initial=-np.inf) - 1).all()
        assert seen[owners, np.arange(length)].all()
