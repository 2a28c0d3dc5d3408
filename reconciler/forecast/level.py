"""
How what comes and goes goes on, hour by hour: paths with their own peaks. Pure.

An hour is the level of its day (see ``trend``), times what its hour of the day usually
has, times noise that remembers the hour before. Peaks grow with the level. What comes
at the same hour of the same weekday again and again is an hour of its own: a backup on
Sundays is no noise. An hour or two far above all others says nothing of the days to
come; what stays up longer, more than once, comes again as often as it did.

The paths are counted, not drawn through: "three hours of any 24 at or over the limit"
is no property of a median.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reconciler.forecast.members import DAY, Array
from reconciler.forecast.trend import WEEK, Trend, trend

#: Days without which the shape of a week and a slope are not told from each other.
LEAST_DAYS: Final = 3 * WEEK
#: Days looked at, at most.
MOST_DAYS: Final = 60
#: Paths that are drawn, and those of each back-test.
PATHS: Final = 600
_TRIED: Final = 100
#: Moments at which it is tried before it is believed, one horizon apart.
_ROUNDS: Final = 3
#: Hours of any 24 that are more than a spike.
SUSTAINED: Final = 3
#: An hour is not lower than such a part of the middle one: of nothing there is no part.
_LOWEST: Final = 0.02
#: From the median of distances to the middle to a standard deviation.
_SIGMA: Final = 1.4826
#: The error of a median beside that of a mean.
_MEDIAN: Final = 1.25
#: Hours so many times the usual error from what they should be are clipped, count as
#: odd, and are an hour of the week of their own (in parts of the error of its mean).
_CLIPPED, _ODD, _OWN = 3.0, 4.0, 3.5
#: So many times what all but a few hours are below is a spike, as long as it is new.
_SPIKE, _BELOW = 1.25, 0.99
#: No noise remembers more of the hour before.
_MEMORY: Final = 0.98


class Level(NamedTuple):
    """
    What the paths say.

    Attributes:
        chances: That a breach begins within one day, two days, and so on.
        soon: The same within one hour, two hours, up to the end of the first day.
        hours: Until half of the paths have one; None: not within the horizon.
        median: Of each hour; ``upper`` its 95 % quantile.
    """

    chances: Array
    soon: Array
    hours: int | None
    median: Array
    upper: Array


class Trial(NamedTuple):
    """
    How the same would have done before; see ``combined.Combined`` for the measures.

    All three are 0 where there is too little history to try it even once.
    """

    mase: float = 0.0
    naive_mase: float = 0.0
    coverage: float = 0.0


class _Parts(NamedTuple):
    """
    What whole days are made of, as logarithms.

    Attributes:
        daily: What each hour of a day has, and ``own`` what one of the week has more:
            seven rows, of which the first one is like the last day known.
        noise: What is left of each hour.
    """

    trend: Trend
    daily: Array
    own: Array
    noise: Array


def level(
    values: Array, limit: float, hours: int, chance: np.random.Generator
) -> Level:
    """
    Say how *values*, one for each hour and without gaps, go on for some *hours*.

    Args:
        values: At least `LEAST_DAYS`, and most of them above zero (see `suits`).
        limit: In the unit of *values*.
        hours: To look ahead.
        chance: The paths are drawn from it.
    """
    paths = _paths(_parts(values), -(-hours // DAY), PATHS, chance)[:, :hours]
    first = breaches(np.exp(paths), limit, values[-DAY:])
    days = np.arange(1, -(-hours // DAY) + 1) * DAY
    begun = np.sort(np.where(first < 0, hours, first))
    half = int(begun[(len(begun) - 1) // 2])
    median, upper = _lines(paths)
    return Level(
        chances=_within(first, days),
        soon=_within(first, np.arange(1, min(hours, DAY) + 1)),
        hours=half if half < hours else None,
        median=median,
        upper=upper,
    )


def _lines(paths: Array) -> tuple[Array, Array]:
    """Return the median and the 95 % quantile of each hour of logarithms of paths."""
    ordered = np.sort(np.ascontiguousarray(paths.T), axis=1)

    def at(share: float) -> Array:
        place = share * (ordered.shape[1] - 1)
        low = int(place)
        high = min(low + 1, ordered.shape[1] - 1)
        step = ordered[:, high] - ordered[:, low]
        found: Array = np.exp(ordered[:, low] + step * (place - low))
        return found

    return at(0.5), at(0.95)


def suits(values: Array) -> bool:
    """Say whether there is enough of *values* to speak of parts of a level."""
    return len(values) >= LEAST_DAYS * DAY and float(np.median(values)) > 0


def breaches(paths: Array, limit: float, before: Array) -> Array:
    """
    Return for each of *paths* the hour in which it is breached; -1: it is not.

    That is the first hour at or over *limit* that is the third within 24 hours; those
    of the day *before* count among them.
    """
    known = np.broadcast_to(before >= limit, (len(paths), DAY))
    over = np.concatenate((known, paths >= limit), axis=1)
    many = np.cumsum(over, axis=1, dtype=np.int32)
    within = (many[:, DAY:] - many[:, :-DAY] >= SUSTAINED) & over[:, DAY:]
    found: Array = np.where(within.any(axis=1), within.argmax(axis=1), -1)
    return found


def begun(paths: Array, limit: float, values: Array) -> tuple[Array, Array]:
    """
    Return how probable it is that a breach begins by each day, and each hour of one.

    *paths* begin after *values*, at what was last. Where that is an hour or two far
    above everything before, it is a spike, and is none of the three.
    """
    before = values[-DAY:].copy()
    spiked = _spiked(values)
    before[len(before) - spiked :] = 0.0
    first, hours = breaches(paths, limit, before), paths.shape[1]
    days = np.arange(1, -(-hours // DAY) + 1) * DAY
    return _within(first, days), _within(first, np.arange(1, min(hours, DAY) + 1))


def _spiked(values: Array) -> int:
    """Return how many of the last hours, two at most, are far above all but spikes."""
    usual = _SPIKE * np.quantile(values, _BELOW)
    high = [bool(one > usual) for one in values[: -SUSTAINED - 1 : -1]]
    many = high.index(False) if False in high else SUSTAINED
    return many if many < SUSTAINED else 0


def _within(first: Array, hours: npt.NDArray[np.int64]) -> Array:
    """Return the share of *first* hours (negative: never) within each of *hours*."""
    found: Array = ((first >= 0) & (first < hours[:, None])).mean(axis=1)
    return found


def tried(values: Array, hours: int, chance: np.random.Generator) -> Trial:
    """Look ahead from earlier moments, and compare with what came then."""
    values = values[-MOST_DAYS * DAY :]
    possible = (len(values) // DAY - LEAST_DAYS) // _ROUNDS
    reach = max(1, min(-(-hours // DAY), possible)) * DAY
    origins = [len(values) - reach * back for back in range(1, _ROUNDS + 1)]
    origins = [at for at in origins if suits(values[:at])]
    if not origins:
        return Trial()
    errors, now, yesterday, under = [], [], [], []
    for at in origins:
        paths = _paths(_parts(values[:at]), reach // DAY, _TRIED, chance)
        came, before = values[at : at + reach], values[at - DAY : at]
        median, upper = _lines(paths)
        errors.append(np.abs(median - came).mean())
        now.append(np.abs(before[-1] - came).mean())
        yesterday.append(np.abs(np.resize(before, reach) - came).mean())
        under.append((came <= upper).mean())
    scale = float(np.abs(values[DAY:] - values[:-DAY]).mean()) or 1.0
    naive = min(float(np.mean(now)), float(np.mean(yesterday)))
    return Trial(float(np.mean(errors)) / scale, naive / scale, float(np.mean(under)))


def _parts(values: Array) -> _Parts:
    """Take *values* apart: the days, the hours of a day and of a week, and the rest."""
    days = min(len(values) // DAY, MOST_DAYS)
    known = values[-days * DAY :]
    logs = np.log(np.maximum(known, _LOWEST * np.median(known))).reshape(days, DAY)
    daily, levels = np.zeros(DAY), np.median(logs, axis=1)
    for _ in range(2):
        daily = np.median(logs - levels[:, None], axis=0)
        levels = np.median(logs - daily, axis=1)
    rest = logs - daily - levels[:, None]
    own = _own(rest)
    again = (np.arange(days) - (days - 1)) % WEEK
    rest = rest - own[again]
    odd = _CLIPPED * _spread(rest)
    levels = levels + np.clip(rest, -odd, odd).mean(axis=1)
    found = trend(levels)
    noise = (logs - daily - own[again] - found.fitted[:, None]).ravel()
    return _Parts(found, daily, own, _quiet(noise))


def _own(rest: Array) -> Array:
    """
    Return what each hour of the week has of its own.

    An hour that is far from the others for certain counts in full; else a day of the
    week counts by how much more than chance there is in all of it (James and Stein).
    """
    found = np.zeros((WEEK, DAY))
    usual = _spread(rest)
    for weekday in range(WEEK):
        same = rest[(len(rest) - 1 - weekday) % WEEK :: WEEK]
        middle = np.median(same, axis=0)
        error = usual * _MEDIAN / np.sqrt(len(same))
        square = max(float((middle**2).mean()), 1e-12)
        part = max(0.0, 1 - error**2 / square)
        sure = np.abs(middle) > _OWN * error
        found[-weekday % WEEK] = np.where(sure, middle, part * middle)
    return found


def _spread(rest: Array) -> float:
    return _SIGMA * float(np.median(np.abs(rest - np.median(rest)))) + 1e-12


def _quiet(noise: Array) -> Array:
    """Return *noise* without what will not come again: spikes, falls, accidents."""
    usual = _spread(noise)
    within = np.clip(noise, -_CLIPPED * usual, _CLIPPED * usual)
    clipped = np.where(np.abs(noise) > _ODD * usual, within, noise)
    high = noise > _ODD * usual
    edges = np.flatnonzero(np.diff(np.concatenate(([False], high, [False]))))
    runs = [
        (first, after)
        for first, after in edges.reshape(-1, 2).tolist()
        if after - first >= SUSTAINED
    ]
    if len(runs) > 1:  # once is an accident
        for first, after in runs:
            clipped[first:after] = noise[first:after]
    return clipped


def _remembered(noise: Array, memory: float) -> float:
    """
    Return how far off the last hour is, as far as the next one remembers it.

    What has been far above all others for an hour or two is a spike until there is
    more of it: what was before it says more of the hour to come.
    """
    usual, back = _spread(noise), 0
    while back < SUSTAINED and noise[-1 - back] >= _CLIPPED * usual:
        back += 1
    if back == SUSTAINED:
        return float(noise[-1])
    return float(noise[-1 - back]) * memory**back


def _paths(parts: _Parts, days: int, many: int, chance: np.random.Generator) -> Array:
    """Return the logarithms of *many* ways in which the hours may go on."""
    noise = parts.noise
    square = float(noise @ noise)
    memory = float(noise[1:] @ noise[:-1]) / square if square else 0.0
    # What is estimated from so many hours comes out a little too small (Kendall 1954).
    memory = min(max(memory, 0.0) + (1 + 3 * memory) / len(noise), _MEMORY)
    shocks = noise[1:] - memory * noise[:-1]
    shocks = shocks - shocks.mean()
    drawn = shocks[chance.integers(0, len(shocks), (days * DAY, many))]
    last = np.full(many, _remembered(noise, memory))
    for hour in range(days * DAY):
        last = drawn[hour] = memory * last + drawn[hour]
    levels = parts.trend.paths(days, many, chance)
    usual = parts.daily + parts.own[np.arange(1, days + 1) % WEEK]
    found: Array = (
        drawn.T.reshape(many, days, DAY) + levels[:, :, None] + usual
    ).reshape(many, -1)
    return found
