"""
The members of the combined forecast: six small ways to go on with an hourly series.

Each takes the whole series and some *origins*, and answers one row for each origin that
knows only what came before it. So the forecast (origin: the end) and its back-test are
one call. A row of NaN: too little came before. Pure; numpy alone.

Sources: Winters 1960 (exponential smoothing), Assimakopoulos and Nikolopoulos 2000
(theta, as smoothing with half the drift: Hyndman and Billah 2003), Zeng et al. 2022
(NLinear; here in closed form, with a ridge).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Member: TypeAlias = Callable[[Array, Sequence[int], int], Array]

#: Hours in the season that everything here is about.
DAY = 24
_WEEK = 7 * DAY
#: Smoothing of level, trend and season, and how fast a trend dies down.
_LEVEL = (0.02, 0.1, 0.25, 0.5, 0.9)
_TREND = (0.0, 0.005, 0.05, 0.2)
_SEASON = (0.02, 0.1, 0.2, 0.4, 0.7)
_DAMPING = 0.98
_THETA = tuple(0.05 * step for step in range(1, 20))
#: The ridge, as a share of the mean of the squares it is added to.
_RIDGE = 0.02
#: Hours that are forecast at once; what lies beyond is forecast from the forecast.
_BLOCK = DAY
#: Days of which the profile of a day is the mean.
_PROFILE = 14


def naive(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """Go on with the last value."""
    return np.array([np.full(horizon, values[at - 1]) for at in origins])


def seasonal_naive(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """Go on with the last day again and again."""
    lead = np.arange(horizon) % DAY
    return np.array([values[at - DAY + lead] for at in origins])


def day_profile(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """Go on with the mean of the last days, hour by hour."""
    found = []
    for at in origins:
        days = min(at // DAY, _PROFILE)
        mean = values[at - days * DAY : at].reshape(days, DAY).mean(axis=0)
        found.append(np.resize(mean, horizon))
    return np.array(found)


def holt_winters(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """
    Smooth level, damped trend and hours of the day; the best of a hundred settings.

    All settings run beside each other. At each origin the one counts whose errors,
    one hour ahead, have been the smallest until then.
    """
    grid = np.array(list(product(_LEVEL, _TREND, _SEASON))).T
    alpha, beta, gamma = grid[0], grid[0] * grid[1], grid[2] * (1 - grid[0])
    first = values[: 2 * DAY].reshape(2, DAY)
    level = np.full(grid.shape[1], first.mean())
    trend = np.zeros_like(level)
    season = np.repeat((first.mean(axis=0) - first.mean())[:, None], len(level), 1)
    squares = np.zeros_like(level)
    found = np.full((len(origins), horizon), np.nan)
    wanted = {at: row for row, at in enumerate(origins)}
    damped = np.cumsum(_DAMPING ** np.arange(1, horizon + 1))
    lead = np.arange(horizon)
    for at in range(2 * DAY, len(values) + 1):
        if at in wanted:
            best = int(np.argmin(squares))
            hours = season[(at + lead) % DAY, best]
            found[wanted[at]] = level[best] + damped * trend[best] + hours
        if at == len(values):
            break
        hour = season[at % DAY]
        trend *= _DAMPING
        error = values[at] - level - trend - hour
        squares += error * error
        level += trend + alpha * error
        trend += beta * error
        hour += gamma * error
    return found


def theta(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """Smooth what is left without the hours of the day, and add half of its slope."""
    smooth = np.array(_THETA)
    lead = np.arange(horizon)
    factors = bool(values.min() > 0)
    hours = [_hours(values[:at], factors=factors) for at in origins]
    plain = np.empty((len(values), len(origins)))
    for row, hour in enumerate(hours):
        again = np.resize(hour, len(values))
        plain[:, row] = values / again if factors else values - again
    level = np.repeat(plain[0][:, None], len(smooth), axis=1)
    squares = np.zeros_like(level)
    found = np.full((len(origins), horizon), np.nan)
    wanted = {at: row for row, at in enumerate(origins)}
    for at in range(1, len(values) + 1):
        if at in wanted:
            row = wanted[at]
            best = int(np.argmin(squares[row]))
            slope = _slope(plain[:at, row]) / 2
            alpha = smooth[best]
            ahead = lead + (1 - (1 - alpha) ** at) / alpha
            line = level[row, best] + slope * ahead
            hour = hours[row][(at + lead) % DAY]
            found[row] = line * hour if factors else line + hour
        if at == len(values):
            break
        error = plain[at][:, None] - level
        squares += error * error
        level += smooth * error
    return found


def _hours(values: Array, *, factors: bool) -> Array:
    """Return what each hour of the day adds to (or multiplies) the mean of its day."""
    if len(values) < 2 * DAY:
        return np.ones(DAY) if factors else np.zeros(DAY)
    total = np.concatenate(([0.0], np.cumsum(values)))
    mean = (total[DAY:] - total[:-DAY]) / DAY
    centred = (mean[:-1] + mean[1:]) / 2
    middle = values[DAY // 2 : DAY // 2 + len(centred)]
    ratio = middle / centred if factors else middle - centred
    phase = (np.arange(len(ratio)) + DAY // 2) % DAY
    found = np.bincount(phase, ratio, DAY) / np.bincount(phase, minlength=DAY)
    normal: Array = found / found.mean() if factors else found - found.mean()
    return normal


def _slope(values: Array) -> float:
    """Return the slope of the straight line through *values*, per hour."""
    where = np.arange(len(values)) - (len(values) - 1) / 2
    squares = float(where @ where)
    return float(where @ values) / squares if squares else 0.0


def nlinear(values: Array, origins: Sequence[int], horizon: int) -> Array:
    """
    Weigh the hours of the last week (or less), each without the mean of the last day.

    One ridge regression in closed form for each origin; what is squared and summed is
    carried on from origin to origin. How far it looks back depends on what there is.
    """
    block = min(horizon, _BLOCK)
    found = np.full((len(origins), horizon), np.nan)
    windows = [_window(at, block) for at in origins]
    for back in sorted({*windows} - {0}):
        rows = [row for row, window in enumerate(windows) if window == back]
        rows.sort(key=lambda row: origins[row])
        every = np.lib.stride_tricks.sliding_window_view(values, back + block)
        last = every[:, back - DAY : back].mean(axis=1, keepdims=True)
        past, ahead = every[:, :back] - last, every[:, back:] - last
        squares, crossed, done = np.zeros((back, back)), np.zeros((back, block)), 0
        for row in rows:
            until = origins[row] - back - block + 1
            squares += past[done:until].T @ past[done:until]
            crossed += past[done:until].T @ ahead[done:until]
            done = until
            ridge = _RIDGE * max(float(np.trace(squares)) / back, 1e-12)
            solved = np.linalg.solve(squares + ridge * np.eye(back), crossed)
            known = values[origins[row] - back : origins[row]]
            found[row] = _carried(known, solved.astype(np.float64), horizon)
    return found


def _carried(known: Array, weights: Array, horizon: int) -> Array:
    """Go on from *known* block by block, each from the one before."""
    back, block = weights.shape
    parts: list[Array] = []
    for _ in range(0, horizon, block):
        mean = known[-DAY:].mean()
        parts.append((known - mean) @ weights + mean)
        known = np.concatenate((known, parts[-1]))[-back:]
    return np.concatenate(parts)[:horizon]


def _window(hours: int, block: int) -> int:
    """Return how many hours the regression looks back; 0: too little to learn from."""
    for back in (_WEEK, 3 * DAY, 2 * DAY, DAY):
        if hours - back - block >= max(back, 2 * DAY):
            return back
    return 0


#: Every member by its name, in the order in which they are named.
MEMBERS: dict[str, Member] = {
    "holt-winters": holt_winters,
    "theta": theta,
    "nlinear": nlinear,
    "seasonal-naive": seasonal_naive,
    "day-profile": day_profile,
    "naive": naive,
}
