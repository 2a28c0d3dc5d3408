"""
What lies ahead of one number, as something that can be acted on, or not. Pure.

An `Outlook` without skill knows no probability: it says `None`, which no comparison
takes for "safe" and none for "urgent". `expects` and `rules_out` are what a decision
asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from reconciler.forecast.chart import Chart

if TYPE_CHECKING:
    from reconciler.forecast.combined import Combined
    from reconciler.forecast.members import Array
    from reconciler.forecast.series import Series

#: ``level``: goes up and down (CPU, memory, I/O), and it matters whether it stays up.
#: ``fill``: grows (disk, inodes), and its peak matters.
Kind: TypeAlias = Literal["level", "fill"]
#: Hours of any 24 at or over the limit that are more than a spike.
SUSTAINED = 3
#: A last sample older than this says nothing about what comes.
STALE = timedelta(hours=6)
#: How far ahead anything can be said.
FARTHEST = timedelta(days=90)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
#: Members that count less are not named.
_SHOWN = 0.005
SPIKES = "single-hour spikes above any seen before are not predictable"


@dataclass(frozen=True)
class Outlook:
    """
    One number, a limit, and what comes of them.

    Attributes:
        metric: Whose number it is, as the caller calls it.
        kind: How it is looked at.
        limit: In the unit of the samples.
        guess: The probability as the paths have it, whether or not they have skill: to
            be shown, never to be acted on. 0 where there are no paths.
        horizon: From now, for which the probability is.
        when: When the median first reaches the limit (`level`: and stays); None: not
            within the horizon (`fill`: not within `FARTHEST`).
        method: By what, with the weights of its members.
        mase: Error of the back-test, in parts of the usual step; 0 where there is none.
        naive_mase: The same of saying that nothing changes.
        coverage: The share of the back-test that was not above the 95 % quantile.
        history: Hours that were used.
        skill: Whether the back-test is better than saying that nothing changes.
        reached: It is there already (`fill`: at 97 % of it). A fact, not a forecast.
        beyond: The limit is above everything seen so far.
        note: What else a reader has to know; may be empty.
        chart: What was and what is expected.
        chances: As *guess*, within one day, two days, and so on; the last one is
            *guess*. Empty where there are no paths.
        soon: The same within one hour, two hours, up to a day or the horizon. A breach
            of a `level` is counted by its third hour here, and those of the last day
            are among the three.
        since: When both begin: the end of the last sample's hour.
    """

    metric: str
    kind: Kind
    limit: float
    guess: float
    horizon: timedelta
    when: datetime | None
    method: str
    mase: float
    naive_mase: float
    coverage: float
    history: int
    skill: bool
    reached: bool
    beyond: bool
    note: str
    chart: Chart
    chances: tuple[float, ...] = ()
    soon: tuple[float, ...] = ()
    since: datetime | None = None

    @property
    def probability(self) -> float | None:
        """That the limit is reached within the horizon; None: nobody knows."""
        return self.guess if self.skill else None

    def expects(self, threshold: float) -> bool:
        """Whether it is at least so probable; never without skill."""
        return self.skill and self.guess >= threshold

    def rules_out(self, threshold: float) -> bool:
        """Whether it is less probable than that; never without skill."""
        return self.skill and not self.reached and self.guess < threshold


def outlook(
    samples: Sequence[tuple[datetime, float]],
    limit: float,
    horizon: timedelta,
    now: datetime,
    seed: int,
    kind: Kind,
    *,
    metric: str = "",
) -> Outlook:
    """
    Look *horizon* ahead of hourly *samples*, which are in any order and may have gaps.

    Args:
        samples: With time zone, those up to *now* count.
        limit: In the unit of the samples.
        horizon: Up to `FARTHEST`; ``fill`` counts in whole days.
        now: The moment of the question.
        seed: The same inputs and seed give the same answer.
        kind: How it is looked at.
        metric: What it is called.

    Raises:
        ValueError: The limit is not above zero, the horizon is not between an hour and
            `FARTHEST`, or a time is without its zone.
    """
    # Only who asks pays for numpy.
    from reconciler.forecast.series import bridged, even  # noqa: PLC0415

    if not 0 < limit < float("inf"):
        raise ValueError(f"a limit of {limit} can not be reached from below")
    if not _HOUR <= horizon <= FARTHEST:
        raise ValueError(f"a horizon of {horizon} is not between 1 h and {FARTHEST}")
    known = bridged(even(samples, now))
    ask = _Ask(metric, kind, limit, horizon, seed)
    if not len(known.values):
        return _nothing(ask, known, "too little is known, or too much is missing")
    if now - known.end > STALE:
        hours = int((now - known.end) / _HOUR)
        return _nothing(ask, known, f"the last sample is {hours} hours old")
    if known.values.min() == known.values.max():
        return _nothing(ask, known, "it has not changed at all")
    return _level(ask, known) if kind == "level" else _fill(ask, known)


@dataclass(frozen=True)
class _Ask:
    metric: str
    kind: Kind
    limit: float
    horizon: timedelta
    seed: int


def _nothing(ask: _Ask, known: Series, note: str) -> Outlook:
    """Return what can be said without a forecast."""
    return Outlook(
        ask.metric,
        ask.kind,
        ask.limit,
        guess=0.0,
        horizon=ask.horizon,
        when=None,
        method="none",
        mase=0.0,
        naive_mase=0.0,
        coverage=0.0,
        history=len(known.values),
        skill=False,
        reached=_reached(ask, known.values),
        beyond=_beyond(ask, known.values),
        note=note,
        chart=Chart(_rounded(known.values), (), (), ask.limit, "hour"),
    )


def _reached(ask: _Ask, values: Array) -> bool:
    from reconciler.forecast.fill import NEARLY  # noqa: PLC0415

    last = values[-24:]
    if ask.kind == "fill":
        return bool((last >= NEARLY * ask.limit).any())
    return int((last >= ask.limit).sum()) >= SUSTAINED


def _beyond(ask: _Ask, values: Array) -> bool:
    return not (values >= ask.limit).any()


def _level(ask: _Ask, known: Series) -> Outlook:
    """Return what slopes and steps say where they did well before, else the errors."""
    from reconciler.forecast import level  # noqa: PLC0415

    found = _by_paths(ask, known) if level.suits(known.values) else None
    return found or _short(ask, known)


def _by_paths(ask: _Ask, known: Series) -> Outlook | None:
    """Return what slopes, steps and the hours of a week say; None without skill."""
    import numpy as np  # noqa: PLC0415

    from reconciler.forecast import level  # noqa: PLC0415

    values, hours = known.values, -(-ask.horizon // _HOUR)
    chance = np.random.default_rng(ask.seed)
    before = level.tried(values, hours, chance)
    mase, naive = round(before.mase, 4), round(before.naive_mase, 4)
    if mase >= naive:
        return None
    found = level.level(values, ask.limit, hours, chance)
    chances = _shares(found.chances)
    beyond = _beyond(ask, values)
    return Outlook(
        ask.metric,
        ask.kind,
        ask.limit,
        guess=chances[-1],
        horizon=ask.horizon,
        when=None if found.hours is None else known.end + found.hours * _HOUR,
        method=f"slopes and steps ({level.PATHS} paths of hours)",
        mase=mase,
        naive_mase=naive,
        coverage=round(before.coverage, 4),
        history=len(values),
        skill=True,
        reached=_reached(ask, values),
        beyond=beyond,
        note=SPIKES if beyond else "",
        chart=Chart(
            _rounded(values),
            _rounded(found.median),
            _rounded(found.upper),
            ask.limit,
            "hour",
        ),
        chances=chances,
        soon=_shares(found.soon),
        since=known.end,
    )


def _short(ask: _Ask, known: Series) -> Outlook:
    """Return what a few days say: a combined forecast, and what it was wrong by."""
    import numpy as np  # noqa: PLC0415

    from reconciler.forecast import level  # noqa: PLC0415
    from reconciler.forecast.combined import LEAST_HOURS, combined  # noqa: PLC0415

    values, hours = known.values, -(-ask.horizon // _HOUR)
    if len(values) < LEAST_HOURS:
        return _nothing(ask, known, f"{len(values)} of {LEAST_HOURS} hours are known")
    found = combined(values, hours)
    drawn = found.paths(np.random.default_rng(ask.seed))
    by_day, by_hour = level.begun(drawn, ask.limit, values)
    chances = _shares(by_day)
    first = sustained(found.median[None], ask.limit)[0]
    beyond = _beyond(ask, values)
    return Outlook(
        ask.metric,
        ask.kind,
        ask.limit,
        guess=chances[-1],
        horizon=ask.horizon,
        when=known.end + int(first) * _HOUR if first >= 0 else None,
        method=_named(found),
        mase=round(found.mase, 4),
        naive_mase=round(found.naive_mase, 4),
        coverage=round(found.coverage, 4),
        history=len(values),
        skill=round(found.mase, 4) < round(found.naive_mase, 4),
        reached=_reached(ask, values),
        beyond=beyond,
        note=SPIKES if beyond else "",
        chart=Chart(
            _rounded(values),
            _rounded(found.median),
            _rounded(np.maximum(found.quantile(0.95), found.median)),
            ask.limit,
            "hour",
        ),
        chances=chances,
        soon=_shares(by_hour),
        since=known.end,
    )


def _named(found: Combined) -> str:
    parts = sorted(found.weights, key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{name} {weight:.2f}" for name, weight in parts if weight >= _SHOWN]
    return f"wsel3 ({', '.join(shown)})"


def sustained(paths: Array, limit: float) -> Array:
    """
    Return for each of *paths* the hour with which a breach begins; -1: there is none.

    A breach is `SUSTAINED` hours of any 24 at or over *limit*, fewer where a path is
    shorter; it begins with the first of them.
    """
    import numpy as np  # noqa: PLC0415

    rows, hours = paths.shape
    over = np.cumsum(paths >= limit, axis=1)
    before = np.concatenate((np.zeros((rows, min(24, hours))), over[:, :-24]), axis=1)
    within = over - before >= min(SUSTAINED, hours)
    last = within.argmax(axis=1)
    need = before[np.arange(rows), last] + 1
    first = (over >= need[:, None]).argmax(axis=1)
    found: Array = np.where(within.any(axis=1), first, -1)
    return found


def _fill(ask: _Ask, known: Series) -> Outlook:
    import numpy as np  # noqa: PLC0415

    from reconciler.forecast import fill  # noqa: PLC0415
    from reconciler.forecast.cleaning import fallen  # noqa: PLC0415

    peak, rest = fill.peaks(known.values), fill.rests(known.values)
    fell = fallen(known.values)
    days = -(-ask.horizon // _DAY)
    if len(peak) < fill.LEAST_DAYS:
        note = f"{len(peak)} of {fill.LEAST_DAYS} days are known"
        return _nothing(ask, known, note)
    chance = np.random.default_rng(ask.seed)
    found = fill.fill(peak, ask.limit, days, chance, FARTHEST // _DAY, rest, fell)
    soon = fill.soon(found, ask.limit, rest, known.values[-len(peak) * 24 :])
    before = fill.replay(peak, days, chance, rest, fell)
    scale = before.scale if before and before.scale else 1.0
    mase, naive = (
        (round(before.error / scale, 4), round(before.naive / scale, 4))
        if before
        else (0.0, 0.0)
    )
    return Outlook(
        ask.metric,
        ask.kind,
        ask.limit,
        guess=round(found.probability, 4),
        horizon=ask.horizon,
        when=known.end + found.days * _DAY if found.days else None,
        method=f"peak bootstrap ({fill.PATHS} paths of days like each)",
        mase=mase,
        naive_mase=naive,
        coverage=round(before.coverage, 4) if before else 0.0,
        history=len(known.values),
        skill=mase < naive,
        reached=_reached(ask, known.values),
        beyond=_beyond(ask, known.values),
        note="" if before else "too little history to try it on",
        chart=Chart(
            _rounded(peak),
            _rounded(found.median[:days]),
            _rounded(found.upper[:days]),
            ask.limit,
            "day",
        ),
        chances=_shares(found.chances),
        soon=_shares(soon),
        since=known.end,
    )


def _shares(found: Array) -> tuple[float, ...]:
    return tuple(round(one, 4) for one in found.tolist())


def _rounded(values: Array) -> tuple[float, ...]:
    """Return six digits: what machines add up differently is not shown."""
    return tuple(float(f"{value:.6g}") for value in values.tolist())
