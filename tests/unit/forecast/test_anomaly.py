"""Anomalies: found where they are, told once, never by looking ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.forecast.anomaly import STRANGEST, THRESHOLD, _ranked, anomalies

FIVE_MINUTES, HOURS = 288, 24


def wave(day: int, days: int, seed: int = 1) -> np.ndarray:
    steps = np.arange(day * days)
    noise = np.random.default_rng(seed).normal(0, 1, len(steps))
    return 50 + 20 * np.sin(2 * np.pi * steps / day) + noise


@pytest.mark.parametrize(("day", "days"), [(FIVE_MINUTES, 14), (HOURS, 60)])
def test_something_new_is_found_within_the_hour_it_comes(day, days) -> None:
    values = wave(day, days)
    at = len(values) - day
    values[at : at + 12] += 60
    found = np.flatnonzero(anomalies(values, day).anomalies)
    assert len(set(found) & set(range(at, at + 12))) == 1


def test_a_day_at_the_wrong_time_is_found() -> None:
    """No value is new: night in the middle of the day is."""
    values = wave(FIVE_MINUTES, 14)
    noon = 12 * FIVE_MINUTES + 72
    values[noon : noon + 36] = 30 + np.random.default_rng(2).normal(0, 1, 36)
    found = np.flatnonzero(anomalies(values, FIVE_MINUTES).anomalies)
    assert any(noon <= at < noon + 48 for at in found)


@pytest.mark.parametrize("value", [0.0, 42.0])
def test_a_constant_is_never_strange(value) -> None:
    found = anomalies(np.full(3000, value), FIVE_MINUTES)
    assert not found.anomalies.any()
    assert (found.scores == 0).all()


def test_what_repeats_exactly_is_never_strange_again() -> None:
    """Rounding is not novelty."""
    day = np.random.default_rng(3).uniform(1e5, 2e5, FIVE_MINUTES)
    found = np.flatnonzero(anomalies(np.tile(day, 10), FIVE_MINUTES).anomalies)
    assert (found < 2 * FIVE_MINUTES).all()


def test_the_scale_does_not_matter() -> None:
    values = wave(HOURS, 40)
    values[-10] += 50
    small = anomalies(values / 64, HOURS).anomalies
    assert small.tolist() == anomalies(values, HOURS).anomalies.tolist()


def test_alarms_become_rarer_and_one_is_told_once() -> None:
    values = wave(FIVE_MINUTES, 12)
    found = np.flatnonzero(anomalies(values, FIVE_MINUTES).anomalies)
    half = len(values) // 2
    assert (found >= half).sum() <= (found < half).sum()
    values[-300:-200] += 90
    late = np.flatnonzero(anomalies(values, FIVE_MINUTES).anomalies[-300:-200])
    assert 1 <= len(late) <= 2


def test_unknown_is_not_strange() -> None:
    values = wave(HOURS, 40)
    values[500:520] = np.nan
    found = anomalies(values, HOURS)
    assert not found.anomalies[500:520].any()
    assert np.isfinite(found.scores).all()
    nothing = anomalies(np.full(100, np.nan), HOURS)
    assert not nothing.anomalies.any()
    assert len(anomalies(np.empty(0), HOURS).scores) == 0


@pytest.mark.parametrize("many", [1, 2, 11, 12, 13, 30])
def test_little_is_answered_with_nothing(many) -> None:
    assert not anomalies(np.arange(float(many)), HOURS).anomalies.any()


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.integers(200, 700))
def test_what_is_said_of_a_moment_never_changes(seed, cut) -> None:
    chance = np.random.default_rng(seed)
    values = chance.normal(50, 10, 720)
    whole = anomalies(values, HOURS)
    before = anomalies(values[:cut], HOURS)
    assert before.scores == pytest.approx(whole.scores[:cut], abs=1e-9)
    assert before.anomalies.tolist() == whole.anomalies[:cut].tolist()


def test_the_rank_is_against_the_strangest_so_far() -> None:
    values = np.array([float("nan"), *range(1, STRANGEST + 1), 0.5, 4.0, 1e9])
    found = _ranked(values)
    assert (found[: STRANGEST + 1] == 0).all()
    # 0.5 is below the 32nd largest (1), 4 above what is then the 32nd (2).
    assert found[-3] == pytest.approx(0.5 / 1.5)
    assert found[-2] == pytest.approx(4 / 6)
    assert found[-1] == pytest.approx(1)
    assert found[-3] < THRESHOLD < found[-2]
