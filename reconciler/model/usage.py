"""What is used: single readings, and what they say about the weeks to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from pydantic import AwareDatetime

from reconciler.model.base import Frozen
from reconciler.model.finding import Finding, Severity
from reconciler.model.observed import State
from reconciler.model.ref import Ref

#: The account of what was measured and watched: our own books of it. Its name is
#: reserved, and it needs no document.
USAGE: Final = "usage"
#: Families of that account: forecasts, and what the checks have found.
OUTLOOK, HEALTH = "outlook", "health"
#: The method of what is so far from its limit that nothing had to be foreseen.
FAR: Final = "far away"
#: The method of what the policy does not look at: its peaks are kept, so that nothing
#: is made smaller than it needs.
UNASKED: Final = "not foreseen"
#: A forecast that is older proves nothing.
STALE: Final = timedelta(hours=26)
#: Hours of a day at the limit that are no lone spike any more.
SUSTAINED: Final = 3
#: What is stored is full here, however often it is looked.
BRIM: Final = 0.99
#: What is foreseen is foreseen anew after so long at the latest.
DAY: Final = timedelta(days=1)
_HOUR, _HOURS = timedelta(hours=1), 24


class Reading(NamedTuple):
    """
    One measurement.

    Attributes:
        metric: One of ``METRICS``; ``value`` is in its unit.
        at: When it was so at the source, aware.
        limit: What the source says is the most; None: it knows none.
    """

    metric: str
    at: datetime
    value: float
    limit: float | None = None


class UsageState(State):
    """
    What was read of one resource at once; several times where the source keeps them.

    Attributes:
        readings: In the order of time.
        source: Who measured it, as in ``whm-1``: what is wrong there is wrong in all.
    """

    readings: tuple[Reading, ...]
    source: str


class Outlook(Frozen):
    """
    What one metric will do, and what that is worth.

    Attributes:
        limit: The most that it may use on its plan or size, in the unit of the metric.
        current: The last reading, ``peak`` the highest of 14 days.
        probability: Of reaching ``target`` (a share of the limit), sustained, within
            *horizon* seconds. ``when``, ``low`` and the back-test are about the same.
        when: The median crossing within the horizon.
        method: How it was foreseen; ``FAR`` or ``UNASKED``: it was not.
        mase: Back-tested error, beside ``naive_mase`` of the naive forecast.
        coverage: Share of the back-test that the 95 % quantile covered.
        history: Hours of data behind it.
        skill: It beats the naive forecast. Without it, it may not lead to anything.
        note: What a reader has to know, as that a lone spike cannot be foreseen.
        low: The probability that the *smaller* neighbour's limit would be reached;
            None where it was not asked.
        past: Daily peaks, the last one today, ``ahead`` the median of the days to come
            and ``worst`` their 95 % quantile. Nothing is made smaller with less than
            thirty days of peaks.
        reached: Hours of the last 24 in which the target was reached, of those that
            were ``read``; 0 where nobody counted them.
        chances: That the target is reached within one day, two days, and so on, as far
            as the horizon; never falling. Empty where the forecast says no days.
        soon: The same within one hour, two hours, up to the first day. Empty where the
            forecast says no hours, or where there is no chance in any.
        since: When that day begins: the end of the hour of the last reading. None
            where nobody said: when it was foreseen.
        lasting: What comes and goes was so high for three hours of the last day, or
            higher; None where fewer were read, and of what fills up.
    """

    metric: str
    limit: float
    current: float
    peak: float
    probability: float
    horizon: int
    target: float = 1.0
    when: AwareDatetime | None = None
    method: str = ""
    mase: float | None = None
    naive_mase: float | None = None
    coverage: float | None = None
    history: int = 0
    skill: bool = False
    note: str = ""
    low: float | None = None
    past: tuple[float, ...] = ()
    ahead: tuple[float, ...] = ()
    worst: tuple[float, ...] = ()
    reached: int = 0
    read: int = 0
    chances: tuple[float, ...] = ()
    soon: tuple[float, ...] = ()
    since: AwareDatetime | None = None
    lasting: float | None = None

    @property
    def goal(self) -> float:
        """What shall not be reached, in the unit of the metric."""
        return self.limit * self.target

    def age(self, at: datetime, now: datetime) -> timedelta:
        """
        Return how much of what was foreseen is over *now*.

        What is known ends with the last reading, which may be hours before it was
        foreseen, *at*. Its hour may not be over yet: that is less than nothing.
        """
        return now - (self.since or at)

    def within(self, span: timedelta) -> float:
        """
        Return the chance that the target is reached within *span* of its beginning.

        An hour that was begun counts as whole. Each hour of a day after the first one
        is as good as another; beyond the horizon nobody knows more than at its end.
        """
        hours = max(1, -(-span // _HOUR))
        if hours < _HOURS and hours <= len(self.soon):
            return self.soon[hours - 1]
        if not self.chances:
            return 0.0
        days, more = divmod(max(hours, _HOURS), _HOURS)
        last = len(self.chances) - 1
        before, after = (self.chances[min(at, last)] for at in (days - 1, days))
        return before + (after - before) * more / _HOURS


class OutlookState(State):
    """
    Everything that is foreseen of one resource.

    Attributes:
        at: When it was worked out.
        source: Who measured, as in ``whm-1``.
        doubt: Why its source is not to be believed (all zeros, all alike); nothing may
            follow from it then.
        pace: After how long somebody may move it again; see ``scaling_occasions``. It
            is known where it is decided, and not kept.
    """

    at: AwareDatetime
    source: str = ""
    outlooks: tuple[Outlook, ...] = ()
    doubt: str = ""
    pace: timedelta = DAY

    def of(self, metric: str) -> Outlook | None:
        """Return what is foreseen of *metric*."""
        return next((one for one in self.outlooks if one.metric == metric), None)


def doubted(state: OutlookState) -> Iterator[Finding]:
    """Yield that its source is not believed; of all that it measures it is the same."""
    if state.doubt:
        message = f"what it measures is not believed: {state.doubt}; nothing is scaled"
        yield Finding(
            "usage-doubtful", Severity.CRITICAL, "Provider", state.source, message
        )


class Bounds(NamedTuple):
    """
    The most that something may use of each metric.

    Attributes:
        limits: On the plan or size that it is on.
        smaller: On the next smaller one it may be on; None where there is none.
    """

    limits: Mapping[str, float] = {}
    smaller: Mapping[str, float] | None = None


class UsageBook(Protocol):
    """What was measured, foreseen and checked, as it is kept between runs."""

    def outlook(self, ref: Ref) -> OutlookState | None:
        """Return the last forecast about *ref*; None where there is none."""

    def health(self, ref: Ref) -> State | None:
        """Return what the checks last found of *ref*; None where nobody checked."""
