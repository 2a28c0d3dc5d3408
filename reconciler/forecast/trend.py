"""
Where the level of each day goes: shapes of its past, weighed by their fit. Pure.

Growth adds and noise multiplies, so the levels are taken as they are and each error is
counted in parts of its level. A shape is a line, a step, a slope that began some days
ago, one that has ended since, or an odd day; each with what the seven days of a week
differ by. All are fitted at once (Bayesian linear regression, conjugate), and each
counts as much as its marginal likelihood says: no test decides for one of them, and
what is not known (which shape, how steep, since when) is in the paths. A slope lasts as
long again as it has lasted (Lindy: Pareto distributed), and all is level after it.

Sources: Hoeting et al. 1999 (model averaging), Taylor and Letham 2018 (trends with
changes); the grids and the scales below were written down once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reconciler.forecast.members import Array

#: Days that have names of their own.
WEEK: Final = 7
#: Days ago at which a slope may have begun or ended, and at which a step may have been.
_KNOTS: Final = (3, 5, 7, 9, 12, 15, 19, 24, 30, 37, 45, 53)
_STEPS: Final = (*range(9), 10, 12, 14, 17, 20, 24, 30, 37, 45)
#: A slope that ended so lately is looked for after a rise of this many days.
_ENDED, _RISEN = 2, 7
#: Days between two knots, and between one and the beginning.
_APART: Final = 5
#: How steep slopes are a day (quiet, steep), and how high steps are, in parts of the
#: level; what a day of the week differs by; how far all may be from the last week.
_QUIET, _STEEP, _STEP, _WEEKDAY, _FAR = 0.004, 0.03, 0.3, 0.15, 3.0
#: What each kind of shape counts before anything is seen: nothing; a line; one slope
#: (and half as much with a line); a slope and its end; a step.
_LEVEL, _LINE, _SLOPE, _END, _JUMP = 0.4, 0.3, 0.12, 0.12, 0.15
#: The same of the last day alone being odd, and of the last two: a holiday.
_ODD_DAYS: Final = (0.02, 0.005)
#: Days that a slope is taken to have lasted before it was seen.
_SEEN: Final = 20.0
#: Nothing falls below such a part of what it is now.
_LEAST: Final = 0.05
#: Errors so many times the usual one do not make it larger.
_ODD: Final = 3.0


class _Shape(NamedTuple):
    """
    Columns, how large their factors may be, and which of them go on as slopes.

    Attributes:
        passes: What it has today is gone tomorrow.
    """

    columns: tuple[Array, ...]
    scales: tuple[float, ...]
    prior: float
    slopes: tuple[int, ...] = ()
    age: float = 0.0
    passes: bool = False


class _Design(NamedTuple):
    """
    All shapes for so many days.

    Attributes:
        basis: (shapes, days, columns); all others are of (shapes, columns) or (shapes).
        last: What each column has from today on, before any slope.
    """

    basis: Array
    scales: Array
    priors: Array
    slopes: Array
    ages: Array
    last: Array


class Trend(NamedTuple):
    """
    What the days say.

    Attributes:
        fitted: The logarithm of each day's level, without its error.
        unit: What the levels are measured in, as a logarithm; ``usual`` is the level of
            the last week without its weekend, in that unit.
        weights: What each shape counts.
        means: Its factors; ``roots`` are the roots of their covariance.
    """

    fitted: Array
    unit: float
    usual: float
    weights: Array
    means: Array
    roots: Array

    def paths(self, days: int, many: int, chance: np.random.Generator) -> Array:
        """Return *many* ways in which the logarithm of the level may go on."""
        design = _design(len(self.fitted))
        shape = chance.choice(len(self.weights), many, p=self.weights)
        drawn = chance.standard_normal((many, self.means.shape[1]))
        factors = self.means[shape] + np.einsum("rij,rj->ri", self.roots[shape], drawn)
        own, week = factors[:, 1 + WEEK :], factors[:, 1 : 1 + WEEK]
        week = week - week.mean(axis=1, keepdims=True)
        now = factors[:, 0] + (design.last[shape] * own).sum(axis=1)
        slope = (design.slopes[shape] * own).sum(axis=1)
        lasts = (design.ages[shape] + _SEEN) * (1 / (1 - chance.random(many)) - 1)
        ahead = np.arange(1, days + 1)
        least = _LEAST * self.usual
        start = np.maximum(now, least)[:, None]
        level = start + slope[:, None] * np.minimum(ahead, lasts[:, None])
        level = np.maximum(level, least)
        each = week[:, ahead % WEEK] * self.usual * level / start
        found: Array = self.unit + np.log(np.maximum(level + each, _LEAST * level))
        return found


def trend(levels: Array) -> Trend:
    """Return what the logarithms of the *levels* of at least two weeks say."""
    days = len(levels)
    design = _design(days)
    unit = float(np.median(levels[-WEEK:]))
    value = np.exp(levels - unit)
    usual = _usual(value)
    part = value / usual
    # Together they differ by nothing, or a week would be another name of the level.
    weekday = np.full((days, WEEK), -1 / WEEK)
    weekday[np.arange(days), (np.arange(days) - (days - 1)) % WEEK] += 1.0
    both = np.column_stack((np.ones(days), weekday * usual[:, None]))
    shapes = len(design.priors)
    rows = np.concatenate(
        (np.broadcast_to(both, (shapes, *both.shape)), design.basis), axis=2
    )
    rows = rows / usual[None, :, None]
    common = np.concatenate(([_FAR], np.full(WEEK, _WEEKDAY)))
    scales = np.column_stack((np.tile(common, (shapes, 1)), design.scales))
    squares, crossed = rows.transpose(0, 2, 1) @ rows, part @ rows

    def weighed(noise: float) -> tuple[Array, Array, Array, Array]:
        return _weighed(rows, part, squares, crossed, scales, noise, design.priors)

    rough = _noise(part)
    weights, _, _, errors = weighed(rough)
    odd = _ODD * np.sqrt(rough)
    free = max(days - WEEK - 2, days / 2)
    noise = float((np.clip(weights @ errors, -odd, odd) ** 2).sum() / free)
    weights, means, roots, errors = weighed(max(noise, 1e-8))
    mixed = weights @ errors
    fitted = np.maximum(part - mixed, _LEAST) * usual
    return Trend(unit + np.log(fitted), unit, float(usual[-1]), weights, means, roots)


def _weighed(
    rows: Array,
    part: Array,
    squares: Array,
    crossed: Array,
    scales: Array,
    noise: float,
    priors: Array,
) -> tuple[Array, Array, Array, Array]:
    """Return of all shapes: what each counts, its factors, their roots, its errors."""
    sure = 1 / scales**2
    inverse = squares / noise + sure[:, :, None] * np.eye(scales.shape[1])
    lower = np.linalg.cholesky(inverse)
    half = np.linalg.inv(lower)
    # With P = L L', the covariance is (L^-1)' L^-1: its root is the first of them.
    roots = half.transpose(0, 2, 1)
    means = np.einsum("mij,mj->mi", roots @ half, crossed / noise)
    errors = part - np.einsum("mdi,mi->md", rows, means)
    spread = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    likely = (
        priors
        - (errors**2).sum(axis=1) / noise / 2
        - (means**2 * sure).sum(axis=1) / 2
        - spread
        + np.log(sure).sum(axis=1) / 2
    )
    weights = np.exp(likely - likely.max())
    return weights / weights.sum(), means, roots, errors


def _usual(value: Array) -> Array:
    """Return the middle of the week around each day: what is not a weekend."""
    week = np.lib.stride_tricks.sliding_window_view(value, WEEK)
    first = np.clip(np.arange(len(value)) - WEEK // 2, 0, len(week) - 1)
    found: Array = np.median(week, axis=1)[first]
    return found


def _noise(part: Array) -> float:
    """Return a first guess of the square of a day's error, whatever the trend is."""
    steps = np.diff(part)
    usual = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    return max(usual**2 / 2, 1e-8)


@lru_cache(maxsize=64)
def _design(days: int) -> _Design:
    """Return every shape that *days* can have; made once."""
    shapes = [*_shapes(days)]
    columns = max(len(one.columns) for one in shapes)
    basis = np.zeros((len(shapes), days, columns))
    scales = np.ones((len(shapes), columns))
    slopes = np.zeros((len(shapes), columns))
    for row, shape in enumerate(shapes):
        for column, values in enumerate(shape.columns):
            basis[row, :, column] = values
            scales[row, column] = shape.scales[column]
        slopes[row, list(shape.slopes)] = 1.0
    priors = np.array([one.prior for one in shapes])
    ages = np.array([one.age for one in shapes])
    last = np.where([[one.passes] for one in shapes], 0.0, basis[:, -1])
    return _Design(basis, scales, np.log(priors / priors.sum()), slopes, ages, last)


def _shapes(days: int) -> Iterator[_Shape]:
    ago = np.arange(1.0 - days, 1.0)
    knots = [knot for knot in _KNOTS if knot < days - _APART + 1]
    yield _Shape((), (), _LEVEL)
    for scale in (_QUIET, _STEEP):
        yield _Shape((ago,), (scale,), _LINE / 2, (0,), days)
    for knot, scale in product(knots, (_QUIET, _STEEP)):
        since = _since(ago, knot)
        each = _SLOPE / len(knots) / 2
        yield _Shape((since,), (scale,), each, (0,), knot)
        yield _Shape((ago, since), (_QUIET, scale), each / 2, (0, 1), knot)
    yield from _steps(ago, days)
    for odd, each in enumerate(_ODD_DAYS):
        alone = (ago >= -odd).astype(np.float64)
        yield _Shape((alone,), (_STEP,), each, passes=True)
    pairs = [(a, b) for a, b in product(knots, knots) if a - b >= _APART]
    pairs += [(knot, _ENDED) for knot in knots if knot >= _RISEN]
    for began, ended in pairs:
        risen = _since(ago, began) - _since(ago, ended)
        each = _END / len(pairs) / 2
        yield _Shape((risen,), (_STEEP,), each)
        again = (risen, _since(ago, ended))
        yield _Shape(again, (_STEEP, _STEEP), each, (1,), ended)


def _steps(ago: Array, days: int) -> Iterator[_Shape]:
    """Yield the shapes with a step; of one of the last days, also in its middle."""
    steps = [step for step in _STEPS if step < days - _APART + 1]
    each = _JUMP / len(steps)
    for step in steps:
        after = (ago >= -step).astype(np.float64)
        yield _Shape((after,), (_STEP,), each)
        yield _Shape((after, ago), (_STEP, _QUIET), each / 2, (1,), days)
        if step <= WEEK:
            half = np.where(ago == -step, 0.5, after)
            yield _Shape((half,), (_STEP,), each / 2)


def _since(ago: Array, knot: int) -> npt.NDArray[np.float64]:
    """Return the days since *knot* days ago; 0 before."""
    found: Array = np.maximum(ago + knot, 0.0)
    return found
