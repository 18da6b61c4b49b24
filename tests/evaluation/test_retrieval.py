import numpy as np
import pytest

from xlm_tf.evaluation.retrieval import retrieval_accuracy


def test_the_highest_cosine_counts_not_the_longest_vector():
    queries = np.array([[1.0, 0.1], [0.0, 2.0], [1.0, 1.0]])
    candidates = np.array([[3.0, 0.0], [0.0, 0.5], [90.0, 10.0]])
    assert retrieval_accuracy(queries, candidates, [{2}, {1}, {0}]) == pytest.approx(
        2 / 3
    )


def test_several_right_answers():
    queries, candidates = np.array([[1.0, 0.0]]), np.eye(2)
    assert retrieval_accuracy(queries, candidates, [[0, 1]]) == 1
    assert retrieval_accuracy(queries, candidates, [[1]]) == 0


def test_nothing_to_find():
    with pytest.raises(ValueError, match="Received: 0, 1 and 0"):
        retrieval_accuracy(np.zeros((0, 2)), np.ones((1, 2)), [])
    with pytest.raises(ValueError, match="Received: 1, 1 and 2"):
        retrieval_accuracy(np.ones((1, 2)), np.ones((1, 2)), [{0}, {0}])
