"""Since when it grows as fast as it does: changes, none, bursts, too little to say."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.pace import since


def bursts(seed: int, *paces: tuple[int, float]) -> np.ndarray:
    """Return so many weeks at each pace; most days bring little and some much."""
    chance = np.random.default_rng(seed)
    return np.concatenate([chance.gamma(0.7, pace, 7 * weeks) for weeks, pace in paces])


def test_what_always_grew_the_same_never_changed() -> None:
    found = since(np.ones(70))
    assert len(found) == 10
    assert found.sum() == pytest.approx(1)
    assert found[-1] > 0.9


@pytest.mark.parametrize("weeks", [2, 3, 6])
@pytest.mark.parametrize("pace", [0.1, 5.0])
def test_a_change_is_dated_to_the_week(weeks, pace) -> None:
    found = since(np.repeat([1.0, pace], [7 * (20 - weeks), 7 * weeks]))
    assert found.argmax() == weeks - 1
    assert found[weeks - 2 : weeks + 1].sum() > 0.95


def test_days_that_are_no_week_are_the_oldest() -> None:
    changed = np.repeat([1.0, 5.0], [75, 21])
    assert since(changed).argmax() == 2
    assert len(since(changed)) == 13


def test_bursts_are_not_taken_for_changes() -> None:
    """A busy week of a bursty account says less than one of an even account."""
    steady = [since(bursts(seed, (30, 1.0)))[-1] for seed in range(20)]
    assert np.median(steady) > 0.5
    changed = [since(bursts(seed, (20, 1.0), (8, 4.0))) for seed in range(20)]
    assert np.median([one[5:11].sum() for one in changed]) > 0.8


def test_a_quiet_weekend_is_no_burst() -> None:
    """Each weekday is measured by itself, so three weeks of a little more are seen."""
    week = np.array([1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5])
    found = since(np.concatenate([np.tile(week, 16), np.tile(1.3 * week, 3)]))
    assert found[1:4].sum() > 0.8  # 0.3 if a weekend were taken for a burst


def test_it_does_not_depend_on_the_unit() -> None:
    grown = bursts(3, (12, 1.0), (4, 3.0))
    assert since(grown * 1e9) == pytest.approx(since(grown))


@pytest.mark.parametrize(
    ("steps", "weeks"),
    [(np.zeros(30), 4), (-np.ones(30), 4), (np.ones(13), 1), (np.ones(6), 0)],
    ids=["still", "shrinks", "a week", "less"],
)
def test_what_says_nothing_still_adds_up(steps, weeks) -> None:
    found = since(steps)
    assert len(found) == weeks
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1 if weeks else 0)
