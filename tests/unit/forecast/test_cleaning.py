"""What is cleaned up regularly: its day, its share, what has come since, what comes."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.cleaning import Cleaned, cleaned


def steps(days: int, every: int, share: float, first: int) -> np.ndarray:
    """Return one a day, and of what has come a *share* away on each day of cleaning."""
    found = np.ones(days)
    found[first::every] -= share * every
    return found


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_weekly_clean_up_is_known_by_its_weekday_and_its_share(share, first) -> None:
    found = cleaned(steps(70, 7, share, first + 7))
    assert found.every == 7
    assert found.due == first
    assert found.share == pytest.approx(share)
    assert found.since == pytest.approx(6 - first)
    assert found.steps == pytest.approx(np.ones(70))
    assert found.certain


def test_a_monthly_clean_up_is_known_too() -> None:
    found = cleaned(steps(80, 30, 0.6, 12))
    assert (found.every, found.due, found.certain) == (30, 22, True)
    assert found.share == pytest.approx(0.6)
    assert found.since == pytest.approx(7)


def test_what_began_before_the_first_day_is_reckoned_with() -> None:
    """Only twelve days of the first month are known, but all of it was cleaned."""
    found = cleaned(steps(40, 30, 0.6, 12))
    assert found.share == pytest.approx(0.6)
    assert not found.certain


def test_a_week_more_or_less_is_still_weekly() -> None:
    some = steps(70, 7, 0.5, 3)
    some[[10, 38]] = 1.0
    assert cleaned(some).every == 7
    some[[3, 24, 31, 52, 59]] = 1.0
    assert cleaned(some).share == 0


@pytest.mark.parametrize(
    "some",
    [
        np.zeros(20),
        np.ones(60),
        -np.ones(60),
        np.tile([1.0, -1.0], 30),
        chance(2).normal(0, 1, 90),
        steps(60, 11, 0.8, 4),
    ],
    ids=["still", "grows", "shrinks", "sways", "noise", "eleven days"],
)
def test_what_is_not_regular_is_left_alone(some) -> None:
    found = cleaned(some)
    assert found.share == 0
    assert found.steps is some


def test_a_month_that_was_left_out_is_the_last_one_waited_for() -> None:
    some = steps(80, 30, 0.6, 12)
    some = np.concatenate([some[:43], np.ones(33)])
    assert cleaned(some[:75]).due == 0
    assert cleaned(some).share == 0


def test_after_a_busy_week_more_goes() -> None:
    known = Cleaned(np.ones(21), share=0.5, since=4.0, due=1, every=7)
    ahead = np.array([[1.0] * 9, [3.0] * 9])
    less = known.less(ahead, chance())
    assert less[0].tolist() == [1, -1, 0, 1, 2, 3, 4, 5, 2.5]
    assert less[1].tolist() == [3, 1, 4, 7, 10, 13, 16, 19, 11.5]
    once = known._replace(certain=False).less(np.ones((400, 9)), chance())
    assert 0.4 < (once[:, 1] == 2).mean() < 0.6
    assert set(once[:, 1].tolist()) == {2.0, -1.0}
