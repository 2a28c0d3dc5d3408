"""Durations are exact, periods follow the calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reconciler.model import Duration, Period, duration_text

DURATION = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("45s", timedelta(seconds=45)),
        ("5m", timedelta(minutes=5)),
        ("26h", timedelta(hours=26)),
        ("60d", timedelta(days=60)),
        ("2w", timedelta(days=14)),
        ("0d", timedelta(0)),
    ],
)
def test_duration(text, value):
    assert DURATION.validate_python(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30", "write a duration with its unit"),
        pytest.param(30, "write a duration with its unit", id="a number"),
        ("1y", "1y is a calendar period; a duration is exact"),
        ("1mo", "1mo is a calendar period"),
        ("-3d", "write a duration"),
        ("3 d", "write a duration"),
        ("1.5d", "write a duration"),
        ("9999999d", "write a duration"),
        (True, "write a duration"),
        (None, "write a duration"),
    ],
)
def test_no_duration(text, said):
    with pytest.raises(ValidationError, match=said):
        DURATION.validate_python(text)


@given(st.integers(0, 10**8))
def test_duration_text_is_read_back(seconds):
    value = timedelta(seconds=seconds)
    text = duration_text(value)
    if int(text[:-1]) < 10**6:
        assert DURATION.validate_python(text) == value


@pytest.mark.parametrize(
    ("start", "period", "end"),
    [
        pytest.param("2028-02-29", "1y", "2029-02-28", id="leap day"),
        pytest.param("2028-02-29", "4y", "2032-02-29", id="leap day to leap day"),
        pytest.param("2096-02-29", "4y", "2100-02-28", id="1900 and 2100 do not leap"),
        pytest.param("2026-01-31", "1mo", "2026-02-28", id="month end"),
        pytest.param("2028-01-31", "1mo", "2028-02-29", id="month end, leap year"),
        pytest.param("2026-12-31", "1mo", "2027-01-31", id="year end"),
        pytest.param("2026-11-30", "3mo", "2027-02-28", id="over the year's end"),
        pytest.param("2026-03-31", "12mo", "2027-03-31", id="a year in months"),
    ],
)
def test_period_after(start, period, end):
    begin = datetime.fromisoformat(f"{start}T12:00:00+00:00")
    after = Period.model_validate(period).after(begin)
    assert after.date().isoformat() == end
    assert after.timetz() == begin.timetz()


def test_period_keeps_the_wall_clock_over_a_change_of_dst():
    begin = datetime(2026, 3, 1, 8, tzinfo=ZoneInfo("Europe/Amsterdam"))
    after = Period(months=1).after(begin)
    assert (after.hour, after.utcoffset()) == (8, timedelta(hours=2))


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 120),
)
@example(datetime(2028, 2, 29, tzinfo=UTC), 12)
@example(datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC), 2)
def test_period_moves_by_whole_months(begin, months):
    after = Period(months=months).after(begin)
    moved = (after.year - begin.year) * 12 + after.month - begin.month
    assert moved == months
    assert begin.day - 3 <= after.day <= begin.day


@pytest.mark.parametrize(
    ("text", "shown"), [("12mo", "1y"), ("1y", "1y"), ("7mo", "7mo")]
)
def test_period_text(text, shown):
    assert str(Period.model_validate(text)) == shown


@pytest.mark.parametrize("text", ["0mo", "1d", "y", "1.5y", "1 y", 12, None])
def test_no_period(text):
    with pytest.raises(ValidationError):
        Period.model_validate(text)
