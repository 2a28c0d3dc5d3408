"""What was unlike everything before, for people who look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from reconciler.audit.usage_store import Hour
from reconciler.cli.usage_forecast import unusual

NOW = datetime(2028, 3, 1, tzinfo=UTC)  # the days before it have a 29 February
DAYS = 40
SINCE = NOW - timedelta(days=14)


def wave(*, odd=None, without=()):
    chance = np.random.default_rng(7)
    first = NOW - timedelta(days=DAYS)
    for hour in range(DAYS * 24):
        at = first + timedelta(hours=hour)
        value = 40 + 20 * np.cos(hour * 2 * np.pi / 24) + chance.normal(0, 1)
        if at not in without:
            yield Hour(at, 95.0 if at == odd else float(value), 99.0, None)


def test_a_busy_night_is_told_and_a_usual_wave_is_not():
    night = NOW - timedelta(days=3, hours=12)
    usual = unusual("cpu", [*wave()], SINCE)
    told = unusual("cpu", [*wave(odd=night)], SINCE)
    assert night not in usual
    assert night in told
    assert len(told) <= 3


def test_hours_that_nobody_knows_are_no_news():
    gap = {NOW - timedelta(days=5, hours=hours) for hours in range(30)}
    told = unusual("cpu", [*wave(without=gap)], SINCE)
    assert not gap & set(told)


def test_only_what_is_asked_for_is_told():
    early = NOW - timedelta(days=20, hours=12)
    assert early not in unusual("cpu", [*wave(odd=early)], SINCE)
    assert early in unusual("cpu", [*wave(odd=early)], early)


@pytest.mark.parametrize("metric", ["disk", "inodes", "bandwidth"])
def test_what_fills_up_is_never_as_it_was(metric):
    assert unusual(metric, [*wave(odd=NOW - timedelta(days=3))], SINCE) == ()


def test_what_was_never_measured():
    assert unusual("cpu", [], SINCE) == ()
