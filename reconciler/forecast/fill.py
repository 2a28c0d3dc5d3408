"""
When something that only ever fills up will be full: a bootstrap of its days. Pure.

A quota is hit by the peak of a day, not by its mean. So two things are followed: what
is stored at the end of each day, and how far above that the next day went, which is
where a nightly backup lies. Days of the past are drawn with the weekday they are to be
like, so that quiet weekends stay where they are: on half of the paths the recent ones
more often, on the others those since the pace changed, whenever that was. What comes
all at once, and what is cleaned up once a week or a month, is taken out before and put
back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reconciler.forecast.cleaning import WEEK, cleaned
from reconciler.forecast.members import DAY, Array
from reconciler.forecast.pace import since

#: Days of history without which nothing is said: two weeks of steps.
LEAST_DAYS = 2 * WEEK + 1
#: Paths that are drawn.
PATHS = 300
#: After so many days a week of the past is drawn half as often: the mean of a quick
#: view, which follows a change, and of a slow one, which no busy week misleads.
HALF_LIVES = (10.0, 60.0)
#: Hours at the end of a day whose median is what is stored then.
_EVENING = 3
#: A step so many times that of the days around it came all at once ...
_JUMP = 8.0
#: ... if it is at least this share of what is stored.
_NOTED = 0.003
#: Weeks of a new pace that are drawn from at least.
_NEW = 2
#: At this share of the limit it is full enough, whatever a forecast says.
NEARLY = 0.97
#: An alarm begins at this probability, and ends below 0.6 times as much ...
ON = 0.63
OFF = 0.6 * ON
#: ... for so many days in a row.
CLEAR_DAYS = 2


class Fill(NamedTuple):
    """
    What the paths say.

    Attributes:
        probability: That a peak reaches the limit within the horizon.
        days: Until the median path does; None: not within the days looked at.
        median: Of the peaks, day by day.
        upper: The 95 % quantile of the peaks, day by day.
        chances: That it is reached within one day, two days, up to the horizon.
        first: Which step of the past the first day of each path is like, and whether
            it is reached on it; for `soon`.
    """

    probability: float
    days: int | None
    median: Array
    upper: Array
    chances: Array
    first: tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]


class Replay(NamedTuple):
    """
    How the same would have done before.

    Attributes:
        error: Mean absolute error of the median path.
        naive: The same of "it stays as it is".
        scale: Mean absolute step from peak to peak, which both are measured by.
        coverage: The share of days whose peak was not above the 95 % quantile.
        replays: Moments at which it was replayed.
    """

    error: float
    naive: float
    scale: float
    coverage: float
    replays: int

    @property
    def skill(self) -> bool:
        """Whether it was better than saying that everything stays as it is."""
        return self.error < self.naive


def peaks(values: Array) -> Array:
    """Return the peak of each whole day, counted back from the last hour."""
    whole = len(values) // DAY * DAY
    found: Array = values[len(values) - whole :].reshape(-1, DAY).max(axis=1)
    return found


def rests(values: Array) -> Array:
    """
    Return what is stored at the end of each whole day.

    A backup that lies there for an hour of the night is in the peak, and not in this.
    """
    whole = len(values) // DAY * DAY
    days = values[len(values) - whole :].reshape(-1, DAY)
    found: Array = np.median(days[:, -_EVENING:], axis=1)
    return found


def paths(
    peak: Array,
    days: int,
    chance: np.random.Generator,
    rest: Array | None = None,
    fell: Array | None = None,
) -> Array:
    """
    Return `PATHS` ways in which the *peak* of each day may go on for some *days*.

    Args:
        peak: Of each day.
        days: To look ahead.
        chance: The paths are drawn from it.
        rest: What was stored at the end of each day; None: only the peaks are known.
        fell: What went away at once on each day; None: only *rest* says so.

    Raises:
        ValueError: There are fewer than `LEAST_DAYS` peaks.
    """
    return _ways(peak, days, chance, rest, fell)[0]


def _ways(
    peak: Array,
    days: int,
    chance: np.random.Generator,
    rest: Array | None,
    fell: Array | None,
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return the paths, and after which day of the past each of their days is like."""
    if len(peak) < LEAST_DAYS:
        raise ValueError(f"{len(peak)} days are too few: {LEAST_DAYS} are needed")
    stored = peak if rest is None else rest
    known = cleaned(np.diff(stored), None if fell is None else fell[1:])
    jumps = _jumps(known.steps, float(stored[-1]))
    steps = known.steps - jumps
    drawn = _drawn(steps, days, chance)
    ahead = steps[drawn]
    sizes = jumps[jumps > 0]
    if len(sizes):
        comes = chance.random(ahead.shape) < len(sizes) / len(steps)
        ahead += comes * chance.choice(sizes, ahead.shape)
    found = stored[-1] + known.less(ahead, chance)
    if rest is not None:
        above = peak[1:] - rest[:-1] - jumps
        before = np.concatenate((np.full((PATHS, 1), rest[-1]), found[:, :-1]), axis=1)
        found = np.maximum(found, before + above[drawn])
    return np.maximum(found, 0.0), drawn


def _jumps(steps: Array, stored: float) -> Array:
    """
    Return what of each step came all at once.

    An upload says little of the days to come: it comes as often as ever it did, not as
    often as lately.
    """
    many = np.arange(len(steps))
    first, after = np.maximum(many - WEEK, 0), np.minimum(many + WEEK + 1, len(steps))
    until = np.concatenate(([0.0], np.cumsum(steps)))
    around = (until[after] - until[first] - steps) / (after - first - 1)
    least = np.maximum(_JUMP * np.maximum(around, 0.0), _NOTED * max(stored, 1e-9))
    found: Array = np.where(steps > least, steps - around, 0.0)
    return found


def _drawn(
    steps: Array, days: int, chance: np.random.Generator
) -> npt.NDArray[np.int64]:
    """
    Return which of the *steps* of the past each day of each path is like.

    It has the same weekday. The weeks count by their age on half of the paths, and all
    the same since a change of pace on the others; and on each path by chance as well:
    how much comes is not known better than so many weeks can tell.
    """
    many = len(steps)
    ages = np.arange(-(-many // WEEK))
    each = [0.5 ** (WEEK * ages / half) for half in HALF_LIVES]
    shares = chance.standard_exponential((PATHS, len(ages)))
    shares[::2] *= np.mean([one / one.sum() for one in each], axis=0)
    old = since(steps)
    weeks = 1 + chance.choice(len(old), len(shares[1::2]), p=old)
    # The days before the first whole week are of the pace that was always there.
    weeks[weeks == len(old)] = len(ages)
    shares[1::2] *= ages < np.maximum(weeks, _NEW)[:, None]
    found = np.empty((PATHS, days), dtype=np.int64)
    for weekday in range(min(WEEK, days)):
        # Today is day many - 1: what is like tomorrow lies six days before it.
        last = many - WEEK + weekday
        until = np.cumsum(shares[:, : last // WEEK + 1], axis=1)
        chosen = chance.random((len(range(weekday, days, WEEK)), PATHS))
        back = (until[None] < (chosen * until[:, -1])[:, :, None]).sum(axis=2)
        found[:, weekday::WEEK] = last - WEEK * back.T
    return found


def fill(
    peak: Array,
    limit: float,
    days: int,
    chance: np.random.Generator,
    look: int = 0,
    rest: Array | None = None,
    fell: Array | None = None,
) -> Fill:
    """
    Say when the *peak* of a day will reach *limit*.

    Args:
        peak: The peaks of whole days, at least `LEAST_DAYS`.
        limit: In the unit of *peak*.
        days: The horizon of the probability.
        chance: The paths are drawn from it.
        look: Days in which the median is followed, where that is more than *days*.
        rest: What was stored at the end of each day; None: only the peaks are known.
        fell: What went away at once on each day; None: only *rest* says so.
    """
    drawn, like = _ways(peak, max(days, look), chance, rest, fell)
    median = np.median(drawn, axis=0)
    over = np.flatnonzero(median >= limit)
    reached = np.maximum.accumulate(drawn[:, :days], axis=1) >= limit
    chances = reached.mean(axis=0)
    return Fill(
        probability=float(chances[-1]),
        days=int(over[0]) + 1 if len(over) else None,
        median=median,
        upper=np.quantile(drawn, 0.95, axis=0),
        chances=chances,
        first=(like[:, 0], reached[:, 0]),
    )


def soon(found: Fill, limit: float, rest: Array, hours: Array) -> Array:
    """
    Return the chance that *limit* is reached within one hour, two, up to the first day.

    A day goes as the one went that it is like. Where that alone would not reach it, as
    before an upload, any hour is as good as another.

    Args:
        found: What the paths say of the same *limit* and *rest*.
        limit: In the unit of *hours*.
        rest: What was stored at the end of each day.
        hours: Each hour of the same days, which end now.
    """
    like, reached = found.first
    went = hours.reshape(-1, DAY)[1:] - rest[:-1, None]
    over = rest[-1] + went[like] >= limit
    any_hour = np.arange(len(like)) % DAY
    first = np.where(over.any(axis=1), over.argmax(axis=1), any_hour)
    within: Array = (reached[:, None] & (first[:, None] <= np.arange(DAY))).mean(axis=0)
    return within


def replay(
    peak: Array,
    days: int,
    chance: np.random.Generator,
    rest: Array | None = None,
    fell: Array | None = None,
) -> Replay | None:
    """
    Do the same at the ends of earlier weeks, and compare with what came then.

    The arguments are those of `fill`.

    Returns:
        None: There is too little history to try it even once.
    """
    ahead = min(days, len(peak) - LEAST_DAYS)
    if ahead < WEEK:
        return None
    origins = range(len(peak) - ahead, LEAST_DAYS - 1, -WEEK)[:8]
    errors, naive, under = [], [], []
    for at in origins:
        known = [None if one is None else one[:at] for one in (rest, fell)]
        drawn = paths(peak[:at], ahead, chance, *known)
        came = peak[at : at + ahead]
        errors.append(np.abs(np.median(drawn, axis=0) - came).mean())
        naive.append(np.abs(peak[at - 1] - came).mean())
        under.append((came <= np.quantile(drawn, 0.95, axis=0)).mean())
    return Replay(
        float(np.mean(errors)),
        float(np.mean(naive)),
        float(np.abs(np.diff(peak)).mean()),
        float(np.mean(under)),
        len(errors),
    )


def alarms(probabilities: Iterable[float], on: float = ON) -> list[bool]:
    """
    Return, day by day, whether there is alarm: it comes at once and goes slowly.

    It begins at *on*, and ends after `CLEAR_DAYS` days in a row below 0.6 times that.
    """
    found: list[bool] = []
    alarmed, clear = False, 0
    for probability in probabilities:
        if probability >= on:
            alarmed, clear = True, 0
        elif alarmed:
            clear = clear + 1 if probability < OFF / ON * on else 0
            alarmed = clear < CLEAR_DAYS
        found.append(alarmed)
    return found
