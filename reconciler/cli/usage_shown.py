"""What is kept about usage, put together for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from reconciler.audit.outlooks import outlooks
from reconciler.audit.usage_store import Archive, Hour, latest
from reconciler.cli.usage_books import there
from reconciler.cli.usage_forecast import unusual
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.hosting import METRICS
from reconciler.model.usage import OUTLOOK, USAGE, Outlook, OutlookState

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.model import Ref

#: How far back is shown.
PAST: Final = timedelta(days=60)
#: What was unusual is news for so long.
LATELY: Final = timedelta(days=14)


class Shown(NamedTuple):
    """
    One resource.

    Attributes:
        hours: What it used, by metric.
        doubted: The same of what was not believed.
        outlook: What is foreseen of it, if anything.
        unusual: Hours of two weeks that were unlike all before, by metric.
    """

    ref: Ref
    at: datetime
    hours: dict[str, Sequence[Hour]]
    doubted: dict[str, Sequence[Hour]]
    outlook: OutlookState | None
    unusual: dict[str, tuple[datetime, ...]]


class Line(NamedTuple):
    """
    One metric of one resource.

    Attributes:
        value: The last that was read, at *at*, of *limit*.
    """

    ref: Ref
    metric: str
    at: datetime
    value: float
    limit: float | None
    outlook: Outlook | None
    doubt: str

    @property
    def share(self) -> float:
        """How full it is; 0 where nobody knows of how much."""
        return self.value / self.limit if self.limit else 0.0


class Listed(NamedTuple):
    """Everything that is kept, the most urgent first."""

    at: datetime
    lines: tuple[Line, ...]


def resource(
    project: Project, ref: Ref, metric: str | None, as_of: datetime | None
) -> Shown:
    """
    Return what is kept of *ref*.

    Raises:
        ReconcilerError: It was never measured, or what is kept cannot be read.
    """
    if metric is not None and metric not in METRICS:
        raise UsageError(f"{metric!r} is not measured", hint=f"one of {_words()}")
    now = as_of or project.clock()
    archive = Archive(there(project, USAGE), now - PAST, [ref])

    def until(*, doubted: bool) -> dict[str, Sequence[Hour]]:
        every = archive.of(ref, doubted=doubted)
        return {
            name: [one for one in hours if one.at <= now]
            for name, hours in every.items()
            if metric in {None, name} and hours[0].at <= now
        }

    fine, odd = until(doubted=False), until(doubted=True)
    if not fine and not odd:
        raise ReconcilerError(
            f"{ref} was never measured{' until then' if as_of else ''}",
            hint=f"reconciler usage probe --select {ref}",
            code="E662",
        )
    kept = outlooks(there(project, OUTLOOK)).get(ref)
    odd_hours = {
        name: unusual(name, hours, now - LATELY) for name, hours in fine.items()
    }
    return Shown(ref, now, fine, odd, _known(kept, as_of), odd_hours)


def everything(project: Project, as_of: datetime | None) -> Listed:
    """Return everything that was measured since the day before."""
    now = as_of or project.clock()
    read = latest(there(project, USAGE), now)
    foreseen = outlooks(there(project, OUTLOOK))
    chosen = set(project.scope().refs())
    lines = []
    states: dict[Ref, OutlookState | None] = {}
    for (ref, metric), (_, reading) in read.items():
        if ref not in chosen or reading.at > now:
            continue
        if ref not in states:
            states[ref] = _known(foreseen.get(ref), as_of)
        state = states[ref]
        one = state.of(metric) if state else None
        limit = one.limit if one else reading.limit
        doubt = state.doubt if state else ""
        lines.append(Line(ref, metric, reading.at, reading.value, limit, one, doubt))
    return Listed(now, tuple(sorted(lines, key=_urgency)))


def _known(state: OutlookState | None, as_of: datetime | None) -> OutlookState | None:
    """Return *state* if it was known then."""
    return state if state and (as_of is None or state.at <= as_of) else None


def _urgency(line: Line) -> tuple[float, float, float, str, str]:
    one = line.outlook if line.outlook and line.outlook.skill else None
    when = one.when.timestamp() if one and one.when else float("inf")
    sure = one.probability if one else 0.0
    return when, -sure, -line.share, str(line.ref), line.metric


def _words() -> str:
    return ", ".join(METRICS)
