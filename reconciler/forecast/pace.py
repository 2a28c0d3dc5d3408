"""
Since when something grows as fast as it does: how probable each such time is. Pure.

Days of the past say how fast it grows, but not those before its pace changed. When that
was is not known, so each number of whole weeks gets a probability: that of one change
of pace so long ago, or of none. What comes in a day is taken for gamma-distributed: one
shape for all days, and a scale that is drawn from an inverse gamma distribution on each
side of the change; then only the sums of both sides count (with one change what is in
Fearnhead 2006, "Exact and efficient Bayesian inference for multiple changepoint
problems").
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reconciler.forecast.members import Array

_WEEK = 7
#: That the pace has changed in any one week.
_CHANGE = 0.01
#: How firm the prior of a pace is: so many steps' worth of knowing the mean of all.
_FIRM = 1.5
#: The shape of what comes in a day: many nothings and a few heaps, up to all the same.
_SHAPES = (0.2, 20.0)


def since(steps: Array) -> Array:
    """
    Return how probable it is that the pace is as old as one week, two weeks, and so on.

    Args:
        steps: What came on each day. The last of them is today's.

    Returns:
        One for each whole week, adding up to 1; the last is that it never changed.
    """
    weeks = len(steps) // _WEEK
    if weeks < 2:  # noqa: PLR2004
        return np.ones(weeks)
    latest = steps[len(steps) - weeks * _WEEK :].reshape(weeks, _WEEK)
    shape = _shape(latest)
    came = np.maximum(np.concatenate(([0.0], np.cumsum(latest.sum(axis=1)[::-1]))), 0.0)
    mean = max(float(came[-1]) / (weeks * _WEEK), 1e-12)
    count = shape * _WEEK * np.arange(weeks + 1)
    gamma = np.array([math.lgamma(one + _FIRM) for one in count.tolist()])
    gamma -= math.lgamma(_FIRM)

    def side(index: npt.NDArray[np.int64], amount: Array) -> Array:
        # What depends on the number of all days alone is left out.
        spread = np.log1p(shape * amount / (_FIRM * mean))
        found: Array = gamma[index] - (count[index] + _FIRM) * spread
        return found

    after = np.arange(1, weeks)
    before = np.maximum(came[-1] - came[after], 0.0)
    changed = side(after, came[after]) + side(weeks - after, before)
    never = side(np.array([weeks]), came[-1:])
    none = max(1 - _CHANGE * (weeks - 1), 0.5)
    score = np.concatenate((changed + math.log(_CHANGE), never + math.log(none)))
    odds = np.exp(score - score.max())
    found: Array = odds / odds.sum()
    return found


def _shape(weeks: Array) -> float:
    """Return the shape of the days of *weeks*, each weekday about its own mean."""
    mean = float(weeks.mean())
    if mean <= 0:
        return 1.0
    spread = float(((weeks - weeks.mean(axis=0)) ** 2).mean()) / mean**2
    return float(np.clip(1 / max(spread, 1e-9), *_SHAPES))
