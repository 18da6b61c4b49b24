"""Dimensions, conditions and grids."""

import datetime
import random
import warnings

import optuna
import pytest
from pydantic import ValidationError

from xlm_tf.tuning.search_space import Dimension, SearchSpace


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        ({"low": 1, "high": 3}, [1, 2, 3]),
        ({"low": 2, "high": 9, "step": 3}, [2, 5, 8]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"low": 0.1, "high": 0.8, "step": 0.3}, [0.1, 0.4, 0.7]),
        ({"low": 1, "high": 2, "step": 0.5}, [1.0, 1.5, 2.0]),
        ({"low": 0.1, "high": 0.3}, None),
        ({"low": 1, "high": 100, "log": True}, None),
        ({"choices": [[1, 2], None]}, [[1, 2], None]),
    ],
)
def test_points(fields, points):
    dimension = Dimension(**fields)
    if points is None:
        assert dimension.count() is None
        return
    found = [dimension.point(number) for number in range(dimension.count())]
    assert found == points
    assert [type(x) for x in found] == [type(x) for x in points]
    assert dimension.extremes() == (dimension.choices or [points[0], points[-1]])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"choices": [1], "low": 1, "high": 2},
        {"choices": []},
        {"choices": [1, 1]},
        {"choices": [1, 2, 1.0]},
        {"choices": [0, False]},
        {"choices": [[1], [True]]},
        {"choices": [datetime.date(2020, 1, 1)]},
        {"choices": [float("nan"), 1]},
        {"choices": [1], "when": {"a": datetime.date(2020, 1, 1)}},
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
            "a": Dimension(choices=[2, False, 1]),
            "b": Dimension(choices=["x"], when={"a": [2, 1]}),
            "c": Dimension(low=1, high=2, when={"b": "x"}),
        },
        {"s": ["u", "v"]},
    )
    grid = space.grid()
    # c hangs on b, which hangs on a.
    per_switch = [
        {"a": 2, "b": "x", "c": 1},
        {"a": 2, "b": "x", "c": 2},
        {"a": False},
        {"a": 1, "b": "x", "c": 1},
        {"a": 1, "b": "x", "c": 2},
    ]
    assert grid == [{"s": s, **own} for s in "uv" for own in per_switch]
    assert space.fields(grid[0]) == {"a": 2, "b": "x", "c": 1}
    assert list(space.contradictions()) == [
        "study.switches.s decides nothing: no `when` names it."
    ]
    drawn = [space.draw(random.Random(i), "c", 2) for i in range(20)]
    assert all(own.get("c", 2) == 2 for own in drawn)
    assert all("c" in own for own in space.examples("c", 2))


def test_too_large_a_grid_is_refused():
    dimension = Dimension(low=1, high=1000)
    for own in (
        {"a": dimension, "b": dimension},
        {"a": Dimension(low=1, high=10**9)},
        {"a": Dimension(low=0.0, high=1.0, step=1e-12)},
    ):
        with pytest.raises(ValueError, match="more than 10,000 combinations"):
            SearchSpace(own, {}).grid()


def test_a_condition_that_is_true_is_not_1():
    space = SearchSpace(
        {
            "a": Dimension(choices=[True, False]),
            "b": Dimension(choices=["x"], when={"a": 1}),
        },
        {},
    )
    assert list(space.contradictions()) == [
        "study.search.b.when.a must be of [true, false]. Received: 1."
    ]


@pytest.mark.parametrize(
    ("conditions", "never"),
    [
        ({"b": {"s": "u"}, "c": {"b": 1, "s": "v"}}, "c.when never holds: no value of"),
        ({"b": {"s": []}}, "b.when never holds: no value of s"),
        ({"b": {"s": "u"}, "c": {"b": [1, 2], "s": ["v", "u"]}}, None),
        # By way of another one.
        (
            {"b": {"s": "u"}, "c": {"s": "v"}, "d": {"b": 1, "c": 2}},
            "d.when never holds: no value of s",
        ),
    ],
)
def test_conditions_that_never_hold(conditions, never):
    own = {x: Dimension(choices=[1, 2], when=when) for x, when in conditions.items()}
    problems = list(SearchSpace(own, {"s": ["u", "v"]}).contradictions())
    assert len(problems) == (never is not None)
    assert (never or "") in "".join(problems)


def test_a_grid_of_few_among_many_conditions():
    # Without them there would be 3 to the power of 30.
    names = [f"x{number:02}" for number in range(30)]
    own = {"x": Dimension(choices=[0, 1, 2])}
    for before, name in zip(["x", *names], names, strict=False):
        own[name] = Dimension(choices=[0, 1, 2], when={before: 0})
    assert len(SearchSpace(own, {}).grid()) == 3 + 2 * 30


def test_a_range_is_drawn_as_it_is_counted():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    own = {
        "decay": Dimension(low=0.1, high=0.8, step=0.1),
        "halves": Dimension(low=1, high=2.2, step=0.5),
        "whole": Dimension(low=2, high=9, step=3),
    }
    space = SearchSpace(own, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in space.grid()[::5]:
            study.enqueue_trial(space.parameters(values))
            assert space.suggest(study.ask()) == values
        for _ in range(50):
            for name, value in space.suggest(study.ask()).items():
                dimension = own[name]
                assert value in [dimension.point(n) for n in range(dimension.count())]
