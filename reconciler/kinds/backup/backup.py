"""The backup of one thing: what is due, what proves it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Self

from pydantic import JsonValue, PrivateAttr

from reconciler.kinds.backup import findings as told
from reconciler.kinds.backup.case import Case, Known
from reconciler.kinds.backup.changes import (
    BackUp,
    BackupChange,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup.drilling import due_at, kinds_of
from reconciler.kinds.backup.facts import receipts
from reconciler.kinds.backup.memory import noticed, remembered
from reconciler.kinds.backup.origin import Whence
from reconciler.kinds.backup.spec import BackupSpec
from reconciler.kinds.backup.state import BACKUP, CopyState
from reconciler.kinds.backup.steps import steps
from reconciler.kinds.backup.story import story
from reconciler.model import (
    Chapter,
    Due,
    Ended,
    Finding,
    Have,
    Ref,
    Share,
    State,
    Sway,
)
from reconciler.model.due import By
from reconciler.model.patch_rules import TROUBLES
from reconciler.model.repository import PANELS
from reconciler.model.resource import Resource
from reconciler.model.updates import TROUBLE, TroubleState


class Backup(Resource[BackupChange]):
    """The copies of one thing, and the drills that prove them."""

    kind: ClassVar[str] = "Backup"
    changes: ClassVar[tuple[type[BackupChange], ...]] = (
        BackUp,
        CopyOver,
        DrillIt,
        Check,
        PruneOld,
        ExtendLock,
        Rewind,
    )
    states: ClassVar[Mapping[str, type[State]]] = {
        BACKUP: CopyState,
        TROUBLE: TroubleState,
    }
    recalls: ClassVar[bool] = True
    spec: BackupSpec

    _sways: tuple[Sway, ...] = PrivateAttr(default=())

    @property
    def of(self) -> Ref:
        """What it is of."""
        kind, _, name = self.spec.of.partition("/")
        return Ref(kind, name)

    @property
    def whence(self) -> Whence:
        """Where its sources are."""
        return Whence(self.spec.of, str(self.spec.root or ""))

    def shares(self) -> tuple[Share, ...]:
        """Return every repository that has a copy."""
        backing = self.makings.backing
        copies = backing.copies if backing else ()
        return tuple(dict.fromkeys(Share(one.repository, BACKUP) for one in copies))

    def witnesses(self) -> tuple[Share, ...]:
        """Return our own checks: while what it is of is down, nothing is pruned."""
        return (TROUBLES,) if self.makings.backing is not None else ()

    def missed(self, share: Share) -> bool:
        """
        Say that only panels have to list it.

        A repository has nothing of what it was never given; and where there was
        something, and it is gone, nothing is written.
        """
        places = {place.name: place for place in self.makings.repositories}
        place = places.get(share.provider)
        return place is None or place.engine in PANELS

    def heeds(self) -> tuple[Ref, ...]:
        """Return what it is of: what others want of that holds its pruning."""
        return (self.of,)

    def swayed(self, sways: Sequence[Sway]) -> Self:
        """Return it knowing what is wanted of it, or of what it is of."""
        if not sways:
            return self
        found = self.model_copy()
        found._sways = tuple(sways)  # noqa: SLF001  (a copy of the same class)
        return found

    def case(self, have: Have, now: datetime) -> Case | None:
        """Return all that is known of it; None where its policy is not there."""
        backing = self.makings.backing
        if backing is None:
            return None
        known = Known(
            self.uid,
            backing,
            self.makings.repositories,
            self.recorded,
            self.spec.accept,
            self._sways,
            self.whence,
        )
        return Case(known, have, now)

    def diff(self, have: Have, now: datetime) -> Iterator[BackupChange]:
        """Yield what is due: nothing of a copy that cannot be read."""
        if (case := self.case(have, now)) is not None:
            yield from steps(case)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what is late, lost, strange, or was never proven."""
        case = self.case(have, now)
        for one in told.said(case) if case else ():
            yield self.found(
                one.code, one.severity, one.message, one.field, about=one.about
            )

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield the next backup, and the next drill of each sort."""
        case = self.case(have, now)
        if case is None:
            return
        by: By = "auto" if case.makes else "nobody"
        yield Due(case.next_slot, self.kind, self.name, "backup", by=by)
        for name, wanted in kinds_of(case):
            at = due_at(case, name, wanted)
            if at is not None and at > now:
                what = f"{name} drill"
                yield Due(at, self.kind, self.name, what, by="auto")

    def done(self, change: BackupChange, have: Have) -> bool | None:
        """
        Say whether *have* shows the effect.

        Of a backup it never does: what a repository lists is no receipt. Nor does a
        drill or a check leave anything behind.
        """
        state = have.get(change.share)
        if not isinstance(state, CopyState):
            return None
        listed = {one.id for one in state.snapshots}
        match change:
            case PruneOld():
                return listed.isdisjoint(_ids(change))
            case CopyOver():
                originals = {one.original or one.id for one in state.snapshots}
                return originals.issuperset(_ids(change)) or None
            case ExtendLock():
                return _locked(change, state)
            case Rewind():
                return _shown(change, state)
            case _:
                return None

    def remembers(
        self, change: BackupChange, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what the record keeps of how *change* ended."""
        case = self.case(have, ended.at)
        return remembered(case, change, ended) if case else {}

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return what a look alone has shown."""
        case = self.case(have, now)
        return noticed(case) if case else {}

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield whether it is proven, what was made and restored, and what comes."""
        if (case := self.case(have, now)) is not None:
            yield from story(case)
            command = f"reconciler restore {self.ref}"
            yield Chapter("by hand", (f"{command}  (lists it; --into DIR restores)",))

    def deadline(self, have: Have) -> datetime | None:
        """Return when its RPO is missed, as far as the record tells."""
        del have
        backing = self.makings.backing
        if backing is None:
            return None
        first = backing.copies[0].repository
        mine = [one.at for one in receipts(self.recorded) if one.copy == first]
        return max(mine) + backing.objectives.rpo if mine else None

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether less than a fifth of its RPO is left."""
        backing = self.makings.backing
        return backing is not None and (
            deadline - now <= backing.objectives.rpo * (1 - told.LATE)
        )

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return *now*: it depends on the record, which its digest does not tell."""
        del have
        return now


def _shown(change: Rewind, state: CopyState) -> bool | None:
    """Say whether what was hidden between the two moments is shown again."""
    to = datetime.fromisoformat(str(change.details["to"]))
    seen = change.details.get("seen")
    if state.hidden and not (state.hidings and seen):
        return None
    until = datetime.fromisoformat(str(seen)) if seen else to
    return not any(to < one.since <= until for one in state.hidings)


def _locked(change: ExtendLock, state: CopyState) -> bool:
    """Say whether what was to be locked is."""
    until, ids = datetime.fromisoformat(str(change.details["until"])), _ids(change)
    if not ids:
        return state.locked is not None and state.locked >= until and not state.exposed
    return all(
        one.locked is not None
        and one.locked >= until
        and not (one.governed and change.details.get("mode") == "compliance")
        for one in state.snapshots
        if one.id in ids
    )


def _ids(change: BackupChange) -> frozenset[str]:
    found = change.details.get("ids")
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


KIND = Backup
