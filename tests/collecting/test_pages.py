"""Pages, and the days that they are of."""

import datetime

import pytest

from xlm_tf.collecting.pages import day_of


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-03-05T23:30:00Z", "2024-03-05"),
        ("2024-03-05", "2024-03-05"),
        ("0000-00-00T00:00:00Z", None),
        ("2021-13-45", None),
        ("2021-02-30T01:02:03Z", None),
        ("-1-11-30", None),
        ("20240305", None),
        ("9999-01-01", None),
        ("", None),
    ],
)
def test_days(text, day):
    assert day_of(text) == day


def test_today_has_begun_elsewhere():
    today = datetime.date.today()
    for ahead, is_known in ((0, True), (1, True), (3, False)):
        day = str(today + datetime.timedelta(days=ahead))
        assert (day_of(day) is not None) == is_known
