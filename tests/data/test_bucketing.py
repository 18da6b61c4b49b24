import itertools

import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.data.bucketing import batch_by_tokens, length_boundaries


def examples(lengths):
    def generate():
        for number, length in enumerate(lengths):
            yield {"token_ids": np.full(length, number + 1, "int32"), "number": number}

    return tf.data.Dataset.from_generator(
        generate,
        output_signature={
            "token_ids": tf.TensorSpec([None], tf.int32),
            "number": tf.TensorSpec([], tf.int32),
        },
    )


def length(example):
    return tf.size(example["token_ids"])


def test_boundaries_grow_by_an_eighth():
    assert length_boundaries(5) == [4, 8]
    assert length_boundaries(40) == [4, 8, 12, 16, 20, 24, 28, 32, 40]
    long = length_boundaries(512)
    assert long[-2] < 512 <= long[-1]
    assert all(b % 4 == 0 for b in long)
    assert all(b <= a * 1.125 + 4 for a, b in itertools.pairwise(long))


def test_batches_hold_as_many_tokens_whatever_their_length():
    lengths = np.random.default_rng(0).integers(1, 65, 3000)
    batches = list(
        batch_by_tokens(
            examples(lengths), length, 512, 64, {"token_ids": 0, "number": -1}
        ).as_numpy_iterator()
    )
    seen = np.concatenate([batch["number"] for batch in batches])
    assert sorted(seen) == list(range(3000))
    shapes = [batch["token_ids"].shape for batch in batches]
    assert all(rows * columns <= 512 for rows, columns in shapes)
    # All but the last of each of the buckets are full.
    full = [shape for shape in shapes if shape[0] == 512 // shape[1]]
    assert len(full) >= len(shapes) - len(length_boundaries(64))
    for batch in batches:
        of_batch = lengths[batch["number"]]
        assert (batch["token_ids"] > 0).sum() == of_batch.sum()
        assert batch["token_ids"].shape[1] - of_batch.min() < 8
    padding = 1 - lengths.sum() / sum(rows * columns for rows, columns in shapes)
    assert padding < 0.15


def test_limits_are_inclusive():
    batches = list(batch_by_tokens(examples([12, 13, 16]), length, 32, 16))
    assert [batch["token_ids"].shape.as_list() for batch in batches] == [
        [2, 16],
        [1, 12],
    ]


def test_too_long():
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_length=16 tokens"):
        list(batch_by_tokens(examples([3, 17]), length, 64, 16))
    with pytest.raises(ValueError, match="max_tokens=10, max_length=16"):
        batch_by_tokens(examples([3]), length, 10, 16)
