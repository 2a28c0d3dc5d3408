"""
The combined forecast of an hourly series, and what it may be wrong by. Pure.

The members are weighed by how well they did: each weight is one over the cube of the
mean absolute error at three earlier moments. Where the day before says less than the
last value does, there is no day to speak of, and only those take part that need none.
The errors at many earlier moments are kept as *paths*: what went wrong for a whole day
goes wrong together, so the probability of "three hours of a day" can be counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reconciler.forecast.members import DAY, MEMBERS, Array

#: Hours of history without which nothing is said.
LEAST_HOURS = 6 * DAY
#: Hours looked at, at most; what is older says little about tomorrow.
MOST_HOURS = 60 * DAY
#: A weight is the error to the power of this.
_POWER = -3.0
#: Moments at which the members are compared, one horizon apart.
_ROUNDS = 3
#: Moments whose errors are kept, one day apart.
_PATHS = 14
#: Hours before the first of them.
_BEFORE = 3 * DAY
#: Those that need no day.
_ROBUST = ("theta", "naive")
#: Hours on either side that lend their errors to an hour's quantile.
_NEAR = 2
#: Paths that are drawn.
DRAWN = 400


class Combined(NamedTuple):
    """
    A forecast with its record.

    Attributes:
        median: What is expected, hour by hour.
        errors: What was wrong before, one row for each earlier moment; of the first
            day or days where the back-test cannot reach as far as the forecast.
        weights: The members and what each counts, together 1; none that counts nothing.
        mase: Mean absolute error in the back-test, in parts of the mean difference to
            the day before. The weights of each round come from the other rounds.
        naive_mase: The same of the better one of "as now" and "as yesterday".
        coverage: The share of hours that were not above the 95 % quantile, each moment
            judged by the errors of the others.
    """

    median: Array
    errors: Array
    weights: tuple[tuple[str, float], ...]
    mase: float
    naive_mase: float
    coverage: float

    @property
    def skill(self) -> bool:
        """Whether it was better than both ways of saying nothing."""
        return self.mase < self.naive_mase

    def quantile(self, share: float) -> Array:
        """Return what is not exceeded with this probability, for each hour."""
        return self.median + _spread(self.errors, share, len(self.median))

    def paths(self, chance: np.random.Generator) -> Array:
        """
        Return `DRAWN` ways in which it may go on.

        The height of a day and its shape are drawn from two moments of the past: few
        moments make many paths.
        """
        rounds, reach = self.errors.shape
        days = -(-len(self.median) // DAY)
        by_day = self.errors.reshape(rounds, reach // DAY, DAY)
        height = by_day.mean(axis=2, keepdims=True)
        shape = by_day - height
        lead = np.minimum(np.arange(days), reach // DAY - 1)
        high, low = chance.integers(0, rounds, (2, DRAWN))
        wrong = height[high][:, lead] + shape[low][:, lead]
        found: Array = self.median + wrong.reshape(DRAWN, -1)[:, : len(self.median)]
        return found


def combined(values: Array, horizon: int) -> Combined:
    """
    Forecast *values*, one for each hour and without gaps, for *horizon* hours.

    Raises:
        ValueError: There are fewer than `LEAST_HOURS`.
    """
    if len(values) < LEAST_HOURS:
        raise ValueError(f"{len(values)} hours are too few: {LEAST_HOURS} are needed")
    values = values[-MOST_HOURS:]
    end = len(values)
    reach = _reach(end, horizon)
    rounds = [end - reach * back for back in range(1, _ROUNDS + 1)]
    daily = range(end - reach, _BEFORE - 1, -DAY)[:_PATHS]
    origins = sorted({*rounds, *daily, end})
    long = max(horizon, reach)
    told = {name: member(values, origins, long) for name, member in MEMBERS.items()}
    came = np.array([values[at : at + reach] for at in origins[:-1]])
    wrong = {name: rows[:-1, :reach] - came for name, rows in told.items()}
    picked = [origins.index(at) for at in rounds]
    means = {name: np.abs(rows[picked]).mean(axis=1) for name, rows in wrong.items()}
    weights = _weights({name: float(mean.mean()) for name, mean in means.items()})
    for rows in wrong.values():
        # Too early for this one: what the day before said stands in for it.
        rows[np.isnan(rows)] = wrong["seasonal-naive"][np.isnan(rows)]
    before = np.array([np.delete(np.arange(_ROUNDS), each) for each in range(_ROUNDS)])
    honest = [
        _mixed({name: rows[row] for name, rows in wrong.items()}, _weights(others))
        for each, row in enumerate(picked)
        for others in [{n: float(m[before[each]].mean()) for n, m in means.items()}]
    ]
    errors = -_mixed(wrong, weights)
    scale = _scale(values)
    naive = min(float(means[name].mean()) for name in ("naive", "seasonal-naive"))
    return Combined(
        median=_mixed({n: rows[-1] for n, rows in told.items()}, weights)[:horizon],
        errors=errors,
        weights=tuple((name, weight) for name, weight in weights.items() if weight),
        mase=float(np.abs(honest).mean()) / scale,
        naive_mase=naive / scale,
        coverage=_coverage(errors),
    )


def _reach(hours: int, horizon: int) -> int:
    """Return how far a back-test can look: whole days, three times, after a start."""
    wanted = -(-horizon // DAY)
    possible = (hours - _BEFORE) // (_ROUNDS * DAY)
    return max(1, min(wanted, possible)) * DAY


def _weights(errors: dict[str, float]) -> dict[str, float]:
    """Return what each member counts, by its mean absolute error."""
    known = {name: error for name, error in errors.items() if np.isfinite(error)}
    if known["seasonal-naive"] > known["naive"]:
        known = {name: known[name] for name in _ROBUST}
    best = min(known.values())
    least = max(best * 1e-3, 1e-12)
    raised = {name: (max(e, least) / least) ** _POWER for name, e in known.items()}
    total = sum(raised.values())
    return {name: weight / total for name, weight in raised.items()}


def _mixed(rows: dict[str, Array], weights: dict[str, float]) -> Array:
    found: Array = np.sum([weights[name] * rows[name] for name in weights], axis=0)
    return found


def _scale(values: Array) -> float:
    """Return the mean difference to the day before; 1 where all days are the same."""
    return float(np.abs(values[DAY:] - values[:-DAY]).mean()) or 1.0


def _spread(errors: Array, share: float, horizon: int) -> Array:
    """
    Return the quantile of *errors* for each hour ahead, with the near hours'.

    The rank is that of conformal prediction (Vovk et al. 2005): ceil((n + 1) * share).
    Hours of one day go wrong together, so that few moments say less than their many
    hours seem to: what is above the median error is stretched by one part of them.
    """
    reach = errors.shape[1]
    found = np.empty(reach)
    for hour in range(reach):
        near = np.sort(errors[:, max(0, hour - _NEAR) : hour + _NEAR + 1], axis=None)
        rank = int(np.ceil((len(near) + 1) * share)) - 1
        found[hour] = near[min(max(rank, 0), len(near) - 1)]
    again = reach - DAY + (np.arange(horizon) - reach) % DAY
    where = np.where(np.arange(horizon) < reach, np.arange(horizon), again)
    middle = float(np.median(errors))
    stretched = middle + (found - middle) * (1 + 1 / len(errors))
    return np.maximum(found, stretched)[where]


def _coverage(errors: Array) -> float:
    """Return how often the 95 % quantile of the other moments was not exceeded."""
    under = [
        errors[row] <= _spread(np.delete(errors, row, axis=0), 0.95, errors.shape[1])
        for row in range(len(errors))
        if len(errors) > 1
    ]
    return float(np.mean(under)) if under else 0.0
