"""Samples become an even series: gaps, zones, summer time, leap days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from reconciler.forecast.series import Series, bridged, even

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
HOUR = timedelta(hours=1)
NAN = float("nan")


def series(values) -> Series:
    return Series(START, np.array(values, dtype=float))


def test_samples_in_any_order_become_hours_and_several_their_mean() -> None:
    samples = [
        (START + 2 * HOUR, 5.0),
        (START, 1.0),
        (START + timedelta(minutes=30), 3.0),
    ]
    found = even(samples, NOW)
    assert found.start == START
    assert found.values[[0, 2]].tolist() == [2, 5]
    assert np.isnan(found.values[1])
    assert found.end == START + 3 * HOUR


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
def test_what_is_no_number_is_unknown(value) -> None:
    assert len(even([(START, value)], NOW).values) == 0


def test_what_is_later_than_now_is_not_there() -> None:
    samples = [(START, 1.0), (START + HOUR, 2.0)]
    assert even(samples, START).values.tolist() == [1]


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        even([(datetime(2026, 3, 1), 1.0)], NOW)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2024-02-29", 24)]
)
def test_each_hour_of_an_odd_day_is_one_hour(day, hours) -> None:
    """A summer time leaves one out or has it twice; no gap and no mean comes of it."""
    zone = ZoneInfo("Europe/Amsterdam")
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    samples = [((start + n * HOUR).astimezone(zone), float(n)) for n in range(hours)]
    next_day = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=zone)
    samples.append((next_day, -1.0))
    found = even(samples, next_day)
    assert found.values.tolist() == [*map(float, range(hours)), -1.0]


def test_other_steps_are_possible() -> None:
    five = timedelta(minutes=5)
    samples = [(START + n * five, float(n)) for n in (0, 1, 3)]
    found = even(samples, NOW, five)
    assert found.end == START + 4 * five
    assert found.values[[0, 1, 3]].tolist() == [0, 1, 3]


def test_a_short_gap_is_bridged_by_a_line() -> None:
    values = [10.0] * 30 + [NAN, NAN, NAN] + [18.0] * 30
    assert bridged(series(values)).values[29:34].tolist() == [10, 12, 14, 16, 18]


def test_a_longer_gap_is_as_the_day_before() -> None:
    values = np.tile(np.arange(24.0), 4)
    values[50:60] = NAN
    assert (
        bridged(series(values)).values.tolist() == np.tile(np.arange(24.0), 4).tolist()
    )


@pytest.mark.parametrize("gap", [25, 100])
def test_history_begins_after_a_gap_that_nobody_can_fill(gap) -> None:
    values = [1.0] * 48 + [NAN] * gap + [2.0] * 48
    found = bridged(series(values))
    assert found.values.tolist() == [2.0] * 48
    assert found.start == START + (48 + gap) * HOUR


def test_a_gap_too_early_to_have_a_day_before_cuts() -> None:
    values = [1.0] * 10 + [NAN] * 5 + [2.0] * 48
    assert bridged(series(values)).values.tolist() == [2.0] * 48


def test_too_much_made_up_is_nothing() -> None:
    day = [1.0] * 12 + [NAN] * 12
    assert len(bridged(series([1.0] * 24 + day * 5)).values) == 0


def test_unknown_alone_is_nothing() -> None:
    assert len(bridged(even([], NOW)).values) == 0
    assert len(bridged(even([(START, NAN)] * 3, NOW)).values) == 0
