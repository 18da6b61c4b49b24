import pytest

from xlm_tf.training import schedules


def test_inverse_square_root_rises_then_falls():
    schedule = schedules.InverseSquareRoot(1e-3, warmup_steps=100)
    assert float(schedule(0)) == pytest.approx(1e-7)
    assert float(schedule(50)) == pytest.approx(5e-4, rel=1e-3)
    assert float(schedule(100)) == pytest.approx(1e-3)
    assert float(schedule(400)) == pytest.approx(5e-4)


@pytest.mark.parametrize(
    ("schedule", "quarter", "middle", "end"),
    [
        (schedules.LinearDecay(1.0, 10, 110), 0.75, 0.5, 0.0),
        (schedules.CosineDecay(1.0, 10, 110), 0.853553, 0.5, 0.0),
        (schedules.Constant(1.0, 10), 1.0, 1.0, 1.0),
    ],
)
def test_schedules_warm_up_and_end_where_they_say(schedule, quarter, middle, end):
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(4)) == pytest.approx(0.5)
    assert float(schedule(10)) == pytest.approx(1.0)
    assert float(schedule(35)) == pytest.approx(quarter)
    assert float(schedule(60)) == pytest.approx(middle, abs=1e-6)
    assert float(schedule(110)) == pytest.approx(end, abs=1e-6)
    assert float(schedule(500)) == pytest.approx(end, abs=1e-6)


@pytest.mark.parametrize("kind", [schedules.LinearDecay, schedules.CosineDecay])
def test_no_warm_up_and_nothing_but_warm_up(kind):
    assert float(kind(1.0, 0, 100)(0)) == 1.0
    assert float(kind(1.0, 10, 10)(9)) == pytest.approx(1.0)
    assert float(kind(1.0, 10, 10)(11)) == pytest.approx(0.0)
