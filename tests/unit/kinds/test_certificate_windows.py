"""Maintenance windows: weeks, nights, and the two days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.model.windows import MaintenanceWindow, coming

BASE = datetime(2026, 1, 1, tzinfo=UTC)


def window(days="tue thu", begins="02:00", to="05:00", zone="Europe/Amsterdam"):
    raw = {"days": days.split(), "from": begins, "to": to, "timeZone": zone}
    return MaintenanceWindow.model_validate(raw, by_name=False)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        # 2026-11-24 is a Tuesday, and in winter Amsterdam is an hour ahead.
        ("2026-11-23T12:00Z", "2026-11-24T01:00Z", "2026-11-24T04:00Z"),
        ("2026-11-24T03:59:59Z", "2026-11-24T01:00Z", "2026-11-24T04:00Z"),
        ("2026-11-24T04:00Z", "2026-11-26T01:00Z", "2026-11-26T04:00Z"),
        ("2026-11-27T00:00Z", "2026-12-01T01:00Z", "2026-12-01T04:00Z"),
        ("2026-12-31T05:00Z", "2027-01-05T01:00Z", "2027-01-05T04:00Z"),  # new year
        ("2028-02-28T12:00Z", "2028-02-29T01:00Z", "2028-02-29T04:00Z"),  # leap day
        ("2026-07-06T12:00Z", "2026-07-07T00:00Z", "2026-07-07T03:00Z"),  # summer
    ],
)  # fmt: skip
def test_the_next_window_or_the_one_that_is_open(now, start, end):
    days = "tue thu" if "02-2" not in start else "tue"
    span = coming([window(days)], at(now))
    assert (span.start, span.end) == (at(start), at(end))


def test_over_midnight_it_belongs_to_the_day_it_opens_on():
    night = window("sat", "22:00", "02:00", "UTC")
    assert night.length == timedelta(hours=4)
    span = coming([night], at("2026-11-29T01:00Z"))  # a Sunday
    assert span == (at("2026-11-28T22:00Z"), at("2026-11-29T02:00Z"))
    assert coming([night], at("2026-11-29T02:00Z")).start == at("2026-12-05T22:00Z")


@pytest.mark.parametrize(
    ("begins", "to", "start", "end"),
    [
        # On 2026-03-29 the hour from 02:00 is skipped: 02:00 is 03:00 there.
        ("01:00", "05:00", "2026-03-29T00:00Z", "2026-03-29T03:00Z"),
        ("02:00", "05:00", "2026-03-29T01:00Z", "2026-03-29T03:00Z"),
        ("02:30", "02:45", "2026-03-29T01:30Z", "2026-03-29T01:45Z"),
        # It would close before it opens: it is not open at all on that day.
        ("02:30", "03:15", "2026-04-05T00:30Z", "2026-04-05T01:15Z"),
    ],
)
def test_the_hour_that_the_clocks_skip(begins, to, start, end):
    span = coming([window("sun", begins, to)], at("2026-03-28T12:00Z"))
    assert span == (at(start), at(end))


@pytest.mark.parametrize(
    ("begins", "to", "start", "end"),
    [
        # On 2026-10-25 the hour from 02:00 is there twice; the first one is meant.
        ("01:30", "02:30", "2026-10-24T23:30Z", "2026-10-25T00:30Z"),
        ("02:00", "05:00", "2026-10-25T00:00Z", "2026-10-25T04:00Z"),
        ("02:15", "02:45", "2026-10-25T00:15Z", "2026-10-25T00:45Z"),
    ],
)
def test_the_hour_that_the_clocks_show_twice(begins, to, start, end):
    span = coming([window("sun", begins, to)], at("2026-10-24T12:00Z"))
    assert span == (at(start), at(end))


def test_of_several_the_first_and_of_those_the_longest():
    two = [window("wed", zone="UTC"), window("tue", "03:00", "04:00", "UTC")]
    assert coming(two, at("2026-11-23T00:00Z")).start == at("2026-11-24T03:00Z")
    both = [window("tue", "01:00", "03:00", "UTC"), window("tue", zone="UTC")]
    assert coming(both, at("2026-11-24T02:30Z")).end == at("2026-11-24T05:00Z")
    assert coming([], BASE) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"days": []}, "at least 1"),
        ({"days": ["tue", "tue"]}, "named twice"),
        ({"days": ["tuesday"]}, "'mon'"),
        ({"from": "2:00"}, "pattern"),
        ({"to": "24:00"}, "pattern"),
        ({"from": 120}, "string"),  # what YAML makes of 2:00 without quotes
        ({"from": "05:00"}, "closes at another time"),
        ({"timeZone": "Amsterdam"}, "is no time zone"),
        ({"timeZone": "../etc/passwd"}, "is no time zone"),
        ({"begins": "02:00"}, "not permitted"),
    ],
)
def test_what_is_no_window(change, says):
    raw = {"days": ["tue"], "from": "02:00", "to": "05:00"} | change
    with pytest.raises(ValidationError, match=says):
        MaintenanceWindow.model_validate(raw, by_name=False)


WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe"]
HOURS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 30]))


@given(
    days=st.sets(st.sampled_from(WEEK), min_size=1),
    hours=st.tuples(HOURS, HOURS).filter(lambda two: two[0] != two[1]),
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 4 * 366 * 24 * 60),
)
def test_it_is_always_ahead_and_nothing_is_skipped(days, hours, zone, minutes):
    one = window(" ".join(sorted(days)), *hours, zone)
    now = BASE + timedelta(minutes=minutes)
    span = coming([one], now)
    assert span.start < span.end
    assert span.end > now
    assert span.start - now <= timedelta(days=8, hours=1)
    assert coming([one], max(now, span.start)) == span
    if now < span.start:  # and the one that is found stays the next one until then
        assert coming([one], now + (span.start - now) / 2) == span
