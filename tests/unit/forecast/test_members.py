"""The members of the forecast: small cases known in closed form, and no look ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.forecast.members import (
    DAY,
    MEMBERS,
    day_profile,
    holt_winters,
    naive,
    nlinear,
    seasonal_naive,
    theta,
)

HOURS = np.arange(20 * DAY, dtype=float)
WAVE = 50 + 20 * np.sin(2 * np.pi * HOURS / DAY)


def test_the_naive_ones_go_on_with_what_they_saw() -> None:
    assert naive(HOURS, [100], 3).tolist() == [[99, 99, 99]]
    assert seasonal_naive(HOURS, [100], 26)[0].tolist() == [
        *range(76, 100),
        76,
        77,
    ]


def test_the_profile_is_the_mean_of_whole_days() -> None:
    days = np.concatenate([np.full(DAY, 10.0), np.full(DAY, 20.0)])
    days[DAY] = 40
    found = day_profile(days, [2 * DAY], 2 * DAY)[0]
    assert found[:3].tolist() == [25, 15, 15]
    assert found[DAY] == 25


@pytest.mark.parametrize("member", [holt_winters, theta, nlinear])
def test_a_pure_wave_goes_on(member) -> None:
    came = member(WAVE[: 15 * DAY], [15 * DAY], 2 * DAY)[0]
    assert np.abs(came - WAVE[15 * DAY : 17 * DAY]).max() < 0.5


@pytest.mark.parametrize("member", [holt_winters, theta, nlinear])
def test_a_constant_stays(member) -> None:
    found = member(np.full(400, 7.0), [400], DAY)[0]
    assert found == pytest.approx(np.full(DAY, 7.0), abs=1e-6)


def test_theta_takes_half_of_the_slope_and_smoothing_the_level() -> None:
    """A line without season: level near the last value, then half of its slope."""
    line = np.arange(600.0) - 300  # below zero: hours are added, not multiplied
    found = theta(line, [600], 5)[0]
    assert np.diff(found) == pytest.approx(np.full(4, 0.5), abs=0.02)
    assert found[0] == pytest.approx(line[-1], abs=1.5)


def test_the_regression_learns_a_line_exactly() -> None:
    """Without the mean of the last day a line looks the same everywhere."""
    found = nlinear(HOURS, [len(HOURS)], DAY)[0]
    assert found == pytest.approx(np.arange(len(HOURS), len(HOURS) + DAY), abs=0.5)


def test_the_regression_says_nothing_with_too_little() -> None:
    assert np.isnan(nlinear(HOURS[:90], [90], DAY)).all()
    assert not np.isnan(nlinear(HOURS[:120], [120], DAY)).any()


def test_a_shift_is_followed_by_smoothing() -> None:
    """The level goes where the values are, within some days."""
    shifted = np.where(HOURS < 10 * DAY, WAVE, WAVE + 30)
    found = holt_winters(shifted, [len(HOURS)], DAY)[0]
    assert found.mean() == pytest.approx(80, abs=3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(MEMBERS)))
def test_no_row_knows_what_comes_after_its_origin(seed, name) -> None:
    chance = np.random.default_rng(seed)
    values = np.abs(chance.normal(50, 10, 12 * DAY)) + 1
    origins = [7 * DAY, 9 * DAY]
    before = MEMBERS[name](values, origins, DAY)
    later = values.copy()
    later[9 * DAY :] = chance.uniform(1, 500, 3 * DAY)
    assert MEMBERS[name](later, origins, DAY) == pytest.approx(before, nan_ok=True)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(MEMBERS)))
def test_one_origin_at_a_time_says_the_same(seed, name) -> None:
    """The series changes its nature, so that each origin has its own best settings."""
    chance = np.random.default_rng(seed)
    values = chance.normal(50, 10, 12 * DAY)
    values[7 * DAY :] += np.cumsum(chance.normal(0, 20, 5 * DAY))
    member, origins = MEMBERS[name], [6 * DAY, 8 * DAY, 12 * DAY]
    together = member(values, origins, DAY)
    alone = np.concatenate([member(values, [at], DAY) for at in origins])
    assert together == pytest.approx(alone, rel=1e-6, nan_ok=True)
