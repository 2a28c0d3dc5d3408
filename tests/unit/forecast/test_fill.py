"""When a disk will be full: straight lines, saw-teeth, months, jumps, alarms."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast import fill
from reconciler.forecast.members import DAY

DAYS = np.arange(70.0)


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_peaks_are_of_whole_days_counted_back_from_now() -> None:
    hours = np.concatenate([np.full(5, 99.0), np.arange(48.0)])
    assert fill.peaks(hours).tolist() == [23, 47]
    assert fill.peaks(np.arange(23.0)).tolist() == []


@pytest.mark.parametrize(("limit", "days"), [(75, 6), (83, 14), (84, 15)])
def test_a_straight_line_is_told_to_the_day(limit, days) -> None:
    found = fill.fill(DAYS, limit, 14, chance(), look=30)
    assert found.days == days
    assert found.probability == (1.0 if days <= 14 else 0.0)


def test_what_shrinks_or_stands_never_fills() -> None:
    for peak in (100 - DAYS, np.full(70, 50.0)):
        found = fill.fill(peak, 101, 14, chance(), look=90)
        assert (found.probability, found.days) == (0.0, None)
    assert fill.fill(20 - DAYS[:20], 50, 90, chance()).median.min() == 0


def test_a_weekly_saw_tooth_is_no_slope() -> None:
    """It grows six days and is cleaned on the seventh: a line through days would rise."""
    teeth = 80 + 2.5 * (DAYS % 7)
    for ends in range(50, 70):
        assert fill.fill(teeth[:ends], 96, 14, chance()).probability == 0


def test_quiet_weekends_stay_where_they_are() -> None:
    grown = np.cumsum(np.where(DAYS % 7 < 5, 1.0, 0.0))
    found = fill.fill(grown[:70], 1e9, 14, chance())
    assert found.median.tolist() == (50 + np.cumsum([1, 1, 1, 1, 1, 0, 0] * 2)).tolist()


def test_a_monthly_clean_up_is_expected_on_its_day() -> None:
    """Two have been seen, the next is due in five days: it does not get that far."""
    month = 50 + 1.0 * (np.arange(90) % 30)
    now = 90 - 5
    found = fill.fill(month[:now], 82, 14, chance())
    assert found.probability == 0
    assert found.median[4] > 78
    assert found.median[5] < 60


def test_a_clean_up_that_did_not_come_is_not_waited_for() -> None:
    month = 50 + 1.0 * (np.arange(90) % 30)
    late = np.concatenate([month, month[-1] + 1 + np.arange(6.0)])
    assert fill.fill(late, late[-1] + 10, 14, chance()).probability > 0.5


def test_one_busy_week_is_not_a_slope() -> None:
    """A jump of the past is drawn only as often as its age makes it."""
    jump = np.where(DAYS < 40, 40.0, 60.0)
    assert fill.fill(jump, 79, 14, chance()).probability < 0.3


def test_a_change_is_followed() -> None:
    """Four weeks at ten times the pace count more than the seven before."""
    faster = np.concatenate([np.arange(50) * 0.1, 5 + np.arange(1.0, 29.0)])
    assert fill.fill(faster, faster[-1] + 7, 14, chance()).probability > 0.75
    slower = np.concatenate([np.arange(50) * 1.0, 50 + np.arange(1.0, 29.0) / 10])
    assert fill.fill(slower, slower[-1] + 8, 14, chance()).probability < 0.5


def test_what_was_cleaned_up_once_may_be_again() -> None:
    once = np.concatenate([50 + np.arange(30.0), 50 + np.arange(25.0)])
    assert 0.3 < fill.fill(once, 82, 14, chance()).probability < 0.7
    later = fill.fill(once[:40], 68, 14, chance())
    assert later.probability == 1


def test_the_same_seed_says_the_same() -> None:
    noisy = np.cumsum(chance(3).gamma(0.7, 1, 70))
    one, two = (fill.fill(noisy, noisy[-1] + 10, 14, chance(5)) for _ in range(2))
    assert one.probability == two.probability
    assert 0 < one.probability < 1
    assert (one.upper >= one.median).all()


def test_too_little_is_refused_and_not_replayed() -> None:
    with pytest.raises(ValueError, match="15 are needed"):
        fill.paths(DAYS[:14], 14, chance())
    assert fill.replay(DAYS[:21], 14, chance()) is None


def test_a_replay_knows_whether_it_was_any_good() -> None:
    good = fill.replay(DAYS, 14, chance())
    assert good is not None
    assert good.skill
    assert (good.error, good.naive, good.scale) == (0.0, 7.5, 1.0)
    assert good.coverage == 1.0
    flat = fill.replay(np.where(DAYS % 2 > 0, 50.0, 51.0), 14, chance())
    assert flat is not None
    still = fill.replay(np.full(70, 50.0), 14, chance())
    assert still is not None
    assert not still.skill


@pytest.mark.parametrize(
    ("said", "alarmed"),
    [
        ([0.69, 0.7, 0.5, 0.43], [0, 1, 1, 1]),
        ([0.8, 0.41, 0.43, 0.41, 0.41, 0.69], [1, 1, 1, 1, 0, 0]),
        ([0.8, 0.0, 0.8, 0.0, 0.0], [1, 1, 1, 1, 0]),
        ([], []),
    ],
)
def test_an_alarm_comes_at_once_and_goes_slowly(said, alarmed) -> None:
    assert fill.alarms(said, on=0.7) == [bool(one) for one in alarmed]


def test_hours_of_an_account_become_its_days() -> None:
    """With a nightly backup on top, it is the peak that counts."""
    used = np.repeat(DAYS, DAY)
    used[3::DAY] += 10
    assert fill.peaks(used).tolist() == (DAYS + 10).tolist()


def test_what_lies_there_for_a_night_is_not_taken_for_growth() -> None:
    """The backup of tonight comes on top of what is stored now, not of last night."""
    used = np.repeat(np.where(DAYS < 69, 50.0, 70.0), DAY)
    used[3::DAY] += 10
    peak, rest = fill.peaks(used), fill.rests(used)
    assert rest.tolist() == [50.0] * 69 + [70.0]
    found = fill.fill(peak, 80, 14, chance(), rest=rest)
    assert (found.probability, found.days) == (1.0, 1)
    assert found.upper[0] == 80
    assert fill.fill(peak[:69], 80, 14, chance(), rest=rest[:69]).probability == 0


def test_what_came_all_at_once_comes_as_often_as_ever() -> None:
    """Of three jumps the last two were lately: that does not make one a week."""
    grown = 50 + np.cumsum(np.isin(DAYS, (5, 55, 64)) * 9.0)
    found = fill.fill(grown, grown[-1] + 8, 14, chance())
    assert 0.3 < found.probability < 0.6  # 1 - (66 / 69) ** 14 = 0.46
    assert fill.fill(grown, grown[-1] + 17, 14, chance()).probability < 0.25


def test_what_is_not_known_yet_makes_the_paths_differ() -> None:
    """Days drawn alone would differ by 0.5 * sqrt(60) = 3.9 together."""
    grown = np.cumsum(np.where(np.arange(71) // 7 % 2, 0.5, 1.5))
    assert fill.paths(grown, 60, chance())[:, -1].std() > 6


def test_a_replay_is_of_what_was_stored_then() -> None:
    used = np.repeat(DAYS, DAY)
    used[3::DAY] += 10
    peak, rest = fill.peaks(used), fill.rests(used)
    found = fill.replay(peak, 14, chance(), rest)
    assert found is not None
    assert (found.error, found.naive, found.coverage) == (0.0, 7.5, 1.0)


def test_growth_since_a_change_is_what_half_of_the_paths_follow() -> None:
    """Seven weeks at a third of the pace before: the quick and slow view is above."""
    slower = np.cumsum(np.repeat([3.0, 1.0], [91, 49]))
    ahead = fill.paths(slower, 14, chance())[:, -1] - slower[-1]
    assert ahead[1::2].mean() == pytest.approx(14, abs=0.5)
    assert ahead[::2].mean() > 16


def test_the_days_before_the_first_week_are_of_a_pace_that_never_changed() -> None:
    """Five days and ten weeks: the five are not left out."""
    grown = np.cumsum(np.repeat([1.0, 4.0, 1.0], [1, 5, 70]))
    ahead = fill.paths(grown, 14, chance())[:, -1] - grown[-1]
    assert ahead[1::2].max() > 14


def test_a_clean_up_seen_by_the_hour_is_put_back_on_its_day() -> None:
    """Ten come on each day of the clean-up and seven go: no evening shows it."""
    come = np.where(DAYS % 7 == 3, 10.0, 1.0)
    fell = np.where(DAYS % 7 == 3, 7.0, 0.0)
    rest = np.cumsum(come - fell)
    peak = rest + fell
    found = fill.fill(peak, rest[-1] + 20, 14, chance(), rest=rest, fell=fell)
    assert found.median[-1] - rest[-1] == pytest.approx(18, abs=0.5)
    before = fill.replay(peak, 14, chance(), rest, fell)
    assert before is not None
    assert before.skill


def hourly(stored, limit):
    """Return what is said of the day to come, and by the hour."""
    rest = fill.rests(stored)
    found = fill.fill(fill.peaks(stored), limit, 14, chance(), 0, rest)
    return found.chances[0], fill.soon(found, limit, rest, stored).tolist()


def test_the_hours_of_the_first_day_are_like_those_that_were() -> None:
    """What fills it tomorrow is the backup of the night, at two."""
    hours = np.arange(40 * DAY)
    stored = 50 + hours / DAY * 0.5 + (hours % DAY == 2) * 6
    stored += np.random.default_rng(3).normal(0, 0.3, len(hours))
    day, soon = hourly(stored, 76.0)
    assert (len(soon), soon[:2]) == (DAY, [0, 0])
    assert soon[2] == pytest.approx(soon[-1], abs=0.02)
    assert soon[-1] == day > 0.3


def test_before_an_upload_any_hour_is_as_good_as_another() -> None:
    hours = np.arange(40 * DAY)
    stored = 50 + hours / DAY * 0.1
    stored[20 * DAY + 13 :] += 5
    stored[30 * DAY + 13 :] += 5
    day, soon = hourly(stored, stored[-1] + 2)
    assert 0 < soon[11] < soon[-1] == day < 0.2
