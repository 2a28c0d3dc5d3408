"""
When something that only ever fills up will be full: the aligned peak bootstrap. Pure.

A quota is hit by the peak of a day, not by its mean. So the peaks of the days are
carried on: whole weeks of their daily steps are drawn from the past, the recent ones
more often, each beginning on the weekday it goes on from. Weekly clean-ups and quiet
weekends stay where they are; without that alignment a saw-tooth looks like a slope.
What is cleaned up once a month does not fit into weeks: it is found, taken out, and put
back on the day it is due.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reconciler.forecast.members import DAY, Array

WEEK = 7
#: Days of history without which nothing is said: two whole weeks of steps.
LEAST_DAYS = 2 * WEEK + 1
#: Paths that are drawn.
PATHS = 300
#: After so many days a week of the past is drawn half as often: the mean of a quick
#: view, which follows a change, and of a slow one, which no busy week misleads.
HALF_LIVES = (10.0, 60.0)
#: A step down that is so many times the usual one is a clean-up ...
_CLEANED = 4.0
#: ... and comes every month where so many days lie between any two.
_MONTH = (28, 31)
#: Days after which a clean-up that did not come is no longer waited for.
_OVERDUE = 3
#: At this share of the limit it is full enough, whatever a forecast says.
NEARLY = 0.97
#: An alarm begins at this probability, and ends below 0.6 times as much ...
ON = 0.7
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
    """

    probability: float
    days: int | None
    median: Array
    upper: Array


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


def paths(peak: Array, days: int, chance: np.random.Generator) -> Array:
    """
    Return `PATHS` ways in which the *peak* of each day may go on for some *days*.

    Raises:
        ValueError: There are fewer than `LEAST_DAYS` peaks.
    """
    if len(peak) < LEAST_DAYS:
        raise ValueError(f"{len(peak)} days are too few: {LEAST_DAYS} are needed")
    cleaned = _cleaned(np.diff(peak))
    steps = cleaned.steps
    # A block ends a whole number of weeks ago: it begins on the weekday of tomorrow.
    first = np.arange(len(steps) - WEEK, -1, -WEEK)
    weeks = -(-days // WEEK)
    drawn = chance.choice(first, (PATHS, weeks), p=_weights(len(steps) - WEEK - first))
    ahead = steps[drawn[:, :, None] + np.arange(WEEK)].reshape(PATHS, -1)[:, :days]
    ahead += cleaned.again(days, chance)
    found: Array = np.maximum(peak[-1] + np.cumsum(ahead, axis=1), 0.0)
    return found


def _weights(age: npt.NDArray[np.int64]) -> Array:
    """Return how often a block is drawn that ended so many days ago."""
    each = [0.5 ** (age / half) for half in HALF_LIVES]
    found: Array = np.mean([weight / weight.sum() for weight in each], axis=0)
    return found


class _Cleaned(NamedTuple):
    """
    Steps without their monthly clean-ups, and what those were.

    Attributes:
        steps: With the usual step in place of a clean-up.
        sizes: What was taken away each time; none: nothing of the kind was seen.
        due: Days from tomorrow, which is 0, to the next one; *month* days lie between.
    """

    steps: Array
    sizes: Array
    due: int = 0
    month: int = 30

    def again(self, days: int, chance: np.random.Generator) -> Array:
        """
        Return what is taken away on each day of each path.

        One clean-up may have been somebody's tidy hour: it comes again in half of them.
        """
        found = np.zeros((PATHS, days))
        if len(self.sizes):
            comes = chance.random((PATHS, 1)) < (1.0 if len(self.sizes) > 1 else 0.5)
            where = slice(self.due, days, self.month)
            found[:, where] = comes * chance.choice(self.sizes, found[:, where].shape)
        return found


def _cleaned(steps: Array) -> _Cleaned:
    """Find what is cleaned up once a month, unless the last time it did not come."""
    usual = max(float(np.median(np.abs(steps))), 1e-9)
    at = np.flatnonzero(steps < -_CLEANED * usual)
    gaps = np.diff(at)
    if not len(at) or (
        len(gaps) and not _MONTH[0] <= gaps.min() <= gaps.max() <= _MONTH[1]
    ):
        return _Cleaned(steps, steps[:0])
    month = round(float(gaps.mean())) if len(gaps) else 30
    due = int(at[-1]) + month - len(steps)
    if due < -_OVERDUE:
        return _Cleaned(steps, steps[:0])
    plain = steps.copy()
    plain[at] = np.delete(steps, at).mean()
    return _Cleaned(plain, steps[at], max(0, due), month)


def fill(
    peak: Array, limit: float, days: int, chance: np.random.Generator, look: int = 0
) -> Fill:
    """
    Say when the *peak* of a day will reach *limit*.

    Args:
        peak: The peaks of whole days, at least `LEAST_DAYS`.
        limit: In the unit of *peak*.
        days: The horizon of the probability.
        chance: The paths are drawn from it.
        look: Days in which the median is followed, where that is more than *days*.
    """
    drawn = paths(peak, max(days, look), chance)
    median = np.median(drawn, axis=0)
    over = np.flatnonzero(median >= limit)
    return Fill(
        probability=float((drawn[:, :days].max(axis=1) >= limit).mean()),
        days=int(over[0]) + 1 if len(over) else None,
        median=median,
        upper=np.quantile(drawn, 0.95, axis=0),
    )


def replay(peak: Array, days: int, chance: np.random.Generator) -> Replay | None:
    """
    Do the same at the ends of earlier weeks, and compare with what came then.

    Returns:
        None: There is too little history to try it even once.
    """
    ahead = min(days, len(peak) - LEAST_DAYS)
    if ahead < WEEK:
        return None
    origins = range(len(peak) - ahead, LEAST_DAYS - 1, -WEEK)[:8]
    errors, naive, under = [], [], []
    for at in origins:
        drawn = paths(peak[:at], ahead, chance)
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
