"""
What is strange: a vote of six measures of novelty, with one threshold for all. Pure.

Each measure is a distance from now to the *nearest* earlier moment, in its own view of
the series: three look at the same time of the days before, three at any earlier time.
A distance counts where it is among the 32 largest so far, so that nothing has to be
scaled and alarms become rarer as history grows. Three of six make an anomaly. After one
it is quiet for half a day, unless something four times as strange comes.

Nothing looks ahead: what is said of a moment never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from heapq import heappush, heappushpop
from typing import NamedTuple

import numpy as np

from reconciler.forecast.members import Array

#: Days looked back, at most: the work grows with the square of the history.
MOST_DAYS = 60
#: The share of votes, and how often a distance has been exceeded, that make an anomaly.
VOTES = 3
STRANGEST = 32
THRESHOLD = 0.5
_HOUR = timedelta(hours=1)
#: Days of the same time of the day, and how far from it, as a part of the day.
_DAYS_BACK = 7
_AROUND = 48
#: Steps that lie too near to be compared with.
_NEAR = 12
_LAGS = 6
#: How much stranger something must be to be told in the quiet time.
_LOUDER = 4.0
#: Moments that are compared at once; memory grows with it.
_CHUNK = 256
#: Below this part of its own square a distance's square is only rounding.
_NOTHING = 1e-12


class Vote(NamedTuple):
    """
    What was found.

    Attributes:
        scores: For each step the third strongest vote, 0 to 1.
        anomalies: Where that is at least `THRESHOLD`, once for each time.
    """

    scores: Array
    anomalies: np.typing.NDArray[np.bool_]


def anomalies(values: Array, day: int) -> Vote:
    """
    Judge each of *values*.

    Args:
        values: Even steps; unknown ones (NaN) are taken to be as the one before, and
            are never strange themselves.
        day: Steps in a day: 288 for five minutes, 24 for hours.
    """
    unknown = np.isnan(values)
    if unknown.all():
        return Vote(np.zeros(len(values)), np.zeros(len(values), dtype=bool))
    known = _filled(values, unknown)
    seen = np.array([_ranked(distances) for distances in _measures(known, day)])
    third = np.sort(seen, axis=0)[-VOTES]
    third[unknown] = 0.0
    return Vote(third, _told(third, day))


def strange(hours: Sequence[tuple[datetime, float]]) -> list[datetime]:
    """Return which of *hours* (oldest first, some may be missing) are anomalies."""
    first = hours[0][0]
    steps = [int((at - first) / _HOUR) for at, _ in hours]
    values = np.full(steps[-1] + 1, np.nan)
    values[steps] = [value for _, value in hours]
    found = np.flatnonzero(anomalies(values, day=24).anomalies)
    return [first + int(step) * _HOUR for step in found]


def _filled(values: Array, unknown: np.typing.NDArray[np.bool_]) -> Array:
    """Return *values* with unknown ones as the last known one (or the first)."""
    last = np.maximum.accumulate(np.where(unknown, 0, np.arange(len(values))))
    found = values[last]
    found[np.isnan(found)] = values[~unknown][0]
    return found


def _measures(values: Array, day: int) -> list[Array]:
    """Return the six distances to the nearest earlier moment."""
    root = np.sign(values) * np.sqrt(np.abs(values))
    three, twelve, many = (_mean(root, steps) for steps in (3, 12, 48))
    plain = np.stack((_mean(values, 3), _mean(values, 12)), axis=1)
    return [
        _same_time(_lags(root), day),
        _same_time(np.stack((three, twelve), axis=1), day),
        _same_time(np.stack((root, three, twelve, many), axis=1), day),
        _any_time(plain, day),
        _any_time(_lags(values), day),
        _any_time(three[:, None], day),
    ]


def _lags(values: Array) -> Array:
    """Return each of *values* with the five before it."""
    where = np.arange(len(values))
    return np.stack(
        [values[np.maximum(where - lag, 0)] for lag in range(_LAGS)], axis=1
    )


def _mean(values: Array, steps: int) -> Array:
    """Return the mean of the last *steps*, of fewer at the beginning."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    after = np.arange(1, len(values) + 1)
    before = np.maximum(after - steps, 0)
    found: Array = (total[after] - total[before]) / (after - before)
    return found


def _same_time(points: Array, day: int) -> Array:
    """Return the distance to the nearest point about whole days ago; NaN: no such."""
    around = max(1, day // _AROUND)
    found = np.full(len(points), np.inf)
    for days in range(1, _DAYS_BACK + 1):
        for off in range(-around, around + 1):
            back = days * day + off
            if back < 1 or back >= len(points):
                continue
            apart = points[back:] - points[:-back]
            squares = np.einsum("ij,ij->i", apart, apart)
            np.minimum(found[back:], squares, out=found[back:])
    found[np.isinf(found)] = np.nan
    return _roots(found, points)


def _any_time(points: Array, day: int) -> Array:
    """
    Return the distance to the nearest point some steps ago or earlier.

    The square of a distance is ``a.a + (b.b - 2 a.b)``: the bracket is one product of
    matrices.
    """
    whole, points = points, points - points[0]
    own = np.einsum("ij,ij->i", points, points)
    left = np.column_stack((-2 * points, np.ones(len(points))))
    right = np.column_stack((points, own)).T
    found = np.full(len(points), np.nan)
    most = MOST_DAYS * day
    for start in range(_NEAR, len(points), _CHUNK):
        after = min(start + _CHUNK, len(points))
        first = max(0, start - most)
        squares = left[start:after] @ right[:, first : after - _NEAR]
        # The last columns are too near for the first rows.
        near = squares[:, start - _NEAR - first :]
        near[np.triu_indices_from(near, k=1)] = np.inf
        found[start:after] = squares.min(axis=1) + own[start:after]
    return _roots(found, whole)


def _roots(squares: Array, points: Array) -> Array:
    """Return distances; what is only rounding, beside the point itself, is none."""
    squares[squares < _NOTHING * np.einsum("ij,ij->i", points, points)] = 0.0
    found: Array = np.sqrt(squares)
    return found


def _ranked(distances: Array) -> Array:
    """
    Return v / (v + the 32nd largest so far); 0 until there have been so many.

    Where there was nothing to compare with (NaN), nothing is counted.
    """
    found = np.zeros(len(distances))
    largest: list[float] = []
    for at, value in enumerate(distances.tolist()):
        if value != value:  # noqa: PLR0124  (NaN)
            continue
        if len(largest) == STRANGEST:
            heappushpop(largest, value)
            found[at] = value / (value + largest[0]) if value + largest[0] > 0 else 0.0
        else:
            heappush(largest, value)
    return found


def _told(scores: Array, day: int) -> np.typing.NDArray[np.bool_]:
    """Return the anomalies that are told: those in the quiet time are not."""
    found = np.zeros(len(scores), dtype=bool)
    quiet, odds = -1, 0.0
    for at in np.flatnonzero(scores >= THRESHOLD).tolist():
        score = float(scores[at])
        strange = score / max(1e-12, 1 - score)
        if at > quiet or strange > _LOUDER * odds:
            found[at] = True
            odds = strange
        quiet = at + day // 2
    return found
