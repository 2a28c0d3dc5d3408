"""
From looks to incidents: one for each thing that is wrong, however many checks see it.

Incidents are about the highest thing that has to be down (see ``topology``). What comes
back within half an hour is the same incident. That one, and one in which something came
and went, stay open until all was good for half an hour. What turns out to be a part of
a larger one is merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from reconciler.health import uptime
from reconciler.health.budget import KEPT
from reconciler.health.machine import WINDOW, doubtful, stepped
from reconciler.health.memory import (
    DAY,
    GOOD,
    Book,
    Closed,
    Incident,
    Memory,
    Tally,
    Watch,
)
from reconciler.health.topology import CLASSES, Topology
from reconciler.kinds.health_check import ILL, Sighting
from reconciler.model import Ref, Severity, sha256

#: What comes back so soon is the same incident.
AGAIN: Final = 1800
#: What was inferred holds so long, so that those who notice later join.
HELD: Final = 600
_RANK: Final = [str(one) for one in Severity]
_WARNING: Final = str(Severity.WARNING)


class Turn(NamedTuple):
    """
    What one run made of its looks.

    Attributes:
        changed: The incidents that are another than before, or new.
        days: The days of checks that are over.
    """

    book: Book
    changed: tuple[Incident, ...] = ()
    days: tuple[Closed, ...] = ()


def turned(
    book: Book,
    topology: Topology,
    sightings: Mapping[str, Sighting],
    now: int,
    *,
    whole: bool = True,
) -> Turn:
    """
    Return what is remembered after a run that saw *sightings* at *now*.

    Args:
        book: As it was.
        topology: All checks that are declared, looked at or not.
        sightings: What was seen, by the name of the check.
        now: Seconds since 1970.
        whole: Whether all of them were looked at.
    """
    checks: dict[str, Memory] = {}
    days: list[Closed] = []
    quiet: set[str] = set()
    oldest = now - KEPT
    for name, watch in topology.watches.items():
        memory = book.checks.get(name) or _first(now)
        seen = sightings.get(name)
        if seen is not None:
            memory, over, resting = _looked(memory, watch, seen, now)
            days += [one._replace(name=name) for one in over]
            if resting:
                quiet.add(name)
            if not whole:
                memory = memory._replace(extra=(*memory.extra, now))
            memory = _pruned(memory, oldest)
        checks[name] = memory
    runs = tuple(at for at in book.runs if oldest < at < now)
    book = book._replace(at=now, runs=(*runs, now) if whole else runs, checks=checks)
    return _judged(book, topology, quiet, now)._replace(days=tuple(days))


def _first(now: int) -> Memory:
    return Memory(began=now, until=now, since=now, day=now // DAY, today=Tally())


def _looked(
    memory: Memory, watch: Watch, seen: Sighting, now: int
) -> tuple[Memory, list[Closed], bool]:
    """Return what is remembered, days that are over, and whether it may be down now."""
    if (easy := _easy(memory, watch, seen, now)) is not None:
        return easy, [], False
    spec = watch.spec
    spans = uptime.spans(memory, spec, memory.until, now + 1)
    memory, over = uptime.counted(memory, spec, now, spans)
    if spec.maintenance or spec.planned or memory.windows:
        memory = uptime.declared(memory, spec, now)
    resting = any(span.start <= now < span.end for span in spans)
    if seen.up is None:
        return memory._replace(blind=(*memory.blind, now)), over, resting
    if resting and not seen.up:
        return memory._replace(seen=now, last=False), over, resting
    return stepped(memory, spec, seen, now), over, resting


def _easy(memory: Memory, watch: Watch, seen: Sighting, now: int) -> Memory | None:
    """Return what is remembered where all is as it nearly always is: good, in time."""
    spec, before = watch.spec, memory.seen
    usual = (
        seen.up
        and before is not None
        and memory.until == before
        and memory.phase == "up"
        and memory.marks == GOOD * WINDOW
        and now // DAY == memory.day
        and 0 < now - before <= spec.every.total_seconds()
        and not (spec.maintenance or spec.planned or memory.windows)
    )
    if not usual or before is None:
        return None
    up, down, unknown, maintenance = memory.today
    today = Tally(up + now - before, down, unknown, maintenance)
    return memory._replace(seen=now, until=now, today=today)


def _pruned(memory: Memory, oldest: int) -> Memory:
    old = (memory.bad[:1], memory.blind[:1], memory.extra[:1])
    if all(not first or first[0] > oldest for first in old):
        return memory
    return memory._replace(
        bad=tuple(at for at in memory.bad if at > oldest),
        blind=tuple(at for at in memory.blind if at > oldest),
        extra=tuple(at for at in memory.extra if at > oldest),
    )


def _judged(book: Book, topology: Topology, quiet: set[str], now: int) -> Turn:
    before = book.incidents
    desk = _Desk(book, topology, quiet, now)
    desk.hold()
    desk.gather()
    desk.merge()
    desk.close()
    kept = {
        one.id: one
        for one in desk.incidents.values()
        if one.closed is None or now - one.closed <= AGAIN
    }
    changed = [
        one for key, one in sorted(desk.incidents.items()) if before.get(key) != one
    ]
    book = book._replace(checks=desk.checks, incidents=kept, held=desk.held)
    return Turn(book, tuple(changed))


class _Desk:
    """The incidents of one run, being sorted."""

    def __init__(
        self, book: Book, topology: Topology, quiet: set[str], now: int
    ) -> None:
        self.checks = dict(book.checks)
        self.incidents = dict(book.incidents)
        self.held = {k: at for k, at in book.held.items() if 0 <= now - at <= HELD}
        self._topology, self._quiet, self._now = topology, quiet, now
        self._ill = [
            name
            for name, memory in self.checks.items()
            if memory.phase in ILL and name not in quiet
        ]

    def hold(self) -> None:
        """Find out what has to be down, by what hangs on it."""
        doubts: dict[str, set[Ref]] = {}
        for name, memory in self.checks.items():
            if memory.marks and name not in self._quiet and doubtful(memory):
                group = CLASSES[memory.symptom]
                doubts.setdefault(group, set()).add(self._topology.watches[name].of)
        for group, refs in doubts.items():
            for ref in self._topology.inferred(group, refs):
                self.held[f"{ref} {group}"] = self._now

    def gather(self) -> None:
        """Put what is down into an incident: open, of just now, or new."""
        for name in sorted(self._ill):
            memory = self.checks[name]
            own = self.incidents.get(memory.incident or "")
            if own is not None and own.open:
                self._louder(own, name)
            elif memory.phase != "recovering":
                self._join(name)

    def _join(self, name: str) -> None:
        watch, memory = self._topology.watches[name], self.checks[name]
        group = CLASSES[memory.symptom]
        chain = self._topology.chain(watch, group)
        found = self._open(chain, group) or self._recent(chain, group)
        if found is None:
            found = self._new(name, self._root(chain, group), group)
        checks = found.checks if name in found.checks else (*found.checks, name)
        self.incidents[found.id] = found._replace(checks=checks)
        self._louder(self.incidents[found.id], name)
        self.checks[name] = memory._replace(incident=found.id)

    def _root(self, chain: tuple[Ref, ...], group: str) -> Ref:
        """Return the highest that has to be down, else what is checked."""
        held = [ref for ref in chain if f"{ref} {group}" in self.held]
        return held[-1] if held else chain[0]

    def _open(self, chain: tuple[Ref, ...], group: str) -> Incident | None:
        """Return the open incident at the highest thing of *chain*."""
        found = [
            one
            for one in self.incidents.values()
            if one.open and CLASSES[one.symptom] == group and one.root in chain
        ]
        root = self._root(chain, group)
        # What is known to be lower than what has to be down is merged into that.
        high = [one for one in found if chain.index(one.root) >= chain.index(root)]
        return max(high, key=lambda one: chain.index(one.root), default=None)

    def _recent(self, chain: tuple[Ref, ...], group: str) -> Incident | None:
        """Open what was closed a short time ago, if it is about the same."""
        root = self._root(chain, group)
        for one in sorted(self.incidents.values(), key=lambda one: -one.opened):
            same = one.root == root and CLASSES[one.symptom] == group
            if same and one.closed is not None and one.merged is None:
                return one._replace(closed=None, reopened=one.reopened + 1)
        return None

    def _new(self, name: str, root: Ref, group: str) -> Incident:
        memory, watches = self.checks[name], self._topology.watches
        day = datetime.fromtimestamp(self._now, UTC)
        mark = sha256([root.kind, root.name, group, self._now])[:8]
        of_root = sorted(n for n in watches if watches[n].of == root and n in self._ill)
        return Incident(
            id=f"{day:%Y%m%d}-{mark}",
            root=root,
            symptom=memory.symptom,
            began=memory.since,
            opened=self._now,
            severity=_WARNING,
            lead=of_root[0] if of_root else name,
            checks=(name,),
            why=memory.why,
            flapping=True,
        )

    def _louder(self, one: Incident, name: str) -> None:
        """Let the incident be as loud as the loudest of what is down in it."""
        memory, watch = self.checks[name], self._topology.watches[name]
        if memory.phase == "flapping" and not one.restless:
            self.incidents[one.id] = one._replace(restless=True)
        if memory.phase != "down":
            return
        loud = min(one.severity, watch.spec.severity, key=_RANK.index)
        why = memory.why if one.flapping else one.why
        began = min(one.began, memory.since)
        self.incidents[one.id] = one._replace(
            severity=loud, flapping=False, why=why, began=began
        )

    def merge(self) -> None:
        """Merge what is open below something that has an incident of its own."""
        for one in [i for i in self.incidents.values() if i.open]:
            if one.lead not in self._topology.watches:
                continue
            watch = self._topology.watches[one.lead]
            group = CLASSES[one.symptom]
            chain = self._topology.chain(watch, group)
            if one.root not in chain:
                continue
            above = chain[chain.index(one.root) + 1 :]
            larger = [
                i
                for i in self.incidents.values()
                if i.open and i.root in above and CLASSES[i.symptom] == group
            ]
            if larger:
                self._merge(one, max(larger, key=lambda i: above.index(i.root)))

    def _merge(self, one: Incident, into: Incident) -> None:
        into = self.incidents[into.id]
        for name in one.checks:
            memory = self.checks.get(name)
            if memory is not None and memory.incident == one.id:
                self.checks[name] = memory._replace(incident=into.id)
        self.incidents[one.id] = one._replace(closed=self._now, merged=into.id)
        new = tuple(name for name in one.checks if name not in into.checks)
        self.incidents[into.id] = into._replace(
            checks=(*into.checks, *new),
            began=min(one.began, into.began),
            severity=min(one.severity, into.severity, key=_RANK.index),
        )

    def close(self) -> None:
        """Close what is good again, and let go of what is bad for another reason."""
        for name, memory in list(self.checks.items()):
            if memory.incident is not None and memory.phase not in ILL:
                self.checks[name] = memory._replace(incident=None)
        for one in [i for i in self.incidents.values() if i.open]:
            left = [n for n in one.checks if self._in(n, one)]
            if left and self._explains(one, left):
                continue
            for name in left:
                self.checks[name] = self.checks[name]._replace(incident=None)
            restless = (one.reopened or one.restless) and not one.flapping
            if restless and not left and not self._calm(one):
                continue
            self.incidents[one.id] = one._replace(closed=self._now)
            # What held it together is over: what fails now fails for itself.
            self.held.pop(f"{one.root} {CLASSES[one.symptom]}", None)

    def _in(self, name: str, one: Incident) -> bool:
        memory = self.checks.get(name)
        return memory is not None and memory.incident == one.id

    def _explains(self, one: Incident, left: Iterable[str]) -> bool:
        """Say whether the root may still be why the checks that are *left* are bad."""
        if f"{one.root} {CLASSES[one.symptom]}" in self.held:
            return True
        return any(self._topology.watches[name].of == one.root for name in left)

    def _calm(self, one: Incident) -> bool:
        last = max((m.since for m in self._of(one)), default=0)
        return self._now - last >= AGAIN

    def _of(self, one: Incident) -> Iterator[Memory]:
        return (self.checks[name] for name in one.checks if name in self.checks)
