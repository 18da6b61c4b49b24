"""Token ids in every form, read alike."""

import pytest
import tensorflow as tf

from xlm_tf.text.token_ids import ragged_ids


@pytest.mark.parametrize(
    ("inputs", "expected", "single"),
    [
        ([[1, 2], [3]], [[1, 2], [3]], False),
        (tf.constant([[1, 2], [3, 0]], "int64"), [[1, 2], [3, 0]], False),
        (tf.ragged.constant([[1], []], dtype="int32"), [[1], []], False),
        ([1, 2], [[1, 2]], True),
    ],
)
def test_forms(inputs, expected, single):
    ids, is_single = ragged_ids(inputs, 4)
    assert (ids.to_list(), is_single) == (expected, single)
    assert ids.dtype == tf.int32


def test_an_id_outside_of_the_vocabulary_is_refused_in_graph_too():
    for function in (ragged_ids, tf.function(lambda *x: ragged_ids(*x)[0])):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in the token"):
            function(tf.constant([[4]]), 4)
