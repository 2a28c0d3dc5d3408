"""
How often something may be moved, and whether a need can wait for the next time. Pure.

A move may be made by every whole ``apply``. What matters is not how often one is meant
to run but how often one does: schedules slip. So the longest time between two runs of
the last day is what the next one is expected after: an hour at best, a day where nobody
knows or where it is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from reconciler.model.hosting import FILLING
from reconciler.model.sizing import Sizing
from reconciler.model.usage import DAY, Outlook
from reconciler.model.windows import coming

_HOUR: Final = timedelta(hours=1)
_REMEMBERED: Final = timedelta(days=400)
#: A schedule that is late by so much still runs every hour.
_JITTER: Final = timedelta(minutes=15)
#: A need waits while the chance that it comes before the next occasion is smaller.
RISK: Final = 0.03
#: The same where it waits for an hour or two, of what comes and goes. A breach is the
#: third hour there: whoever looks each hour knows two of them, and a chance of an hour
#: is one of few, where that of a day is one of many.
HOURLY: Final = 0.08
#: What is so near, and known by the hour, is as good as needed: nobody has to be sure
#: of the weeks to come.
URGENT: Final = 0.15
_FEW: Final = timedelta(hours=2)
#: A forecast that begins so long ago is still about the next hours.
_FRESH: Final = timedelta(hours=1)


class Early(NamedTuple):
    """How long a need would wait, from now on, and the chance that it comes first."""

    span: timedelta
    chance: float


def pace(runs: Sequence[datetime], now: datetime) -> timedelta:
    """
    Return after how long the next run is to be expected, by the *runs* that were.

    The longest time between two of them that ended within the last day, or since the
    last one; whole hours, of which a quarter of an hour too much is none.
    """
    now = now.astimezone(UTC)  # two times of one zone would differ by its clock
    # Whatever else is claimed is no run of these days, nor a time of every zone.
    times = sorted(
        at.astimezone(UTC) for at in runs if timedelta() <= now - at < _REMEMBERED
    )
    ends = [*pairwise(times), *((at, now) for at in times[-1:])]
    spans = [until - since for since, until in ends if now - until < DAY]
    if not times or now - times[0] < DAY - _HOUR:
        return DAY  # nobody has seen a day of it yet
    hours = max(1, -(-(max(spans) - _JITTER) // _HOUR))
    return min(hours * _HOUR, DAY)


def early(case: Sizing, outlook: Outlook) -> Early:
    """
    Return how long waiting would last from now, and the chance of a need within it.

    The next occasion is the first open window after the next run and the cool-down.
    """
    rules = case.rules
    every = case.seen.pace if case.seen else DAY
    ready = case.now + every
    if case.past:
        ready = max(ready, case.past[-1].at + rules.cool_down)
    span = coming(rules.windows, ready)
    ready = max(ready, span.start) if span else ready
    lead = max(rules.lead_for(outlook.metric, every), ready - case.now)
    return Early(lead, outlook.within(_age(case, outlook) + lead - _JITTER))


def _age(case: Sizing, outlook: Outlook) -> timedelta:
    return outlook.age(case.seen.at, case.now) if case.seen else timedelta()


def waits(case: Sizing, outlook: Outlook) -> bool:
    """
    Say whether it can be put off: each look shows more of whether it is needed.

    Only where the chance that the target is reached within the lead of the policy, or
    before the next occasion, is below the risk. Without chances nobody knows.
    """
    if not outlook.chances:
        return False
    found = early(case, outlook)
    return found.chance < (HOURLY if _by_hour(case, outlook, found) else RISK)


def urgent(case: Sizing, outlook: Outlook) -> bool:
    """Say whether the next hour may be the one, by what is known of the last ones."""
    if max(outlook.soon, default=0.0) < URGENT:
        return False
    found = early(case, outlook)
    return _by_hour(case, outlook, found) and found.chance >= URGENT


def _by_hour(case: Sizing, outlook: Outlook, found: Early) -> bool:
    """
    Say whether it is known by the hour, and waits for one or two of them.

    A chance counts from when it was foreseen: hours later it is not that of an hour.
    """
    fresh = bool(outlook.soon) and _age(case, outlook) <= _FRESH
    return fresh and found.span <= _FEW and outlook.metric not in FILLING
