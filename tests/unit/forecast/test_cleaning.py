"""What is cleaned up regularly: its day, its share, what has come since, what comes."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.cleaning import Cleaned, cleaned, fallen


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


def hours(days: int, noise: float = 0.05) -> np.ndarray:
    """Return half a unit more each day, hour by hour, with some noise."""
    grown = 50 + np.arange(days * 24) / 48
    return grown + chance(4).normal(0, noise, days * 24)


def test_what_falls_within_an_hour_is_known_with_what_grew_that_day() -> None:
    values = hours(70)
    for day in range(5, 70, 7):
        values[day * 24 + 12 :] -= 2.5
    fell = fallen(values)
    assert np.flatnonzero(fell).tolist() == list(range(5, 70, 7))
    assert fell[5::7] == pytest.approx(np.full(10, 2.5), abs=0.3)
    rest = np.median(values.reshape(-1, 24)[:, -3:], axis=1)
    found = cleaned(np.diff(rest), fell[1:])
    assert (found.every, found.due, found.certain) == (7, 5, True)
    assert found.share == pytest.approx(2.5 / 3.5, abs=0.05)
    assert found.steps == pytest.approx(np.full(69, 0.5), abs=0.4)


def test_a_backup_of_the_night_does_not_fall() -> None:
    values = hours(30).reshape(-1, 24)
    values[:, 2:5] += 9.0
    for now in range(24):
        assert fallen(values.ravel()[: 29 * 24 + now]).sum() == 0
    assert fallen(hours(30)).sum() == 0


def test_days_of_falls_are_counted_back_from_the_last_hour() -> None:
    values = hours(30)
    values[20 * 24 + 12 :] -= 3
    assert np.flatnonzero(fallen(values[5:])).tolist() == [19]
    assert fallen(values[:23]).tolist() == []


def test_a_busy_day_does_not_hide_its_clean_up() -> None:
    """It grows by more than goes: from evening to evening nothing falls."""
    grown = np.ones(62)
    fell = np.zeros(62)
    fell[[0, 30, 60]] = 12.0
    grown[[0, 30, 60]] = 14.0
    assert cleaned(grown - fell).share == 0
    found = cleaned(grown - fell, fell)
    assert (found.every, found.due) == (30, 28)
    assert found.steps.tolist() == grown.tolist()
    assert found.share == pytest.approx(12 / 43, abs=0.03)


def test_a_clean_up_that_takes_hours_is_sought_in_the_days() -> None:
    slow = steps(70, 7, 0.4, 3)
    found = cleaned(slow, np.zeros(70))
    assert found.share == pytest.approx(0.4)
    assert found.steps == pytest.approx(cleaned(slow).steps)
