import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives.piecewise_linear import PiecewiseLinear


@pytest.mark.parametrize(
    ("text", "by_step"),
    [
        ("0:1,100:0.5,300:0", {0: 1, 50: 0.75, 100: 0.5, 200: 0.25, 300: 0, 10**9: 0}),
        ("0:0, 7:0 , 8:1e-1", {0: 0, 6: 0, 7: 0, 8: 0.1, 9: 0.1}),
        ("0:0.3", {0: 0.3, 5: 0.3}),
        (0.15, {0: 0.15, 10: 0.15}),
        (2, {3: 2}),
    ],
)
def test_a_value_is_linear_between_its_points_and_then_constant(text, by_step):
    schedule = PiecewiseLinear.parse(text)
    expected = list(by_step.values())
    assert [schedule.value(step) for step in by_step] == pytest.approx(expected)
    steps = tf.constant(list(by_step), "int64")
    np.testing.assert_allclose(tf.function(schedule.value)(steps), expected, atol=1e-12)
    assert schedule.value(steps[0]).shape == ()


def test_zeros_are_zeros_in_the_graph():
    schedule = PiecewiseLinear.parse("0:0.1,7:0,11:0.3,13:0,29:0")
    values = schedule.value(tf.range(40)).numpy()
    assert set(np.flatnonzero(values == 0)) == {7, *range(13, 40)}
    assert values.min() == 0


@pytest.mark.parametrize("given", ["0:1,100:0.5", "0:0.1,3:1e-05", 0.15])
def test_it_is_written_as_it_was_given(given):
    assert PiecewiseLinear.parse(given).as_given() == given
    assert PiecewiseLinear.parse(PiecewiseLinear.parse(given)).as_given() == given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a number, or step:value"),
        ("1", "must be a number, or step:value"),
        ("0:1,", "must be a number, or step:value"),
        ("0:1;5:2", "must be a number, or step:value"),
        ("0:1,5:one", "must be a number, or step:value"),
        ("0.5:1", "must be a number, or step:value"),
        ("-1:1,5:2", "must be a number, or step:value"),
        ("10:1,20:2", "must begin at step 0. Received: 10:1,20:2"),
        ("0:1,20:2,10:3", "must have steps that ascend"),
        ("0:1,20:2,20:3", "must have steps that ascend"),
        ("0:1,99999999999999999999:0", "must have steps up to"),
        ("0:1,20:nan", "must have finite values"),
        ("0:1,20:inf", "must have finite values"),
        (float("nan"), "must have finite values"),
    ],
)
def test_what_is_no_schedule(text, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinear.parse(text)
