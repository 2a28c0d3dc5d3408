"""
A thousand repositories in buckets, each with a month of one backup, and who plans them.

Everything is as the product and restic leave it: snapshots are written by an encoder
that is proven equal to ``restic backup``, archives are signed as ours are, and what has
a receipt is in the journal. Guessing a password costs restic nothing in here, which
spares the first look minutes, and the looks that are measured nothing: they guess none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.estate import commit, git, run, store, take_base
from benchmarks.measure import RECONCILER, Used, child, serving
from reconciler.audit import Batch
from reconciler.engine import Journal
from reconciler.engine.carry_out import remembered
from reconciler.providers._archive import CONFIG, FORMAT
from reconciler.providers._archive_seal import Keys
from reconciler.providers._archive_snap import (
    Label,
    Snap,
    body_of,
    canonical,
    index_of,
)
from tests.support.restic_snapshots import Key
from tests.support.restics import write_new

PASSWORD = "a password for benchmarks"
_DAYS = 30
#: One in so many was not backed up for three days.
_STALE = 10
_A_FILE = 250


class Repositories:
    """
    The buckets, and the inventory and journal that know them.

    Args:
        base: An empty folder.
        engine: Of all of them.
        many: How many.
    """

    def __init__(self, base: Path, engine: str, many: int) -> None:
        self.base, self.engine, self.many = base, engine, many
        self.root, self.buckets = base / "estate", base / "buckets"
        self.now = datetime.now(UTC).replace(microsecond=0)
        last = self.now.replace(hour=2, minute=15, second=0)
        self._last = last if last <= self.now else last - timedelta(days=1)
        make = _Restic(base) if engine == "restic" else _Archives()
        self._made = {n: dict(self._grown(n, make)) for n in range(many)}

    @property
    def stale(self) -> set[str]:
        """Those that nobody backed up for three days."""
        return {_name(n) for n in range(self.many) if _is_stale(n)}

    def _grown(self, number: int, make: Any) -> Iterator[tuple[str, datetime]]:
        """Fill one bucket; yield its snapshots, and when they began."""
        folder = self.buckets / f"bucket-{number}" / "p"
        make.begin(folder)
        late = timedelta(days=3 if _is_stale(number) else 0)
        for day in range(_DAYS):
            at = self._last - late - timedelta(days=_DAYS - 1 - day)
            yield make.add(folder, _name(number), at), at

    @contextmanager
    def served(self, seconds: float) -> Iterator[str]:
        """Have a server answer for the buckets, and all be declared; yield where."""
        program = ("-m", "benchmarks.lister", str(self.buckets), str(seconds))
        with serving(*program) as server:
            self._declare(server)
            yield server

    def _declare(self, server: str) -> None:
        """Write the inventory, and what was done so far."""
        entries = [self._entry(n, server) for n in range(self.many)]
        for at in range(0, self.many, _A_FILE):
            path = self.root / "inventory" / f"clients-{at}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(entries[at : at + _A_FILE])
            path.write_text(f"apiVersion: reconciler/v1\n{text}", encoding="utf-8")
        commit(self.root)
        take_base(self.root)
        head = git(self.root, "rev-parse", "HEAD")
        notes = [
            remembered("noticed", "Backup", _name(n), self._record(n))
            for n in range(self.many)
        ]
        clock = lambda: datetime.now(UTC)  # noqa: E731
        with Journal(store(self.root), run(1, head), clock) as journal:
            journal.record(Batch(entries=notes))

    def _entry(self, number: int, server: str) -> str:
        keys = {"password": {"env": "BACKUP"}, "write": {"env": "KEYS"}}
        told = {
            f"Domain/{_name(number)}": {"provider": "none"},
            f"BackupRepository/r{number}": {
                "engine": self.engine,
                "url": f"s3:{server}/bucket-{number}",
                "path": "p",
                "credentials": keys,
                "failureDomain": {"provider": "p", "region": "r"},
            },
            f"BackupPolicy/p{number}": {
                "objectives": {"rpo": "26h", "rto": "2h"},
                "sources": {"files": {"paths": ["www"]}},
                "keep": {"daily": _DAYS + 10},
                "copies": [f"r{number}"],
            },
            f"Backup/{_name(number)}": {
                "of": f"Domain/{_name(number)}",
                "policy": f"p{number}",
                "root": "/srv/www",
            },
        }
        return "".join(f"{name}: {json.dumps(spec)}\n" for name, spec in told.items())

    def _record(self, number: int) -> dict[str, Any]:
        """Return what the journal knows: receipts, drills that passed, a check."""
        copy, hour = f"r{number}", (self.now - timedelta(hours=1)).isoformat()
        made = self._made[number]
        drill = {"at": hour, "copy": copy, "verdict": "passed", "seconds": 2}
        newest, of = [*made.items()][-1]
        drill |= {"snapshots": {"files": newest}, "of": of.isoformat(), "bytes": 9}
        return {
            "since": min(made.values()).isoformat(),
            "receipts": [
                {
                    "at": at.isoformat(), "slot": at.isoformat(), "copy": copy,
                    "sources": {"files": {"snapshot": one, "files": 9, "bytes": 99}},
                }
                for one, at in made.items()
            ],
            "vouched": {copy: {k: ["files", at.isoformat()] for k, at in made.items()}},
            "drills": [{**drill, "drill": one} for one in ("sample", "full")],
            "checks": {copy: {"at": hour, "verdict": "passed", "bad": {}}},
        }  # fmt: skip

    def plan(self) -> Used:
        """Plan; see that it tells exactly which are stale."""
        argv = [*RECONCILER, "-q", "-C", str(self.root), "plan", "--format=json"]
        environ = {"BACKUP": PASSWORD, "KEYS": "a:b", "HOME": str(self.base)}
        used = child(argv, self.root, environ=environ, codes=(0, 1))
        plan = json.loads(used.out)
        missed = {
            one["name"] for one in plan["findings"] if one["code"] == "rpo-missed"
        }
        due = {one["name"] for one in plan["actions"] if one["verb"] == "back-up"}
        if missed != self.stale or due != self.stale or plan["unknown"]:
            raise RuntimeError(f"{len(missed)} are stale: {used.out[:3000]}")
        return used


class _Restic:
    """Writes repositories of restic: one key, and a config of its own for each."""

    def __init__(self, base: Path) -> None:
        self._template = base / "template"
        write_new(self._template, PASSWORD)
        self._key = Key.master(self._template, PASSWORD)
        sealed = (self._template / "config").read_bytes()
        self._config = json.loads(self._key.opened(sealed))

    def begin(self, folder: Path) -> None:
        """Make one."""
        for name in ("keys", "snapshots"):
            (folder / name).mkdir(parents=True)
        for path in (self._template / "keys").iterdir():
            (folder / "keys" / path.name).write_bytes(path.read_bytes())
        config = {**self._config, "id": os.urandom(32).hex()}
        sealed = self._key.sealed(json.dumps(config).encode())
        (folder / "config").write_bytes(sealed)

    def add(self, folder: Path, uid: str, at: datetime) -> str:
        """Add a snapshot; return its id."""
        slot = f"slot={at.isoformat()}"
        tags = [f"backup={uid}", "source=files", slot, "root=/srv/www"]
        told = {
            "time": at.isoformat().replace("+00:00", "Z"), "tree": os.urandom(32).hex(),
            "paths": ["/srv/www/www"], "hostname": uid, "username": "x", "tags": tags,
        }  # fmt: skip
        sealed = self._key.sealed(json.dumps(told).encode())
        name = hashlib.sha256(sealed).hexdigest()
        _written(folder / "snapshots" / name, sealed, at)
        return name


class _Archives:
    """Writes repositories of archives: one salt, so that one key signs all."""

    def __init__(self) -> None:
        self._keys, self._salt = Keys({"password": PASSWORD}), os.urandom(16)

    def _signed(self, body: dict[str, Any]) -> bytes:
        signed = self._keys.signatures(self._salt, canonical(body))
        return json.dumps({"signed": signed, "is": body}, sort_keys=True).encode()

    def begin(self, folder: Path) -> None:
        """Make one."""
        folder.mkdir(parents=True)
        body = {"format": FORMAT, "id": os.urandom(16).hex(), "salt": self._salt.hex()}
        (folder / CONFIG).write_bytes(self._signed(body))

    def add(self, folder: Path, uid: str, at: datetime) -> str:
        """Add a snapshot; return its id."""
        label = Label(uid, "files", at.isoformat(), at, ("www",))
        name = os.urandom(16).hex()
        data, listing = f"data/{name}", f"manifest/{name}"
        snap = Snap(
            label.id, label, at, files=9, size=99, packed=40, changed=None,
            manifest="0" * 64, canary="", data=data, listing=listing,
        )  # fmt: skip
        for one, body in (
            (data, b"x" * 40),
            (listing, b"x" * 40),
            (index_of(uid, snap.id), self._signed(body_of(snap))),
        ):
            _written(folder / one, body, at)
        return snap.id


def _written(path: Path, body: bytes, at: datetime) -> None:
    """Write an object that came a minute after *at*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    came = at.timestamp() + 60
    os.utime(path, (came, came))


def _name(number: int) -> str:
    return f"site-{number:04}.example"


def _is_stale(number: int) -> bool:
    return number % _STALE == 0


def asked_of(server: str) -> dict[str, int]:
    """Return how often a server was asked what since that was asked last."""
    with urlopen(server) as said:
        found: dict[str, int] = json.load(said)
    return found
