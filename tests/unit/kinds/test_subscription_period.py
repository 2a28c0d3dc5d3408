"""Periods and moments: leap days, clocks that change, and the ends of the world."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.kinds.subscription.period import (
    allowed,
    day_of,
    following,
    index_at,
    later,
    moment,
)
from reconciler.model import Period
from reconciler.model.terms import Hours

LAWS = settings(max_examples=150, deadline=None)
DAYS = st.dates(date(1999, 1, 1), date(2060, 12, 31))
TERMS = st.integers(1, 36).map(lambda months: Period(months=months))
NUMBERS = st.integers(0, 120)
#: From the first to begin a day to the last, with the half and quarter hours, and those
#: that change their clocks at midnight, by half an hour, or in the other half of a year.
ZONES = st.sampled_from(
    [
        "Pacific/Kiritimati",
        "Pacific/Apia",
        "Pacific/Pago_Pago",
        "Pacific/Chatham",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Asia/Beirut",
        "Europe/Amsterdam",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "America/St_Johns",
        "America/Havana",
        "UTC",
    ]
)
#: Also the day that Apia left out, and days on which clocks change.
MOMENTS = st.datetimes(
    datetime(2011, 12, 1), datetime(2030, 1, 1), timezones=st.just(UTC)
)
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
QUIET = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1])
QUIET_HOURS = QUIET.map(lambda pair: Hours(start=pair[0], end=pair[1]))


# -- which days a period has --------------------------------------------------------


@LAWS
@given(DAYS, TERMS, NUMBERS)
@example(date(2024, 2, 29), Period(months=12), 1)
@example(date(2026, 1, 31), Period(months=1), 1)
def test_periods_neither_overlap_nor_leave_a_day_out(since, term, number):
    begins = day_of(since, number * term.months)
    ends = day_of(since, (number + 1) * term.months)
    assert begins < ends
    assert following(begins, term, since.day) == ends


@LAWS
@given(DAYS, TERMS, st.integers(0, 15000))
@example(date(2024, 2, 29), Period(months=12), 365)
@example(date(2024, 2, 29), Period(months=12), 366)
def test_every_day_is_in_the_one_period_that_has_it(since, term, after):
    day = since + timedelta(days=after)
    number = index_at(since, term, day)
    begins = day_of(since, number * term.months)
    ends = day_of(since, (number + 1) * term.months)
    assert number >= 0
    assert begins <= day < ends


@LAWS
@given(DAYS, TERMS, NUMBERS)
def test_a_number_and_its_first_day_are_the_same(since, term, number):
    begins = day_of(since, number * term.months)
    assert index_at(since, term, begins) == number
    assert index_at(since, term, begins - timedelta(days=1)) == number - 1


@given(DAYS, TERMS, st.integers(1, 4000))
def test_before_the_first_there_is_none(since, term, before):
    assert index_at(since, term, since - timedelta(days=before)) == -1


MONTHLY, YEARLY = Period(months=1), Period(months=12)


@pytest.mark.parametrize(
    ("since", "term", "days"),
    [
        ("2026-01-31", MONTHLY, "2026-01-31 2026-02-28 2026-03-31 2026-04-30"),
        ("2024-01-30", MONTHLY, "2024-01-30 2024-02-29 2024-03-30"),
        ("2023-10-29", MONTHLY, "2023-10-29 2023-11-29 2023-12-29 2024-01-29 2024-02-29"),
        ("2024-02-29", YEARLY, "2024-02-29 2025-02-28 2026-02-28 2027-02-28 2028-02-29"),
        ("2025-12-31", MONTHLY, "2025-12-31 2026-01-31 2026-02-28"),
        ("2025-11-30", Period(months=3), "2025-11-30 2026-02-28 2026-05-30"),
    ],
)  # fmt: skip
def test_the_day_of_the_month_comes_back_after_a_short_month(since, term, days):
    first = date.fromisoformat(since)
    expected = list(map(date.fromisoformat, days.split()))
    found = [first]
    while len(found) < len(expected):
        found.append(following(found[-1], term, first.day))
    assert found == expected
    assert [day_of(first, n * term.months) for n in range(len(found))] == expected


# -- at what moment something happens --------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "plus", "expected"),
    [
        # Clocks go forward on 2026-03-29 and back on 2026-10-25 in Amsterdam.
        ("2026-03-29", "Europe/Amsterdam", -1, "2026-03-28T08:00"),
        ("2026-03-29", "Europe/Amsterdam", 0, "2026-03-29T07:00"),
        ("2026-10-25", "Europe/Amsterdam", -1, "2026-10-24T07:00"),
        ("2026-10-25", "Europe/Amsterdam", 0, "2026-10-25T08:00"),
        ("2026-04-12", "Europe/Amsterdam", -14, "2026-03-29T07:00"),
        # The same day begins on the day before, and ends on the day after, in UTC.
        ("2027-01-01", "Pacific/Kiritimati", 0, "2026-12-31T19:00"),
        ("2027-01-01", "Pacific/Pago_Pago", 0, "2027-01-01T20:00"),
        ("2028-02-29", "UTC", 366, "2029-03-01T09:00"),
        ("2027-01-01", "Asia/Kathmandu", -1, "2026-12-31T03:15"),
    ],
)
def test_the_opening_of_a_day_is_that_of_the_customer(day, zone, plus, expected):
    found = moment(date.fromisoformat(day), zone, timedelta(days=plus))
    assert found == datetime.fromisoformat(f"{expected}:00+00:00")
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-03-28T09:30+01:00", 1, "2026-03-29T09:30+02:00"),
        ("2026-10-24T09:30+02:00", 1, "2026-10-25T09:30+01:00"),
        ("2026-10-24T09:30+02:00", 14, "2026-11-07T09:30+01:00"),
        ("2026-03-28T02:30+01:00", 1, "2026-03-29T03:30+02:00"),  # there is no 2:30
        ("2026-10-24T02:30+02:00", 1, "2026-10-25T02:30+02:00"),  # and here are two
    ],
)
def test_a_day_later_is_the_same_time_of_the_next_day(start, days, expected):
    found = later(
        datetime.fromisoformat(start), "Europe/Amsterdam", timedelta(days=days)
    )
    assert found == datetime.fromisoformat(expected)


# -- whom one may disturb ----------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(MOMENTS, ZONES, QUIET_HOURS, st.booleans())
@example(  # the second half past two of that night, with a quarter to go
    datetime(2026, 10, 25, 1, 15, tzinfo=UTC),
    "Europe/Amsterdam",
    Hours(start=time(21), end=time(2, 30)),
    True,
)
@example(  # quiet until a time that this night leaves out
    datetime(2026, 3, 29, 0, 15, tzinfo=UTC),
    "Europe/Amsterdam",
    Hours(start=time(3), end=time(2, 30)),
    True,
)
@example(  # the same, by a text that means the second of two such times
    datetime(2026, 3, 29, 0, 15, tzinfo=UTC),
    "Europe/Amsterdam",
    Hours(start=time(21), end=time(2, 30, fold=1)),
    True,
)
def test_nobody_is_disturbed_in_quiet_hours(when, zone, quiet, weekends):
    found = allowed(when, zone, quiet, weekends=weekends)
    local = found.astimezone(ZoneInfo(zone))
    assert found >= when
    assert not quiet.has(local.time())
    assert weekends or local.weekday() < 5
    assert allowed(found, zone, quiet, weekends=weekends) == found
    assert found - when <= timedelta(days=4)


@settings(max_examples=150, deadline=None)
@given(MOMENTS, ZONES, QUIET_HOURS, st.booleans(), st.integers(1, 600))
def test_there_is_no_earlier_moment(when, zone, quiet, weekends, minutes):
    """None on the whole way: the first one that may be is taken."""
    found = allowed(when, zone, quiet, weekends=weekends)
    between = when + timedelta(minutes=minutes)
    if between < found:
        local = between.astimezone(ZoneInfo(zone))
        weekend = not weekends and local.weekday() >= 5
        assert weekend or quiet.has(local.time())


NIGHT = Hours(start=time(21), end=time(8))


@pytest.mark.parametrize(
    ("when", "weekends", "expected"),
    [
        ("2026-11-24T12:00+01:00", False, "2026-11-24T12:00+01:00"),
        ("2026-11-24T20:59+01:00", False, "2026-11-24T20:59+01:00"),
        ("2026-11-24T21:00+01:00", False, "2026-11-25T08:00+01:00"),
        ("2026-11-25T07:59+01:00", False, "2026-11-25T08:00+01:00"),
        ("2026-11-27T21:00+01:00", False, "2026-11-30T08:00+01:00"),
        ("2026-11-27T21:00+01:00", True, "2026-11-28T08:00+01:00"),
        ("2026-11-29T23:59+01:00", False, "2026-11-30T08:00+01:00"),
        ("2026-12-31T22:00+01:00", True, "2027-01-01T08:00+01:00"),
        # The night before the clocks go forward is an hour shorter, and back longer.
        ("2026-03-28T22:00+01:00", True, "2026-03-29T08:00+02:00"),
        ("2026-10-24T22:00+02:00", True, "2026-10-25T08:00+01:00"),
    ],
)
def test_the_next_morning_of_a_working_day(when, weekends, expected):
    found = allowed(
        datetime.fromisoformat(when), "Europe/Amsterdam", NIGHT, weekends=weekends
    )
    assert found == datetime.fromisoformat(expected)
