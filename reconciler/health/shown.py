"""What is remembered, as others need it: for plans, for guards, for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from reconciler.health.budget import spent
from reconciler.health.memory import DAY, Book, Incident, Memory, Tally, Watch
from reconciler.kinds.health_check import HealthState, Uptime
from reconciler.model import Ref

#: Days of a check that are over, by the day.
Days = Mapping[int, Tally]


def state_of(
    book: Book, watch: Watch, days: Days, *, resting: bool = False
) -> HealthState:
    """
    Return what all looks say about the check that *watch* is.

    Args:
        book: What is remembered.
        watch: A check that was looked at before; KeyError where it was not.
        days: Its days that are over.
        resting: Whether it may be down now.
    """
    memory = book.checks[watch.name]
    one = book.incidents.get(memory.incident or "")
    return HealthState(
        at=_time(book.at),
        seen=None if memory.seen is None else _time(memory.seen),
        phase=memory.phase,
        since=_time(memory.since),
        why=memory.why,
        incident=one.id if one else None,
        root=str(one.root) if one else None,
        lead=one is None or _lead(one, book) == watch.name,
        others=len(_members(one, book)) - 1 if one else 0,
        maintenance=resting,
        month=total(window(memory, days, 30)),
        budget=spent(watch.spec, memory, book, _promised(watch, memory, days)),
    )


def _promised(watch: Watch, memory: Memory, days: Days) -> list[Tally]:
    if watch.spec.slo is None:
        return []
    return window(memory, days, watch.spec.slo.window.days)


def window(memory: Memory, days: Days, many: int) -> list[Tally]:
    """Return the tallies of the last *many* days, today's the last."""
    first = memory.day - many + 1
    return [*(tally for day, tally in days.items() if day >= first), memory.today]


def total(tallies: Sequence[Tally]) -> Uptime:
    """Return all of *tallies* together."""
    return Uptime(
        up=sum(one.up for one in tallies),
        down=sum(one.down for one in tallies),
        unknown=sum(one.unknown for one in tallies),
        maintenance=sum(one.maintenance for one in tallies),
    )


def _members(one: Incident, book: Book) -> list[str]:
    return [
        name
        for name in one.checks
        if name in book.checks and book.checks[name].incident == one.id
    ]


def _lead(one: Incident, book: Book) -> str:
    """Return who speaks for it: another one where its lead is there no more."""
    members = _members(one, book)
    return one.lead if one.lead in members or not members else members[0]


def ill(book: Book, watches: Mapping[str, Watch], ref: Ref) -> Incident | None:
    """
    Return the open incident that *ref* is in; None where none is known of.

    It is in one that is about it, about something that it hangs on, or that one of
    its checks is a part of.
    """
    for one in book.incidents.values():
        if one.open and one.root == ref:
            return one
    for name, watch in watches.items():
        if watch.of == ref and (memory := book.checks.get(name)) is not None:
            found = book.incidents.get(memory.incident or "")
            if found is not None and found.open:
                return found
    return None


class Times(NamedTuple):
    """
    How long things took, in seconds; None where there is nothing to tell it from.

    Attributes:
        detect: The median from the first bad look to its incident.
        repair: The median from the first bad look to its end.
        slowest: The 90th percentile of that.
        many: How many incidents they are of.
    """

    detect: int | None
    repair: int | None
    slowest: int | None
    many: int


def times(incidents: Sequence[Incident]) -> Times:
    """Return how fast *incidents* were seen and mended; merged ones are another's."""
    real = [one for one in incidents if one.merged is None and not one.flapping]
    over = sorted(one.closed - one.began for one in real if one.closed is not None)
    return Times(
        detect=int(median(i.opened - i.began for i in real)) if real else None,
        repair=int(median(over)) if over else None,
        slowest=over[min(len(over) - 1, len(over) * 9 // 10)] if over else None,
        many=len(real),
    )


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def day_of(day: int) -> str:
    """Return a day since 1970 as in ``2026-11-28``."""
    return _time(day * DAY).strftime("%Y-%m-%d")
