"""
Disks that fill up: accounts whose history is drawn from stated distributions.

No public trace of hosting quotas was found, so this is a model. Its numbers were fixed
before the predictor was first run on it; the seeds that count are those of *HELD_OUT*.

Sizes are shares of the quota, hour by hour:

* **growth** per day: log-normal, median 0.22 %, sigma 0.9; 1.2 times as much from
  Monday to Friday, half as much at the weekend; each day's is drawn from a gamma
  distribution (shape 0.7), so that most days bring little and some much;
* **change-points**: 35 % of accounts grow at another rate (log-normal factor, sigma 1)
  from some day on;
* **uploads**: Poisson, one in 70 days, log-normal, median 2.5 %, sigma 0.9;
* **clean-ups**: half of the accounts, weekly (on a fixed weekday) or every 30 days: 30
  to 90 % of what has grown since the last one;
* **nightly local backups**: half of the accounts: 3 to 12 % for one to three hours;
* **noise**: 0.05 % of the quota, each hour.

A breach is the first hour at or over the quota; nothing after it counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

#: Everything about the predictor and its threshold was chosen on these alone.
DEVELOPMENT = (7, 8, 9, 10, 11, 101, 201, 202, 203, 204)
#: Drawn by chance after the last change to the predictor; how many was fixed before.
HELD_OUT = (5215, 6953, 7358, 2690, 8980, 9668, 5286, 9102)
DAYS = 240
_MEDIAN, _SIGMA = 0.0022, 0.9
_WEEKDAY, _WEEKEND = 1.2, 0.5
_BURST = 0.7
_CHANGED, _CHANGE_SIGMA = 0.35, 1.0
_UPLOADS, _UPLOAD, _UPLOAD_SIGMA = 1 / 70, 0.025, 0.9
_CLEANED, _BACKED_UP = 0.5, 0.5
_NOISE = 0.0005
_STARTS = (0.2, 0.8)


class Disk(NamedTuple):
    """
    One account.

    Attributes:
        used: The share of the quota, hour by hour, up to the breach.
        breach: The hour of the breach; None: it never came.
    """

    used: npt.NDArray[np.float64]
    breach: int | None


def disks(seed: int, accounts: int, days: int = DAYS) -> list[Disk]:
    """Return *accounts* of *days*; the first day is a Monday."""
    return [
        _disk(np.random.default_rng((seed, number)), days) for number in range(accounts)
    ]


def _disk(chance: np.random.Generator, days: int) -> Disk:
    weekday = np.arange(days) % 7
    rate = np.full(days, _MEDIAN * chance.lognormal(0, _SIGMA))
    if chance.random() < _CHANGED:
        rate[chance.integers(30, days - 30) :] *= chance.lognormal(0, _CHANGE_SIGMA)
    rate *= np.where(weekday < 5, _WEEKDAY, _WEEKEND)
    grown = rate * chance.gamma(_BURST, 1 / _BURST, days)
    uploaded = chance.random(days) < _UPLOADS
    grown += uploaded * _UPLOAD * chance.lognormal(0, _UPLOAD_SIGMA, days)
    hourly = np.repeat(grown / 24, 24)
    if chance.random() < _CLEANED:
        _clean(hourly, grown, chance)
    used = chance.uniform(*_STARTS) + np.cumsum(hourly)
    if chance.random() < _BACKED_UP:
        hour, length = chance.integers(0, 5), chance.integers(1, 4)
        size = chance.uniform(0.03, 0.12)
        for night in range(days):
            used[night * 24 + hour : night * 24 + hour + length] += size
    used += chance.normal(0, _NOISE, len(used))
    full = np.flatnonzero(used >= 1)
    breach = int(full[0]) if len(full) else None
    return Disk(np.maximum(used[: breach if breach is None else breach + 1], 0), breach)


def _clean(
    hourly: npt.NDArray[np.float64],
    grown: npt.NDArray[np.float64],
    chance: np.random.Generator,
) -> None:
    """Take away, at noon of some days, a part of what has come since the last time."""
    period = 7 if chance.random() < 0.5 else 30
    part = chance.uniform(0.3, 0.9)
    first = int(chance.integers(1, period + 1))
    since = 0
    for day in range(first, len(grown), period):
        hourly[day * 24 + 12] -= part * grown[since:day].sum()
        since = day
