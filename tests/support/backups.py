"""A backup with its repositories and its record, lived through day by day: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.kinds.backup import (
    BackUp,
    Backup,
    BackupChange,
    Check,
    CopyOver,
    CopyState,
    DrillIt,
    PruneOld,
    Snapshot,
)
from reconciler.model import Absent, Ended, Makings, Observed, Ref, Share, Sway
from reconciler.model.backing import Backing
from reconciler.model.repository import FailureDomain, Immutability, Repository

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY: dict[str, Any] = {
    "objectives": {"rpo": "26h", "rto": "2h"},
    "schedule": {"cron": "15 2 * * *"},
    "sources": {
        "files": {"paths": ["www"], "minFiles": 10},
        "db": {"type": "sqlite", "database": "shop.db"},
    },
    "copies": ["near", "far"],
}
FIGURES = {"files": 1000, "size": 200_000_000, "added": 2_000_000, "packed": 1_000_000, "changed": 40}  # fmt: skip


def backing(**more: Any) -> Backing:
    """Return the policy, with *more* in YAML's own words."""
    return Backing.model_validate({**POLICY, **more})


def repository(name: str, **more: Any) -> Repository:
    """Return a place, in a region that is called like it."""
    told: dict[str, Any] = {
        "name": name,
        "engine": "restic",
        "domain": FailureDomain(provider="p", region=name),
        **more,
    }
    return Repository.model_validate(told)


class Life:
    """
    What happens to one backup.

    Attributes:
        recorded: What ``remembers`` and ``noticed`` gave, as records keep it.
        have: What each repository lists; it can be changed as an attacker would.
        figures: What the next backup's numbers are, by source.
        verdict: How drills and checks end.
    """

    def __init__(self, policy: Backing | None = None, **places: Any) -> None:
        self.policy = policy or backing()
        names = dict.fromkeys(one.repository for one in self.policy.copies)
        self.places = [places.get(name) or repository(name) for name in names]
        self.now = START
        self.recorded: dict[str, Any] = {}
        self.have: dict[Share, Observed] = {
            Share(name, "backup"): CopyState(identity=name) for name in names
        }
        self.figures: dict[str, dict[str, int]] = {}
        self.verdict: dict[str, Any] = {"verdict": "passed", "seconds": 60.0}
        self.accept: tuple[str, ...] = ()
        self.sways: tuple[Sway, ...] = ()
        self._count = 0

    @property
    def want(self) -> Backup:
        """The resource, which knows its past."""
        spec = {"of": "HostingAccount/x", "policy": "p", "accept": self.accept}
        found = Backup.model_validate({"metadata": {"name": "x"}, "spec": spec})
        found.recalling(lambda: self.recorded)
        found.joined(
            lambda: Makings(backing=self.policy, repositories=tuple(self.places))
        )
        return found.swayed(self.sways)

    def due(self) -> list[BackupChange]:
        """Return what has to happen now."""
        return list(self.want.diff(self.have, self.now))

    def verbs(self) -> list[str]:
        """Return the verbs of it, without what is not to be done yet."""
        return [
            one.verb
            for one in self.due()
            if one.not_before is None or one.not_before <= self.now
        ]

    def findings(self) -> dict[str, str]:
        """Return the findings: code -> severity."""
        found = self.want.findings(self.have, self.now)
        return {one.code: str(one.severity) for one in found}

    def said(self, code: str) -> str:
        """Return the message of one finding."""
        found = self.want.findings(self.have, self.now)
        return next(one.message for one in found if one.code == code)

    def state(self, copy: str) -> CopyState:
        """Return what one repository has."""
        found = self.have[Share(copy, "backup")]
        assert isinstance(found, CopyState)
        return found

    def put(self, copy: str, **more: Any) -> None:
        """Change what one repository shows."""
        found = self.state(copy).model_copy(update=more)
        self.have[Share(copy, "backup")] = found

    def gone(self, copy: str) -> None:
        """Let one repository be no more."""
        self.have[Share(copy, "backup")] = Absent()

    def ended(self, change: BackupChange, status: str = "applied", **said: Any) -> None:
        """Have *change* end, and the record told of it."""
        error = str(said.pop("error", ""))
        end = Ended(status, self.now, 1, said, error)  # type: ignore[arg-type]
        self.recorded |= self.want.remembers(change, end, self.have)

    def look(self) -> None:
        """Have a run notice what there is to see."""
        self.recorded |= self.want.noticed(self.have, self.now)

    def do(self, change: BackupChange) -> None:
        """Do what *change* says, as an engine would, and remember it."""
        copy = change.share.provider
        match change:
            case BackUp():
                told = {name: self._made(copy, name) for name in self.policy.sources}
                self.ended(change, at=self.now.isoformat(), sources=told)
            case CopyOver():
                ids = change.details["ids"]
                pairs = {str(one): self._copied(copy, str(one)) for one in _list(ids)}
                self.ended(change, copied=pairs)
            case DrillIt() | Check():
                self.ended(change, **self.verdict)
            case PruneOld():
                gone = set(map(str, _list(change.details["ids"])))
                left = [s for s in self.state(copy).snapshots if s.id not in gone]
                self.put(copy, snapshots=tuple(left))
                self.ended(change)
            case _:
                self.ended(change)

    def run(self) -> list[str]:
        """Do all that is due, as one apply; the verbs."""
        found = [
            one
            for one in self.due()
            if one.hold is None and (one.not_before is None or one.not_before <= self.now)
        ]  # fmt: skip
        for one in found:
            self.do(one)
        self.look()
        return [one.verb for one in found]

    def live(self, days: int) -> Iterator[list[str]]:
        """Yield what is done on each of so many days, in two runs."""
        for _ in range(days):
            yield [*self.run(), *self.run()]
            self.now += DAY

    def _name(self) -> str:
        self._count += 1
        return f"{self._count:08x}{'0' * 56}"

    def _made(self, copy: str, source: str) -> dict[str, Any]:
        told = {**FIGURES, **self.figures.get(source, {})}
        one = Snapshot(
            id=self._name(), source=source, at=self.now, said=self.now, host="x", **told
        )
        self.put(copy, snapshots=(*self.state(copy).snapshots, one))
        return {
            "snapshot": one.id, "files": one.files, "bytes": one.size,
            "manifest": "m" * 64, "canary": "c" * 64,
        }  # fmt: skip

    def _copied(self, copy: str, original: str) -> str:
        first = self.policy.copies[0].repository
        (one,) = (s for s in self.state(first).snapshots if s.id == original)
        name = self._name()
        update = {"id": name, "original": original, "at": self.now}
        there = self.state(copy).snapshots
        self.put(copy, snapshots=(*there, one.model_copy(update=update)))
        return name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def owes(says: str = "suspended", why: str = "2026-02 was not paid") -> Sway:
    """Return what a subscription wants that is not paid."""
    return Sway(Ref("HostingAccount", "x"), Ref("Subscription", "x"), says, why)


def locked(**more: Any) -> Mapping[str, Any]:
    """Return a place whose objects are locked for 35 days."""
    rule = Immutability(mode="compliance", **more)
    return {"far": repository("far", immutability=rule)}
