"""A site, a repository of archives in a folder, and the driver between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

from reconciler.audit.redact import redact
from reconciler.kinds.backup import (
    BACKUP,
    BackUp,
    Backup,
    Check,
    CopyOver,
    DrillIt,
    PruneOld,
)
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.model import Account, FieldChange, Makings, Metadata, SecretRef, Share
from reconciler.model.backing import Backing
from reconciler.model.repository import Repository
from reconciler.providers.archive_backup import ArchiveBackup
from tests.support.contract import NOW, MemoryCache

PASSWORD = "correct horse battery"
ESCROW = "kept in the safe"


class Beside:
    """Other repositories, and secrets by the names of their variables."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.values: dict[str, str] = {}

    def repository(self, name: str) -> Account:
        return self.accounts[name]

    def secret(self, ref: SecretRef) -> str:
        return self.values[str(ref.env)]

    def masked(self, text: str) -> str:
        return str(redact(text, self.values.values()))


class Place:
    """One repository; its clock stands still until it is moved."""

    engine: ClassVar = "archive"
    made: ClassVar[Any] = ArchiveBackup

    def __init__(
        self, folder: Path, name: str = "near", escrow: str | None = ESCROW, **more: Any
    ) -> None:
        self.folder, self.name, self.now = folder, name, NOW
        self.beside = Beside()
        secrets = {"password": PASSWORD}
        if escrow:
            secrets["escrowKey"] = escrow
        url = more.pop("url", f"file://{folder}")
        self.account = Account(
            name=name,
            endpoint=url,
            identity=url,
            secrets={**secrets, **more.pop("secrets", {})},
            clock=lambda: self.now,
            sleep=lambda seconds: None,
            cache=MemoryCache(),
            settings={"url": url, **more},
            backing=self.beside,
        )
        self.driver = self.made(self.account)

    def repository(self) -> BackupRepository:
        spec = {
            "engine": self.engine,
            "url": f"file://{self.folder}",
            "credentials": {"password": {"env": "P"}},
        }
        return BackupRepository.model_validate(
            {"metadata": {"name": self.name}, "spec": spec}
        )

    def ready(self) -> Self:
        """Make the repository."""
        (change,) = self.repository().diff(self.have(self.repository()), NOW)
        self.driver.apply(self.repository(), change, "k")
        return self

    def have(self, want: Any) -> dict[Share, Any]:
        return dict.fromkeys(
            want.shares(), self.driver.observe([want]).states[want.name]
        )

    def again(self, **secrets: str) -> Any:
        """Return a new driver, as another run has one; with other secrets, if any."""
        account = self.account._replace(secrets=secrets) if secrets else self.account
        return self.made(account)

    def back_up(self, want: Backup, slot: str = "2026-11-22T02:15", **more: Any) -> Any:
        return self.driver.apply(want, self.due(slot, **more), "k")

    def due(self, slot: str = "2026-11-22T02:15", nonce: str = "4711-once") -> BackUp:
        return self.change(BackUp, slot=slot, nonce=nonce)

    def change(self, kind: Any, **details: Any) -> Any:
        return kind(
            share=Share(self.name, BACKUP),
            fields=(FieldChange(field="spec"),),
            because="a test",
            details=details,
        )

    def check(self, want: Backup, part: int = 0, of: int = 1) -> Any:
        done = self.again().apply(want, self.change(Check, slice=part, of=of), "k")
        return done.details

    def copy(self, want: Backup, there: Place, ids: list[str]) -> Any:
        self.beside.accounts[there.name] = there.account
        change = self.change(CopyOver, **{"from": there.name, "ids": ids})
        return self.driver.apply(want, change, "k")

    def prune(self, want: Backup, ids: list[str], kept: list[str]) -> Any:
        return self.driver.apply(want, self.change(PruneOld, ids=ids, kept=kept), "k")

    def drill(self, want: Backup, received: Any, **more: Any) -> Any:
        """Hold a drill of what a receipt says; return what it says of it."""
        sources = received["sources"]
        details = {
            "drill": "full",
            "snapshots": {name: row["snapshot"] for name, row in sources.items()},
            "at": received["at"],
            "receipt": sources,
            **more,
        }
        return self.again().apply(want, self.change(DrillIt, **details), "k").details

    def snapshots(self, want: Backup) -> tuple[Any, ...]:
        return self.again().observe([want]).states[want.name].snapshots

    def ids(self, want: Backup) -> list[str]:
        return [one.id for one in self.snapshots(want)]

    def objects(self, below: str = "") -> list[Path]:
        return sorted(p for p in (self.folder / below).rglob("*") if p.is_file())


def backup(
    root: Path,
    sources: Mapping[str, Any] | None = None,
    name: str = "shop.example",
    copies: tuple[str, ...] = ("near",),
    mode: str = "none",
    **more: Any,
) -> Backup:
    """Return the Backup of a site in *root*, joined with what other documents say."""
    backing = Backing.model_validate(
        {
            "objectives": {"rpo": "26h", "rto": "2h"},
            "sources": sources or {"files": {"paths": ["public_html"]}},
            "copies": list(copies),
            **more,
        }
    )
    want = Backup(
        metadata=Metadata(name=name, uid="u-1"),
        spec=Backup.model_fields["spec"].annotation.model_validate(
            {"of": f"HostingAccount/{name}", "policy": "p", "root": str(root)}
        ),
    )
    places = [
        {"name": one, "engine": "archive", "immutability": {"mode": mode}}
        for one in copies
    ]
    made = Makings(
        backing=backing,
        repositories=tuple(Repository.model_validate(one) for one in places),
    )
    return want.joined(lambda: made)


def site(root: Path) -> Path:
    """Make a small site with a database; return its root."""
    web = root / "public_html"
    (web / "wp-content" / "uploads").mkdir(parents=True)
    (web / "index.php").write_text("<?php // WordPress\n")
    (web / "wp-config.php").write_text("<?php define('DB_NAME', 'shop');\n")
    for number in range(12):
        photo = web / "wp-content" / "uploads" / f"{number}.jpg"
        photo.write_bytes(b"\xff\xd8\xff" + bytes([number]) * 4000)
    (web / "cache").mkdir()
    (web / "cache" / "page.html").write_text("stale")
    with sqlite3.connect(root / "shop.sqlite") as there:
        there.execute("create table orders (id integer primary key, paid int)")
        there.executemany(
            "insert into orders (paid) values (?)", [(n,) for n in range(500)]
        )
    there.close()
    return root


def later(place: Place, days: float) -> datetime:
    """Move the clock of *place*."""
    place.now += timedelta(days=days)
    return place.now.astimezone(UTC)
