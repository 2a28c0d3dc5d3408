"""What comes and goes: its slopes, its steps, its hours of the week, its noise."""

from __future__ import annotations

import numpy as np
import pytest

from reconciler.forecast.level import begun, breaches, level, suits, tried

DAYS = 60
HOURS = np.arange(DAYS * 24)


def noise(seed: int = 3, size: float = 0.036, many: int = len(HOURS)) -> np.ndarray:
    """Noise that remembers four fifths of the hour before."""
    shocks = np.random.default_rng(seed).normal(0, size, many)
    found = np.empty(many)
    last = 0.0
    for hour in range(many):
        last = found[hour] = 0.8 * last + shocks[hour]
    return found


def wave(slow=1.0, seed: int = 3) -> np.ndarray:
    """A day of 40 % around its mean; *slow* is a factor, by the hour."""
    daily = 1 + 0.4 * np.cos((HOURS - 14) * 2 * np.pi / 24)
    return 0.3 * daily * slow * np.exp(noise(seed))


def ahead(values: np.ndarray, limit: float, days: int = 14):
    return level(values, limit, days * 24, np.random.default_rng(5))


def risen(days: int, a_day: float) -> np.ndarray:
    """One, and since *days* ago so much more each day."""
    return 1 + a_day * np.maximum(HOURS / 24 - (DAYS - days), 0)


def test_a_slope_goes_on_and_what_stands_still_stands() -> None:
    rising, still = ahead(wave(risen(30, 0.03)), 0.88), ahead(wave(), 0.48)
    assert rising.chances[0] < 0.05
    assert rising.chances[3] < 0.5
    assert rising.chances[7] > 0.7
    assert still.chances[-1] < 0.1  # as near to its limit, by what was seen
    assert list(rising.chances) == sorted(rising.chances)


def test_the_peak_grows_with_the_level() -> None:
    """The mean may rise by 20 %; so does the top, which has more of it."""
    found = ahead(wave(risen(20, 0.02)), 9.0)
    days = found.median.reshape(14, 24)
    grown = days[-1] / days[0]
    assert grown.max() - grown.min() < 0.05
    assert 1.1 < grown.mean() < 1.3
    assert (found.upper > found.median).all()


def test_a_step_is_no_slope() -> None:
    """Two days after it: as high as a slope that would go on, and it does not."""
    stepped = np.where(HOURS >= (DAYS - 2) * 24, 1.3, 1.0)
    found = ahead(wave(stepped), 0.68)
    assert found.chances[-1] < 0.3
    assert found.median.max() < 0.3 * 1.4 * 1.3 * 1.08


@pytest.mark.parametrize("factor", [0.5, 1.4])
def test_an_odd_day_is_no_step(factor: float) -> None:
    """After a holiday it is as before; after a week of them it may not be."""

    def tomorrow(days: int) -> float:
        odd = np.where((DAYS - days) * 24 > HOURS, 1.0, factor)
        return ahead(wave(odd), 9.0, 1).median.mean() / 0.3

    assert tomorrow(1) == pytest.approx(1, abs=0.06)
    assert tomorrow(7) == pytest.approx(factor, abs=0.06)


def test_a_slope_that_has_ended_has_ended() -> None:
    ended = np.minimum(risen(30, 0.03), risen(30, 0.03)[-10 * 24])
    assert ahead(wave(ended), 0.81).chances[-1] < 0.2
    assert ahead(wave(risen(30, 0.03)), 0.81).chances[-1] > 0.9


def test_a_lone_spike_changes_nothing_and_what_comes_again_does() -> None:
    lone, again = wave(), wave()
    lone[-60:-58] *= 3
    for back in range(1, 9):
        again[-back * 168 + 50 : -back * 168 + 54] = 0.9  # four hours each week
    plain = ahead(wave(), 0.8)
    assert ahead(lone, 0.8).chances[-1] <= plain.chances[-1] + 0.01
    found = ahead(again, 0.8)
    assert found.chances[-1] > 0.9
    assert found.hours is not None
    assert found.hours // 24 == 2  # on its own day of the week
    assert found.chances[1] < 0.1


def test_weekends_are_known() -> None:
    quiet = np.where((HOURS // 24) % 7 >= 5, 0.6, 1.0)  # day 60 is a Friday
    found = ahead(wave(quiet), 9.0).median.reshape(14, 24).mean(axis=1)
    weekend = [day for day in range(14) if (DAYS + day) % 7 >= 5]
    working = [day for day in range(14) if day not in weekend]
    assert found[weekend].max() < 0.7 * found[working].min()


def test_the_chances_are_what_comes() -> None:
    """On 16 accounts: about as many reach it as were said to."""
    told, came = [], []
    for seed in range(16):
        slow = risen(60, 0.004) / 1.24
        values = wave(slow, seed)
        rest = 0.3 * (1 + 0.4 * np.cos((np.arange(168) - 14) * 2 * np.pi / 24))
        rest = rest * (1 + 0.004 / 1.24 * np.arange(168) / 24)
        after = rest * np.exp(noise(seed + 99, many=168))
        told.append(level(values, 0.44, 168, np.random.default_rng(1)).chances[-1])
        came.append(breaches(after[None], 0.44, values[-24:])[0] >= 0)
    assert abs(np.mean(told) - np.mean(came)) < 0.2
    assert 0.5 < np.mean(came) < 1


@pytest.mark.parametrize(
    ("before", "hours", "first"),
    [
        ((), (3, 4, 5), 5),
        ((), (3, 4), -1),
        ((), (3, 4, 30), -1),
        ((), (3, 20, 26), 26),  # three of any 24
        ((22, 23), (0,), 0),  # two hours of yesterday count
        ((22, 23), (23,), -1),
        ((20, 21, 22), (), -1),  # that was yesterday's
    ],
)
def test_the_third_hour_of_any_day_is_the_breach(before, hours, first) -> None:
    known, path = np.zeros(24), np.zeros((1, 48))
    known[list(before)] = 1.0
    path[0, list(hours)] = 1.0
    assert breaches(path, 1.0, known).tolist() == [first]


def test_it_is_tried_before_it_is_believed() -> None:
    found = tried(wave(risen(60, 0.005)), 14 * 24, np.random.default_rng(1))
    assert 0 < found.mase < found.naive_mase
    assert 0.85 < found.coverage < 1
    short = wave()[-22 * 24 :]
    assert tried(short, 14 * 24, np.random.default_rng(1)).naive_mase > 0
    assert tried(short[-21 * 24 :], 336, np.random.default_rng(1)) == (0, 0, 0)


def test_what_it_does_not_suit() -> None:
    assert suits(wave())
    assert not suits(wave()[: 21 * 24 - 1])
    assert not suits(np.maximum(wave() - 0.3, 0) * (HOURS % 24 < 11))  # mostly nothing


def test_nothing_breaks_on_what_is_nearly_nothing() -> None:
    for values in (
        np.where(HOURS % 24 < 20, 1.0, 0.0),
        np.where(HOURS == 700, 2.0, 1.0),
        1e12 * wave(),
        1e-9 * wave(),
    ):
        found = ahead(values, 3 * values.max())
        assert np.isfinite(found.upper).all()
        assert found.chances.max() <= 0.05


# -- the hours of the first day ------------------------------------------------------


def near(reached: int, last: float = 0.44, limit: float = 0.42):
    """At its top now: so many of the hours up to now are at the limit of 0.42."""
    values = wave()[: DAYS * 24 - 9]  # until three in the afternoon
    values[-24:] = np.minimum(values[-24:], 0.41)
    values[len(values) - reached :] = last
    return level(values, limit, 14 * 24, np.random.default_rng(5))


def test_the_hours_add_up_to_the_day() -> None:
    found = near(1)
    assert len(found.soon) == 24
    assert list(found.soon) == sorted(found.soon)
    assert found.soon[-1] == found.chances[0] > 0
    short = level(wave(), 0.42, 6, np.random.default_rng(5))
    assert len(short.soon) == 6
    assert short.soon[-1] == short.chances[0]


def test_the_third_hour_is_what_may_be_near() -> None:
    """Two are known: what comes next may be the third. One is: not before two hours."""
    none, one, two = near(0), near(1), near(2)
    assert none.soon[1] == one.soon[0] == 0
    assert none.soon[2] < one.soon[2] < two.soon[2]
    assert one.soon[1] > 0.2
    assert two.soon[0] > 0.5


def test_hours_far_above_all_others_say_nothing_of_the_next() -> None:
    """As before they came; a third of them is no spike any more."""
    limit = 0.5  # a fifth above the usual top
    two, three = near(2, 1.4, limit), near(3, 1.4, limit)
    assert two.soon[0] < 0.02
    assert three.soon[0] > 0.1


@pytest.mark.parametrize(
    ("hours", "last", "next_"), [(2, 1.1, 1), (2, 1.4, 0), (3, 1.4, 1)]
)
def test_a_spike_is_none_of_three_where_paths_begin_at_it(hours, last, next_) -> None:
    """As those of a combined forecast do, which goes on with what was last."""
    values = np.ones(30 * 24)
    values[len(values) - hours :] = last
    days, found = begun(np.full((10, 48), last), 1.1, values)
    assert days[0] == found[-1]  # the same breach, told by days and by hours
    assert found[0] == next_
    assert found[2] == 1
