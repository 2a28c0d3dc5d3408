"""
What is cleaned up every week or every month: found in the past, expected ahead. Pure.

A clean-up goes fast: what falls within an hour, and does not come back with the next
backup, is known, and the growth of that day with it. One that takes longer is sought in
the steps from day to day. It takes away a share of what has come since the last one. So
it is taken out of the steps of the days, and put back as that share of what comes on
each path: after a busy week more is taken away than after a quiet one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from reconciler.forecast.members import DAY, Array

WEEK = 7
#: Hours whose median is what is stored: a backup of three hours is not in it.
_AROUND = 7
#: A fall of it within an hour by so many times the noise from hour to hour is real ...
_REAL = 1.5
#: ... and is a clean-up at this share of what a step from day to day would have to be.
_SHARP = 0.5
#: A step down that is so many times the usual one is a clean-up ...
_CLEANED = 4.0
#: ... and comes every month where so many days lie between any two.
_MONTH = (28, 31)
#: Days after which a monthly clean-up that did not come is no longer waited for.
_OVERDUE = 3
#: Days that are looked at for a weekly one, and the fewest in which it can be seen.
_LATELY, _SEEN = 8 * WEEK, 3 * WEEK
#: The share of weeks in which it has to come, each by half of a usual step ...
_OFTEN, _FELT = 0.6, 0.5
#: ... and its share of all that went away.
_MOST = 0.7
#: Days to each side that say what had come on the day of a clean-up.
_BESIDE = 3
#: After so many days a clean-up of the past counts half.
_FADES = 90.0

_Days = npt.NDArray[np.int64]


class Cleaned(NamedTuple):
    """
    Steps without their clean-ups, and what those were.

    Attributes:
        steps: From day to day, as if nothing had been taken away.
        share: Of what has come since the last one that goes; 0: none was seen.
        since: What has come since the last one until now.
        due: Days from tomorrow, which is 0, to the next one; *every* so many days.
        certain: False where it was seen once: that may have been a tidy hour.
    """

    steps: Array
    share: float = 0.0
    since: float = 0.0
    due: int = 0
    every: int = 30
    certain: bool = True

    def less(self, ahead: Array, chance: np.random.Generator) -> Array:
        """
        Return how much is stored at the end of each day, where now is 0.

        Args:
            ahead: What comes on each day of each path.
            chance: Draws the half of the paths on which the uncertain comes again.
        """
        found: Array = np.cumsum(ahead, axis=1)
        if not self.share:
            return found
        rows, days = ahead.shape
        share = self.share * (self.certain | (chance.random(rows) < 0.5))  # noqa: PLR2004
        since = np.full(rows, self.since)
        begin = 0
        for day in range(self.due, days, self.every):
            came = since + ahead[:, begin : day + 1].sum(axis=1)
            found[:, day:] -= (share * np.maximum(came, 0.0))[:, None]
            since, begin = np.zeros(rows), day + 1
        return found


def fallen(values: Array) -> Array:
    """
    Return what went away at once on each whole day, counted back from the last hour.

    What lies there for up to three hours of a night comes and goes and is not in it.

    Args:
        values: Hour by hour.
    """
    whole = values[len(values) % DAY :]
    if not len(whole):
        return whole
    half = _AROUND // 2
    padded = np.concatenate((whole[:half], whole, whole[-half:]))
    stored = np.median(sliding_window_view(padded, _AROUND), axis=1)
    steps = np.diff(whole)
    # Of a normal distribution, 1.4826 times the median distance is the deviation.
    noise = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    change = np.diff(stored, prepend=stored[0])
    falls = np.where(change < -_REAL * max(noise, 1e-9), -change, 0.0)
    # At both ends a backup may be cut in two, and what fell may still come back.
    falls[: _AROUND - 1] = falls[len(falls) - _AROUND + 1 :] = 0.0
    found: Array = falls.reshape(-1, DAY).sum(axis=1)
    return found


def cleaned(steps: Array, fell: Array | None = None) -> Cleaned:
    """
    Take out of *steps* what is cleaned up once a week, or once a month.

    Args:
        steps: From day to day.
        fell: What went away at once on the same days; None: nobody knows.
    """
    usual = max(float(np.median(np.abs(steps))), 1e-9)
    if fell is not None:
        at, every = _regular(-fell, _SHARP * usual)
        if len(at):
            plain = steps.copy()
            plain[at] += fell[at]
            return _known(steps, plain, at, every, usual)
    at, every = _regular(steps, usual)
    if not len(at):
        return Cleaned(steps)
    return _known(steps, _plain(steps, at), at, every, usual)


def _regular(steps: Array, usual: float) -> tuple[_Days, int]:
    """Return the days of a regular clean-up, and from how many to how many it comes."""
    at, every = _weekly(steps, usual), WEEK
    if not len(at):
        at = np.flatnonzero(steps < -_CLEANED * usual)
        gaps = np.diff(at)
        if len(gaps) and not _MONTH[0] <= gaps.min() <= gaps.max() <= _MONTH[1]:
            return at[:0], 0
        every = round(float(gaps.mean())) if len(gaps) else 30
    if len(at) and int(at[-1]) + every - len(steps) < -_OVERDUE:
        return at[:0], 0
    return at, every


def _known(steps: Array, plain: Array, at: _Days, every: int, usual: float) -> Cleaned:
    """Return the share that went on the days *at*, and what has come since."""
    due = int(at[-1]) + every - len(steps)
    until = np.concatenate(([0.0], np.cumsum(plain)))
    begin = np.concatenate(([at[0] - every], at[:-1])) + 1
    came = until[at + 1] - until[np.maximum(begin, 0)]
    weight = 0.5 ** ((len(steps) - at) / _FADES)
    # The first period began before anything was known: it says as much as is known.
    known = (at[0] + 1 - max(int(begin[0]), 0)) / every
    came[0] /= known
    weight[0] *= known
    part = weight @ (plain[at] - steps[at]) / (weight @ np.maximum(came, usual))
    share = min(max(float(part), 0.0), 1.0)
    since = max(float(until[-1] - until[at[-1] + 1]), 0.0)
    return Cleaned(plain, share, since, max(0, due), every, len(at) > 1)


def _weekly(steps: Array, usual: float) -> _Days:
    """Return the days of a weekly clean-up; none: there is no such thing."""
    none: _Days = np.empty(0, dtype=np.int64)
    if len(steps) < _SEEN:
        return none
    lately = steps[-(min(len(steps), _LATELY) // WEEK * WEEK) :].reshape(-1, WEEK)
    gone = np.maximum(-lately, 0.0).sum(axis=0)
    day = int(gone.argmax())
    fell = lately[:, day] < -_FELT * usual
    if (
        fell.mean() < _OFTEN
        or gone[day] < _MOST * gone.sum()
        or lately[:, day].mean() >= 0
    ):
        return none
    at = np.arange((len(steps) + day) % WEEK, len(steps), WEEK)
    first = np.flatnonzero(steps[at] < -_FELT * usual)[0]
    return at[first:]


def _plain(steps: Array, at: _Days) -> Array:
    """Return *steps* with the mean of the days beside in place of the days *at*."""
    other = np.ones(len(steps), dtype=bool)
    other[at] = False
    found = steps.copy()
    for day in at.tolist():
        near = slice(max(0, day - _BESIDE), day + _BESIDE + 1)
        found[day] = steps[near][other[near]].mean()
    return found
