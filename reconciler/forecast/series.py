"""
Samples with times -> an even series, with what nobody knows left unknown. Pure.

The grid is counted in UTC: an hour that a summer time repeats or leaves out is an hour
as any other. What was not measured is NaN; an unknown hour is not an idle one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from reconciler.forecast.members import DAY, Array

HOUR = timedelta(hours=1)
#: Hours of a gap that a straight line may bridge.
SHORT = 3
#: Hours of a gap that the same hours of the day before may fill. History begins anew
#: after a longer one.
LONG = DAY
#: The share of hours that may be filled in, at most.
MOST_FILLED = 0.25


class Series(NamedTuple):
    """
    What was measured, evenly.

    Attributes:
        start: The beginning of the first step, in UTC.
        values: One for each step; NaN: unknown.
        step: The length of a step.
    """

    start: datetime
    values: Array
    step: timedelta = HOUR

    @property
    def end(self) -> datetime:
        """The end of the last step."""
        return self.start + len(self.values) * self.step


def even(
    samples: Sequence[tuple[datetime, float]], now: datetime, step: timedelta = HOUR
) -> Series:
    """
    Put *samples* in any order on a grid; several in one step become their mean.

    What is later than *now*, and what is not a finite number, is not there.

    Raises:
        ValueError: A time is without its zone.
    """
    if samples and None in {when.tzinfo for when, _ in samples}:
        naive = next(when for when, _ in samples if when.tzinfo is None)
        raise ValueError(f"{naive.isoformat()} has no time zone")
    times = np.array([when.timestamp() for when, _ in samples])
    found = np.array([value for _, value in samples], dtype=np.float64)
    known = (times <= now.timestamp()) & np.isfinite(found)
    if not known.any():
        return Series(now.astimezone(UTC), np.empty(0), step)
    slots = (times[known] // step.total_seconds()).astype(np.int64)
    first = int(slots.min())
    slots -= first
    total = np.bincount(slots, found[known])
    many = np.bincount(slots)
    values = np.full(len(total), np.nan)
    values[many > 0] = total[many > 0] / many[many > 0]
    start = datetime.fromtimestamp(first * step.total_seconds(), UTC)
    return Series(start, values, step)


def bridged(series: Series) -> Series:
    """
    Return the last stretch of an hourly *series* that can be worked with, whole.

    Gaps up to `SHORT` hours are bridged by a straight line, up to `LONG` by the same
    hours of the day before; what lies before a longer one is dropped, and so is what is
    too early for that. Where more than `MOST_FILLED` would be made up, nothing is left.
    """
    values = series.values.copy()
    unknown = np.isnan(values)
    begin = 0
    for first, after in _gaps(unknown):
        length = after - first
        if length > LONG or (length > SHORT and first - begin < DAY):
            begin = after
        elif length > SHORT:
            values[first:after] = values[first - DAY : after - DAY]
        else:
            line = np.linspace(values[first - 1], values[after], length + 2)
            values[first:after] = line[1:-1]
    if len(values) and unknown[begin:].mean() > MOST_FILLED:
        begin = len(values)
    return Series(series.start + begin * series.step, values[begin:], series.step)


def _gaps(unknown: np.typing.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where each run of *unknown* begins, and where it is over."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], unknown, [False]))))
    pairs = edges.reshape(-1, 2).tolist()
    return [(first, after) for first, after in pairs]
