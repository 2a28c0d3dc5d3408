"""
The driver contract of the archive engine in a bucket.

What is otherwise than at a vendor (``backup_contract``), and here besides: what a verb
does has a name of its own there, so that the same in other words is found done.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from reconciler.kinds.backup import (
    BACKUP,
    BackUp,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup_repository import BackupRepository, Init
from reconciler.model import Account, AnyDriver, Change, OpClass, Share
from reconciler.providers import _archive_seal
from reconciler.providers.archive_backup import ArchiveBackup
from reconciler.sandbox import Fault, Sandbox
from reconciler.sandbox.aws_stores import Stores
from reconciler.testing import Case, Trouble
from tests.support.archives import PASSWORD, Beside
from tests.support.aws_places import SECRETS
from tests.support.backup_contract import BackupContract
from tests.support.contract import NOW, SandboxContract, account
from tests.support.vaults import WORLD, repository

_KEYS: Final = ":".join(SECRETS.values())
#: Verb -> the one request that makes it count.
COUNTS: Final = {
    "init": "PutObject:archive",
    "back-up": "PutObject:index",
    "copy": "PutObject:index",
    "prune": "DeleteObject:index",
    "extend-lock": "PutObjectRetention:archive",
    "rewind": "DeleteObjects",
}
#: Tests that each verb is put to; to others the two that differ most are.
_ALL: Final = ("lost", "error_after", "applying", "twice")
_DAY: Final = timedelta(days=1)
_SLOTS: Final = ("2026-11-20T02:15", "2026-11-21T02:15")


def _bucket(sandbox: Sandbox) -> Any:
    found = Stores(sandbox.benches["aws"][1]).bucket("locking")
    assert found is not None
    return found


def _kept(sandbox: Sandbox) -> bytes:
    """Return all versions of what is in the bucket."""
    return pickle.dumps(dict(_bucket(sandbox).keys.iterlists()))


class ArchiveContract(BackupContract, SandboxContract):
    vendor = "aws"
    part = WORLD
    secrets = {
        "password": PASSWORD, "write": _KEYS, "maintain": _KEYS, "drill": _KEYS,
    }  # fmt: skip
    listing = "ListObjectsV2"
    operations = COUNTS
    mode = "governance"
    root: ClassVar[Path]
    worlds: ClassVar[dict[str, tuple[bytes, list[str]]]] = {}

    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: Any, request: Any) -> None:
        every = any(word in request.node.name for word in _ALL)
        self.verbs = tuple(COUNTS) if every else ("back-up", "extend-lock")
        monkeypatch.setitem(_archive_seal._COST, "n", 16)
        (tmp_path / "www").mkdir()
        (tmp_path / "www" / "a.txt").write_text("a")
        type(self).root = tmp_path

    # -- the world ---------------------------------------------------------------------

    def start(self) -> Account:
        super().start()
        near = self.account("near")
        if self.verb in self.worlds:
            self._again(*self.worlds[self.verb])
        elif self.verb != "init":
            self._prepare(near)
            self.worlds[self.verb] = (_kept(self.sandbox), self.ids)
        self.sandbox.clock.set(NOW + 2 * _DAY, frozen=True)
        self.mark = len(self.sandbox.ledger.effects("aws"))
        return near

    def _again(self, kept: bytes, ids: list[str]) -> None:
        """Have the bucket as it was when the verb was prepared before."""
        self.ids, bucket = ids, _bucket(self.sandbox)
        for key, versions in pickle.loads(kept).items():  # noqa: S301  (our own)
            bucket.keys.setlist(key, versions)

    def account(self, name: str) -> Account:
        url = f"s3:{self.sandbox.endpoint('aws')}/locking/{name}"
        made = account(self.sandbox, "aws", self.secrets, settings={"url": url})
        beside = Beside()
        if name == "near":
            beside.accounts["far"] = self.account("far")
        return made._replace(name=name, backing=beside)

    def _prepare(self, near: Account) -> None:
        """Do what comes before the verb."""
        slots = {"": 1, "prune": 2, "extend-lock": 1, "rewind": 1}.get(self.verb, 0)
        driver = ArchiveBackup(near)
        driver.apply(self.place("near"), self.change(Init), "k")
        for slot in _SLOTS[:slots]:
            driver.apply(self.want(), self.change(BackUp, slot=slot, nonce="n"), "k")
        self.ids = [one.id for one in self.state(driver).snapshots]
        if self.verb == "copy":
            far = ArchiveBackup(self.account("far"))
            far.apply(self.place("far"), self.change(Init), "k")
            far.apply(self.want(), self.change(BackUp, slot=_SLOTS[0], nonce="n"), "k")
            self.ids = [one.id for one in self.state(far).snapshots]
            far.close()
        self.sandbox.clock.advance(_DAY)
        if self.verb == "rewind":
            store = driver._archive.store
            for one in store.names("index/"):
                store.remove(one.name)
        driver.close()

    def place(self, name: str) -> BackupRepository:
        return repository(self.sandbox.endpoint("aws"), "locking", name)

    def repository(self) -> BackupRepository:
        return self.place("near")

    def site(self) -> Path:
        return self.root

    def change(self, kind: Any, **details: Any) -> Any:
        return kind(
            share=Share("near", BACKUP), fields=(), because="a test", details=details
        )

    # -- the verbs ---------------------------------------------------------------------

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        now = account.clock()
        until = (now + timedelta(days=40)).isoformat()
        shown = (now - 2 * _DAY + timedelta(hours=1)).isoformat()
        ids = getattr(self, "ids", [])
        changes: list[Change] = [
            self.change(BackUp, slot="2026-11-22T02:15", nonce="n"),
            self.change(CopyOver, **{"from": "far", "ids": ids}),
            self.change(PruneOld, ids=ids[:1], kept=ids[1:]),
            self.change(ExtendLock, until=until),
            self.change(Rewind, to=shown, seen=now.isoformat()),
            self.change(Check, slice=1, of=1),
            self.change(DrillIt, drill="full", snapshots={"files": "".join(ids[:1])}),
        ]
        return [
            Case(self.place("near"), self.change(Init)),
            *(Case(self.want(), one) for one in changes),
        ]

    def each(self, *classes: OpClass) -> Iterator[tuple[Case, AnyDriver, Account]]:
        """Yield every verb that leaves something, each in a world that needs it."""
        assert not classes or OpClass.KEYED in classes
        for verb in self.verbs:
            self.verb = verb
            here = self.start()
            driver = self.made(here)
            (case,) = (c for c in self.cases(driver, here) if c.change.verb == verb)
            yield case, driver, here
        self.verb = ""

    def other(self, change: Change) -> Change:
        more = {**change.details, "nonce": "another"}
        return change.model_copy(update={"details": more})

    def effects(self, name: str) -> int:
        made = self.sandbox.ledger.effects("aws")[self.mark :]
        counts = COUNTS.get(self.verb)
        return sum(one.operation == counts or not counts for one in made)

    def trouble(self, kind: Trouble, case: Case | None, times: int = 1) -> None:
        locks = case is not None and case.change.verb == "extend-lock"
        if locks and kind in {"refuse", "echo", "throttle"}:
            # Several are asked at once: all of them are told the same.
            told = {"refuse": "no", "echo": f"{'no ' * 90}{_KEYS}"}
            fault: dict[str, Any] = (
                {"kind": "throttle", "retry_after": 7, "times": times}
                if kind == "throttle"
                else {"kind": "status", "status": 400, "text": told[kind], "times": 0}
            )
            self.sandbox.inject(
                Fault(vendor="aws", operation="PutObjectRetention*", **fault)
            )
            return
        super().trouble(kind, case, times)

    # -- what is otherwise -------------------------------------------------------------

    def test_the_same_key_with_another_body_is_refused(self) -> None:
        """The same slot in other words is the same slot; the journal refuses besides."""
        self.verb = "back-up"
        for case, driver, _ in self.each():
            if isinstance(case.change, BackUp):
                first = driver.apply(case.want, case.change, "same")
                again = driver.apply(case.want, self.other(case.change), "same")
                assert again.details == first.details
                assert self.effects(case.want.name) == 1
