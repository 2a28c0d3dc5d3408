"""One backup at one moment: its policy, its record, and what its copies have. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.facts import (
    BEGUN,
    SKEW,
    Drilled,
    Received,
    drills,
    fact,
    moment,
    receipts,
    vouched,
)
from reconciler.kinds.backup.origin import NOWHERE, Whence, origin
from reconciler.kinds.backup.state import BACKUP, CopyState, Snapshot
from reconciler.model import Have, Share, Sway
from reconciler.model.backing import Backing, Copy
from reconciler.model.repository import PANELS, Repository


class Known(NamedTuple):
    """
    What is known of one backup, whatever its repositories have now.

    Attributes:
        uid: Its identity: chance, of which all get another share.
        backing: How it is backed up.
        repositories: Where its copies are.
        recorded: What the record remembers of it.
        accepted: Snapshots that a person looked at, and found to be as they should.
        sways: What others want of it, or of what it is of.
        whence: Where its sources are.
    """

    uid: str
    backing: Backing
    repositories: Sequence[Repository]
    recorded: Mapping[str, JsonValue]
    accepted: Sequence[str] = ()
    sways: Sequence[Sway] = ()
    whence: Whence = NOWHERE


class Case:
    """
    Everything that is known of one backup at one moment.

    Args:
        have: What its repositories have.
    """

    def __init__(self, known: Known, have: Have, now: datetime) -> None:
        self.uid = known.uid
        self.backing = known.backing
        self.repositories = {one.name: one for one in known.repositories}
        self.recorded = known.recorded
        self.have = have
        self.now = now
        self.accepted = frozenset(known.accepted)
        self.sways = known.sways
        self.whence = known.whence

    @property
    def copies(self) -> tuple[Copy, ...]:
        """Where copies are; the first one is written to."""
        return self.backing.copies

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The repositories that have copies by now, each once."""
        return tuple(dict.fromkeys(one.repository for one in self.copies))

    @property
    def first(self) -> str:
        """The repository that is written to."""
        return self.backing.copies[0].repository

    @property
    def rpo(self) -> timedelta:
        """How old the newest proven backup may be."""
        return self.backing.objectives.rpo

    def recent(self, drill: Drilled) -> bool:
        """
        Say whether what *drill* restored was recent enough then to prove a backup.

        The first copy has to be within the RPO, another one may be behind it as well.
        """
        if drill.of is None:
            return False
        lags = (one.max_lag for one in self.copies if one.repository == drill.copy)
        lag = next(lags, timedelta(0)) if drill.copy != self.first else timedelta(0)
        return drill.at - drill.of <= self.rpo + lag

    @property
    def makes(self) -> bool:
        """Whether backups are made from here, and not by a timer or a panel."""
        return self.backing.schedule.by == "reconciler"

    def origin(self, source: str) -> str:
        """Return the digest of what *source* is today."""
        return origin(self.backing.sources[source], self.whence)

    def still(self, source: str, told: JsonValue) -> bool:
        """Say whether *source* is what it was; where nothing was *told*, it is."""
        return not told or told == self.origin(source)

    def share(self, copy: str) -> Share:
        """Return the part of it that the repository *copy* has."""
        return Share(copy, BACKUP)

    def state(self, copy: str) -> CopyState | None:
        """Return what *copy* has; None where it has nothing, or nobody knows."""
        found = self.have.get(self.share(copy))
        return found if isinstance(found, CopyState) else None

    def repository(self, copy: str) -> Repository | None:
        """Return what is known of the place of *copy*."""
        return self.repositories.get(copy)

    def panel(self, copy: str) -> bool:
        """Say whether *copy* is kept by a panel, by its own rules."""
        place = self.repository(copy)
        return place is not None and place.engine in PANELS

    def ahead(self, at: datetime) -> bool:
        """
        Say whether *at*, of something that happened, is yet to come.

        The clock was ahead when it happened, or is behind now: nobody knows when it
        was, and until then it is no reason to do nothing.
        """
        return at > self.now + SKEW

    @cached_property
    def received(self) -> tuple[Received, ...]:
        """Every receipt in the record, the oldest first."""
        return tuple(sorted(receipts(self.recorded), key=lambda one: one.at))

    @cached_property
    def drilled(self) -> tuple[Drilled, ...]:
        """
        Every drill before now of a copy that the policy has, the oldest first.

        What a copy was that is none any more proves nothing of those there are.
        """
        told = (one for one in drills(self.recorded) if not self.ahead(one.at))
        mine = (one for one in told if one.copy in self.names)
        return tuple(sorted(mine, key=lambda one: one.at))

    @cached_property
    def vouched(self) -> Mapping[str, Mapping[str, tuple[str, datetime]]]:
        """By copy: every snapshot with a receipt that was not pruned from here."""
        return vouched(self.recorded)

    @cached_property
    def _moments(self) -> Mapping[str, tuple[str, datetime]]:
        """Snapshot -> its source and moment, in whatever copy it is."""
        found = dict(pair for mine in self.vouched.values() for pair in mine.items())
        for one in self.received:
            found |= {name: (key, one.at) for key, name in one.snapshots.items()}
        return found

    def accepts(self, snapshot: str) -> bool:
        """Say whether a person looked at *snapshot*, or at it in another copy."""
        if snapshot in self.accepted:
            return True
        moment = self._moments.get(snapshot)
        return moment is not None and moment in self._looked_at

    @cached_property
    def _looked_at(self) -> frozenset[tuple[str, datetime]]:
        rows = self._moments
        return frozenset(rows[one] for one in self.accepted if one in rows)

    def same(self, snapshot: str) -> frozenset[str]:
        """Return what *snapshot* is called in each copy."""
        moment = self._moments.get(snapshot)
        return frozenset({snapshot, *(self._names.get(moment, ()) if moment else ())})

    @cached_property
    def _names(self) -> Mapping[tuple[str, datetime], list[str]]:
        """Source and moment -> what that is called in whatever copy."""
        found: dict[tuple[str, datetime], list[str]] = {}
        for name, when in self._moments.items():
            found.setdefault(when, []).append(name)
        return found

    def receipts(self, copy: str) -> list[Received]:
        """Return the receipts of one copy, the oldest first."""
        return [one for one in self.received if one.copy == copy]

    def last(self, copy: str) -> Received | None:
        """Return the newest receipt of one copy, of those from before now."""
        found = [one for one in self.receipts(copy) if not self.ahead(one.at)]
        return found[-1] if found else None

    def begun(self, copy: str) -> datetime | None:
        """
        Return since when *copy* has something, as far as the record tells.

        What was copied there is older than its being there; records of an older
        program say no more than that.
        """
        if told := moment(fact(self.recorded, BEGUN).get(copy)):
            return told
        times = [one.at for one in self.receipts(copy)]
        times += [at for _, at in self.vouched.get(copy, {}).values()]
        return min(times, default=None)

    @cached_property
    def slot(self) -> datetime:
        """The last time at which a backup was due."""
        schedule = self.backing.schedule
        return schedule.cron.before(self.now, schedule.time_zone)

    @cached_property
    def next_slot(self) -> datetime:
        """The next time at which one is due."""
        schedule = self.backing.schedule
        return schedule.cron.after(self.now, schedule.time_zone)

    def snapshots(self, copy: str) -> Iterator[Snapshot]:
        """Yield what *copy* lists."""
        state = self.state(copy)
        yield from state.snapshots if state else ()

    def complete(self, copy: str) -> list[Received]:
        """Return the past receipts of which *copy* still lists every snapshot."""
        return self._complete.get(copy, [])

    @cached_property
    def _complete(self) -> dict[str, list[Received]]:
        found = {}
        for copy in self.names:
            listed = {one.id for one in self.snapshots(copy)}
            found[copy] = [
                one
                for one in self.receipts(copy)
                if one.sources
                and listed.issuperset(one.snapshots.values())
                and not self.ahead(one.at)
            ]
        return found

    def conclusive(self, copy: str) -> Drilled | None:
        """Return the last drill of *copy* that told something."""
        found = (one for one in reversed(self.drilled) if one.copy == copy)
        return next((one for one in found if one.verdict != "inconclusive"), None)
