"""
What is foreseen of one resource, and when that has to be done anew. Pure.

A forecast costs some ten milliseconds. So what is far from its limits, and goes nowhere
near them, gets none; and what was foreseen holds for a day, unless something happens
that it did not foresee.
"""

from __future__ import annotations

import hashlib
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from reconciler.audit.usage_store import Hour
from reconciler.model.hosting import FILLING, METRICS
from reconciler.model.ref import Ref
from reconciler.model.scaling import Scaling
from reconciler.model.usage import (
    BRIM,
    DAY,
    FAR,
    SUSTAINED,
    UNASKED,
    Bounds,
    Outlook,
    OutlookState,
    Reading,
)

#: How far back is looked.
HISTORY: Final = timedelta(days=60)
#: A forecast is made anew when it is older than this, and so much later that not all
#: are at once.
FRESH: Final = timedelta(hours=20)
SPREAD: Final = timedelta(hours=4)
#: What uses a share of its limit that no forecast said, and this much more, is news.
_NEWS: Final = 0.05
#: Limits that differ by less are the same, as finely as they are kept.
_ROUNDED: Final = 0.001
#: Far away is below half of the target, and no nearer than three quarters of it by the
#: end of twice the horizon if it goes on as in these days.
_FAR, _NEARER = 0.5, 0.75
_DAYS: Final = timedelta(days=14)
_FEWEST_DAYS: Final = 7
#: What is never above this share of the smaller plan's target may fit into it.
_ROOMY: Final = 0.7
#: It is near with such a chance of the next hours, and nothing is to be added above,
#: for so long.
_NEAR, _CERTAIN = 0.01, 0.5
_ADDED: Final = timedelta(hours=6)
#: Days of peaks that are kept with a forecast, or where a smaller size is allowed.
PAST: Final = 42
_A_DAY: Final = 24

Kind = Literal["level", "fill"]


class Foreseen(NamedTuple):
    """
    What a forecast says, in the terms of ``model.usage.Outlook``.

    Attributes:
        ahead: The median of the highest of each day to come, ``worst`` their 95 %
            quantile.
        chances: That the limit is reached within one day, two days, and so on.
        soon: The same within one hour, two hours, up to the first day.
        since: The end of what it begins with: the hour of the last reading.
    """

    probability: float
    when: datetime | None
    method: str
    mase: float | None
    naive_mase: float | None
    coverage: float | None
    history: int
    skill: bool
    note: str
    ahead: tuple[float, ...] = ()
    worst: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()
    soon: tuple[float, ...] = ()
    since: datetime | None = None


class Question(NamedTuple):
    """What is asked: hourly samples, and a limit that is not to be reached."""

    samples: Sequence[tuple[datetime, float]]
    limit: float
    horizon: timedelta
    now: datetime
    seed: int
    kind: Kind


Predict = Callable[[Question], Foreseen]


class Case(NamedTuple):
    """
    One resource that is scaled.

    Attributes:
        hours: What it used, by metric, in order; not needed to ask ``renewable``.
        bounds: The most it may use; where they are silent, what its source says is.
    """

    ref: Ref
    policy: Scaling
    bounds: Bounds
    source: str
    hours: Mapping[str, Sequence[Hour]] = {}


def foresee(case: Case, predict: Predict, now: datetime) -> OutlookState:
    """Return what is foreseen of every metric that has a limit."""
    found = tuple(_each(case, predict, now))
    return OutlookState(at=now, source=case.source, outlooks=found)


class Sight(NamedTuple):
    """
    What is known of the sources.

    Attributes:
        doubts: Why one is not believed.
        fine: Those that were judged and are believed; None: all others are. Where
            only a part was looked at, an old doubt stays until somebody judges.
    """

    doubts: Mapping[str, str]
    fine: Collection[str] | None
    now: datetime
    every: timedelta = DAY


def sort(
    cases: Iterable[tuple[Case, Mapping[str, Reading]]],
    old: Mapping[Ref, OutlookState],
    sight: Sight,
) -> tuple[dict[Ref, Case], dict[Ref, OutlookState]]:
    """Return what has to be foreseen anew, and what is doubted from now on."""
    due: dict[Ref, Case] = {}
    doubted: dict[Ref, OutlookState] = {}
    for case, latest in cases:
        before = old.get(case.ref)
        if why := sight.doubts.get(case.source):
            state = before or OutlookState(at=sight.now)
            more = {"at": sight.now, "doubt": why, "source": case.source}
            doubted[case.ref] = state.model_copy(update=more)
        elif before and before.doubt and sight.fine is not None:
            if case.source in sight.fine:
                due[case.ref] = case
        elif renewable(case, before, latest, sight.now, sight.every):
            due[case.ref] = case
    return due, doubted


def renewable(
    case: Case,
    old: OutlookState | None,
    latest: Mapping[str, Reading],
    now: datetime,
    every: timedelta = DAY,
) -> bool:
    """
    Say whether what was foreseen has to be foreseen anew.

    Its history is not looked at: *latest* is what was read last, by metric. *every* is
    after how long it may be moved again: once a day, nothing is gained by more.
    """
    if old is None or old.doubt or old.source != case.source:
        return True
    age = now - old.at
    if age < timedelta() or age >= FRESH + SPREAD * _share(str(case.ref)):
        return True  # too old, or made by a clock that went back
    rules = (int(case.policy.horizon.total_seconds()), float(case.policy.target))
    for metric in _metrics(case.policy, latest):
        one, limit = old.of(metric), case.bounds.limits.get(metric)
        limit = latest[metric].limit if limit is None else limit
        if not limit:
            continue
        if one is None or (one.horizon, one.target) != rules:
            return True
        if abs(one.limit - limit) > _ROUNDED * limit:
            return True
        expected = max((one.peak, *one.worst[:2]))
        if latest[metric].value > expected + _NEWS * limit:
            return True
        if every < DAY and _near(case, one, latest[metric], _Since(old.at, now, every)):
            return True
    return False


class _Since(NamedTuple):
    """When something was foreseen, what time it is, and how often it may be moved."""

    at: datetime
    now: datetime
    every: timedelta


def _near(case: Case, one: Outlook, latest: Reading, since: _Since) -> bool:
    """
    Say whether it is so near that what was read *since* says more of it.

    What is as good as full; what comes and goes and is at its target, until it
    has been there long enough to be a fact; and what may reach it before the next
    occasion, or within its lead. Where it was as good as certain to, and was not moved,
    nothing is to be added for some hours.
    """
    level = one.metric not in FILLING
    if latest.at <= since.at:
        return False
    if not level and latest.value >= BRIM * one.limit:
        return True
    if level and latest.value >= one.goal and one.reached < SUSTAINED:
        return True  # a fact, whatever is foreseen
    span = max(case.policy.lead_for(one.metric, since.every), since.every)
    if span > DAY or not one.chances:
        return False
    sure = one.skill and one.within(span) >= _CERTAIN
    if sure and since.now - since.at < _ADDED:
        return False
    return one.within(one.age(since.at, since.now) + span) >= _NEAR


def _each(case: Case, predict: Predict, now: datetime) -> Iterator[Outlook]:
    asked = _metrics(case.policy, case.hours)
    less = case.bounds.smaller or {}
    for metric in METRICS:
        if metric not in asked and not (metric in less and case.hours.get(metric)):
            continue
        limit = case.bounds.limits.get(metric)
        limit = case.hours[metric][-1].limit if limit is None else limit
        if not limit:
            continue
        known = _known(case, metric, limit, now)
        if metric in asked:
            yield _outlook(case, known, predict, now)
        else:
            yield known.model_copy(update={"method": UNASKED})


def _metrics(policy: Scaling, known: Mapping[str, object]) -> list[str]:
    """Return what *policy* looks at, as far as anything is *known* of it."""
    wanted = policy.metrics or METRICS
    return [metric for metric in METRICS if metric in wanted and known.get(metric)]


def _known(case: Case, metric: str, limit: float, now: datetime) -> Outlook:
    """Return what is known of a metric without any forecast."""
    hours, target = case.hours[metric], float(case.policy.target)
    fills = metric in FILLING
    a_day, some_days = now - timedelta(hours=_A_DAY), now - _DAYS
    lately = [one for one in hours if one.at > a_day]
    over = [o for o in lately if (o.highest if fills else o.mean) >= target * limit]
    third = sorted((one.mean for one in lately), reverse=True)[SUSTAINED - 1 :][:1]
    recent = [one.highest for one in hours if one.at > some_days]
    smaller = case.bounds.smaller is not None
    peaks = daily(hours)[-PAST:] if smaller else ()
    return Outlook(
        metric=metric,
        limit=limit,
        target=target,
        current=hours[-1].mean,
        peak=max(recent, default=hours[-1].highest),
        probability=0.0,
        horizon=int(case.policy.horizon.total_seconds()),
        method=FAR,
        history=len(hours),
        past=tuple(high for _, high in peaks),
        reached=len(over),
        read=len(lately),
        lasting=None if fills else next(iter(third), None),
    )


def _outlook(case: Case, known: Outlook, predict: Predict, now: datetime) -> Outlook:
    """Return what is foreseen of it, where it is not plain that nothing will be."""
    metric = known.metric
    peaks = daily(case.hours[metric])
    asked = _question(case, metric, known.goal, now)
    low = None
    smaller = (case.bounds.smaller or {}).get(metric)
    if smaller is not None:
        goal = known.target * smaller
        low = _low(asked._replace(limit=goal), peaks, predict)
    recent = [high for day, high in peaks if day > now - _DAYS]
    if is_far(recent, asked.limit, case.policy.horizon):
        return known.model_copy(update={"low": low})
    past = tuple(high for _, high in peaks[-PAST:])
    found = predict(asked)._asdict()
    return known.model_copy(update={**found, "low": low, "past": past})


def _low(
    asked: Question, peaks: Sequence[tuple[datetime, float]], predict: Predict
) -> float | None:
    """Return how likely it is that a smaller limit is reached; None where it was."""
    highest = [high for _, high in peaks[-PAST:]]
    if max(highest) > _ROOMY * asked.limit:
        return None
    if is_far(highest[-_DAYS.days :], asked.limit, asked.horizon):
        return 0.0
    return predict(asked).probability


def _question(case: Case, metric: str, limit: float, now: datetime) -> Question:
    kind: Kind = "fill" if metric in FILLING else "level"
    hours = case.hours[metric]
    if kind == "fill":
        samples = list(_held([(one.at, one.highest) for one in hours]))
    else:
        samples = [(one.at, one.mean) for one in hours]
    seed = int(_share(f"{case.ref} {metric} {now.date()}") * 2**32)
    return Question(samples, limit, case.policy.horizon, now, seed, kind)


def _held(
    samples: Sequence[tuple[datetime, float]],
) -> Iterator[tuple[datetime, float]]:
    """
    Yield each hour of what fills up: it stays as it was until it is read again.

    So it is enough to read it a few times a day. Nobody knows what it was in a gap of
    a day or more.
    """
    hour = timedelta(hours=1)
    for (at, value), (then, _) in pairwise(samples):
        yield at, value
        apart = then - at
        if apart == hour:
            continue
        gap = apart // hour
        for more in range(1, gap if gap < _A_DAY else 1):
            yield at + more * hour, value
    yield from samples[-1:]


def daily(hours: Sequence[Hour]) -> list[tuple[datetime, float]]:
    """Return the highest of each day (of UTC), in order."""
    found: dict[int, float] = {}
    for one in hours:
        day, high = one.at.toordinal(), one.highest
        if high > found.get(day, -1.0):
            found[day] = high
    return [
        (datetime.fromordinal(day).replace(tzinfo=UTC), max(high, 0.0))
        for day, high in sorted(found.items())
    ]


def is_far(peaks: Sequence[float], target: float, horizon: timedelta) -> bool:
    """Say whether days with these *peaks* are so far from *target* that it is plain."""
    if len(peaks) < _FEWEST_DAYS:
        return False
    half = len(peaks) // 2
    before, after = max(peaks[:half]), max(peaks[half:])
    if max(before, after) >= _FAR * target:
        return False
    a_day = max(0.0, after - before) / half
    ahead = after + a_day * 2 * (horizon / timedelta(days=1))
    return ahead < _NEARER * target


def _share(text: str) -> float:
    """Return a number in [0, 1) that is always the same for *text*."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32
