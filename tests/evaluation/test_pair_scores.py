import numpy as np
import pytest

from xlm_tf.evaluation import pair_scores
from xlm_tf.evaluation.retrieval import nearest

VECTORS = {
    "source": np.float32([[1, 0], [0, 1], [1, 1]]),
    "target": np.float32([[2, 0.1], [0.1, 0], [0, 3]]),
    "negatives": np.zeros((0, 1), "float32"),
}
ROWS = [
    {"source": "a", "target": "A"},
    {"source": "b", "target": "B"},
    {"source": "c", "target": "C"},
]


def values(rows, vectors=VECTORS):
    scores = pair_scores.score(None, rows, vectors, "en-de", intervals=False).scores
    return {name: own.value for name, own in scores.items()}


def test_both_directions():
    # a finds B (its direction alone counts), b finds C, c finds A; A finds a, B a, C b.
    assert values(ROWS) == {
        "accuracy": pytest.approx(1 / 6),
        "forward": 0.0,
        "backward": pytest.approx(1 / 3),
    }


def test_what_is_a_pair_elsewhere_is_right():
    rows = [ROWS[0], {"source": "a", "target": "B"}, {"source": "c", "target": "C"}]
    # The first source finds B, which is its translation in the second row.
    assert values(rows)["forward"] == pytest.approx(1 / 3)
    assert values(rows)["backward"] == pytest.approx(2 / 3)


def test_negatives_are_candidates_of_sources():
    vectors = {
        "source": np.eye(2, dtype="float32"),
        "target": np.float32([[1, 0.5], [0, 1]]),
        "negatives": np.float32([[1, 0.1]]),
    }
    rows = [{**ROWS[0], "negatives": ["x"]}, {**ROWS[1], "negatives": []}]
    assert values(rows, vectors) == {"accuracy": 0.75, "forward": 0.5, "backward": 1.0}
    (error,) = pair_scores.errors(None, rows, vectors, "en-de")
    assert (error["text"], error["target"], error["prediction"]) == ("a", "A", "x")
    expected = 1 / np.hypot(1, 0.1) - 1 / np.hypot(1, 0.5)
    assert error["difference"] == pytest.approx(expected, rel=1e-5)


def test_numbers_are_compared_by_rank():
    vectors = {**VECTORS, "target": np.float32([[1, 0], [1, 1], [-1, 0]])}
    rows = [
        {**row, "number": x} for row, x in zip(ROWS, (5.0, 100.0, 0.0), strict=True)
    ]
    found = values(rows, vectors)
    cosines = [1, np.sqrt(0.5), -np.sqrt(0.5)]
    assert found["spearman"] == pytest.approx(0.5)
    assert found["pearson"] == pytest.approx(np.corrcoef([5, 100, 0], cosines)[0, 1])
    errors = pair_scores.errors(None, rows, vectors, "en")
    assert [own["difference"] for own in errors] == pytest.approx([1 / 3, 1 / 3, 0])


def test_many_queries_are_compared_in_blocks(monkeypatch):
    random = np.random.default_rng(0)
    queries, candidates = random.normal(size=(50, 4)), random.normal(size=(30, 4))
    whole = nearest(queries, candidates)
    monkeypatch.setattr("xlm_tf.models.cosines._COSINES_AT_ONCE", 70)
    np.testing.assert_array_equal(nearest(queries, candidates), whole)
