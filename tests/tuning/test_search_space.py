"""Dimensions, conditions and grids."""

import random

import pytest
from pydantic import ValidationError

from xlm_tf.tuning.search_space import Dimension, SearchSpace


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"low": 1, "high": 3}, [1, 2, 3]),
        ({"low": 2, "high": 9, "step": 3}, [2, 5, 8]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"low": 0.1, "high": 0.3}, None),
        ({"low": 1, "high": 100, "log": True}, None),
        ({"choices": [[1, 2], None]}, [[1, 2], None]),
    ],
)
def test_points(fields, points):
    found = Dimension(**fields).points()
    if points and isinstance(points[0], float):
        points = pytest.approx(points)
    assert found == points


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"choices": [1], "low": 1, "high": 2},
        {"choices": []},
        {"choices": [1, 1]},
        {"choices": [1], "log": True},
        {"low": 2, "high": 2},
        {"low": 0, "high": 2, "log": True},
        {"low": 1, "high": 2, "log": True, "step": 1},
        {"low": 1, "high": 2, "step": 3},
        {"low": True, "high": 2},
        {"low": 0.0, "high": float("nan")},
    ],
)
def test_what_no_dimension_is(fields):
    with pytest.raises(ValidationError):
        Dimension(**fields)


def test_conditions_follow_each_other():
    space = SearchSpace(
        {
            "a": Dimension(choices=[0, False, 1]),
            "b": Dimension(choices=["x"], when={"a": [0, 1]}),
            "c": Dimension(low=1, high=2, when={"b": "x"}),
        },
        {"s": ["u", "v"]},
    )
    grid = space.grid()
    # 0 is not false, and c hangs on b, which hangs on a.
    per_switch = [
        {"a": 0, "b": "x", "c": 1},
        {"a": 0, "b": "x", "c": 2},
        {"a": False},
        {"a": 1, "b": "x", "c": 1},
        {"a": 1, "b": "x", "c": 2},
    ]
    assert grid == [{"s": s, **own} for s in "uv" for own in per_switch]
    assert space.fields(grid[0]) == {"a": 0, "b": "x", "c": 1}
    assert list(space.contradictions()) == [
        "study.switches.s decides nothing: no `when` names it."
    ]
    drawn = [space.draw(random.Random(i), "c", 2) for i in range(20)]
    assert all(own.get("c", 2) == 2 for own in drawn)
    assert all("c" in own for own in space.examples("c", 2))


def test_too_large_a_grid_is_refused():
    dimension = Dimension(low=1, high=1000)
    with pytest.raises(ValueError, match="more than 10,000 combinations"):
        SearchSpace({"a": dimension, "b": dimension}, {}).grid()
