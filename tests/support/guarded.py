"""
A site that is backed up for real, day by day, on a clock that is set.

Everything but the time is real: the inventory in git, the plan, the apply with its
journal, the drivers, and repositories on disk. The clock is long past, so that
whatever the disk dates by its own clock can be dated back afterwards.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from reconciler.cli.apply_command import carry_out
from reconciler.cli.approvers import approvals
from reconciler.cli.plan_command import make
from reconciler.cli.project import Project
from reconciler.engine import Result
from reconciler.model import Finding, Plan, Severity
from tests.support.agency import OPTIONS
from tests.support.restics import ResticPlace

#: The first day: a leap year, between two changes of the clocks.
START = datetime(2024, 2, 12, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECRETS = {
    "NEAR": "near-secret-1",
    "FAR": "far-secret-2",
    "ESCROW": "escrow-secret-3",
    "FARESCROW_OF": "escrow-secret-4",
}
ESCROW_OF = {"near": "ESCROW", "far": "FARESCROW_OF"}
UID = "shop.example"
SHOP = """\
create table orders (id integer primary key, at text, paid int);
create table options (name text, value text);
insert into options values ('siteurl', 'https://shop.example');
"""
JPEG = b"\xff\xd8\xff\xe0"
_NOISE = 6000
_SEVERE = {Severity.WARNING, Severity.ERROR, Severity.CRITICAL}
_OURS = {"Backup", "BackupRepository"}

#: A policy whose drills are held daily: what takes a month by default takes days here.
POLICY: dict[str, Any] = {
    "objectives": {"rpo": "26h", "rto": "2h"},
    "schedule": {"cron": "15 2 * * *"},
    "sources": {
        "files": {
            "paths": ["public_html", "mail"],
            "minFiles": 12,
            "expect": [
                {"path": "public_html/index.php", "contains": "WordPress"},
                {"glob": "public_html/uploads/*.jpg", "type": "image", "min": 6},
            ],
        },
        "db": {
            "type": "sqlite",
            "database": "shop.sqlite",
            "expect": [
                {"sql": "select count(*) from orders", "min": 100, "maxDrop": "20%"},
                {"sql": "select max(at) from orders", "maxAge": "3d"},
            ],
        },
    },
    "copies": ["near", {"repository": "far", "offSite": True}],
    "drills": {
        "sample": {"every": "1d", "files": 299},
        "full": {"every": "3d", "point": "random", "escrow": True},
        "check": 2,
    },
}


class Alarm(NamedTuple):
    """One thing that somebody is told: by which layer, and what."""

    layer: str
    code: str
    message: str


#: The code of a finding -> which layer has found it.
LAYERS = {
    "backup-suspect": "anomaly",
    "backup-tampered": "tamper",
    "copy-lagging": "copies",
    "dated-ahead": "clock",
    "degraded": "drill",
    "drill-inconclusive": "inconclusive",
    "lock-ends": "locks",
    "packs-damaged": "check",
    "repository-gone": "listing",
    "rpo-missed": "freshness",
    "unknown-and-urgent": "unreadable",
    "unrestorable": "drill",
    "vault-weak": "vault",
}


class Guarded:
    """
    A site, its two repositories, and the inventory that says how it is backed up.

    Args:
        base: An empty folder; everything is in it.
        engine: Of both repositories.
        seed: What the site looks like, and what chance does to it.
        policy: What the policy says otherwise.
        start: What time it is first.

    Attributes:
        harmed: The copy that something was done to.
    """

    def __init__(
        self,
        base: Path,
        engine: str = "archive",
        seed: int = 1,
        policy: dict[str, Any] | None = None,
        start: datetime = START,
    ) -> None:
        self.base, self.engine, self.seed = base, engine, seed
        self.home, self.root = base / "home", base / "repository"
        self.draw = random.Random(f"{engine} {seed}")  # noqa: S311  (no secret)
        self.now = start
        self.secrets = dict(SECRETS)
        self.accept: list[str] = []
        self.harmed = "near"
        self.policy = {**POLICY, **(policy or {})}
        grow(self)
        if engine == "restic":
            self._cheap()
        (self.root / "inventory").mkdir(parents=True)
        self._git("init", "-q", "-b", "main")
        for name, value in (("name", "ann"), ("email", "ann@house.example")):
            self._git("config", f"user.{name}", value)
        self.declare()

    # -- what is declared --------------------------------------------------------------

    def declare(self, subject: str = "inventory: begin") -> None:
        """Write and commit the inventory as the policy is now."""
        drills = self.policy["drills"]
        policy = {
            **self.policy,
            "drills": {"scratch": f"{self.base}/scratch", **drills},
        }
        places = {f"BackupRepository/{one}": self.place(one) for one in ("near", "far")}
        nobody = {"type": "public", "endpoint": "http://127.0.0.1:9", "credentials": {}}
        told = {
            "apiVersion": "reconciler/v1",
            "Provider/public": nobody,
            f"Domain/{UID}": {"provider": "none"},
            **self.extra(),
            **places,
            "BackupPolicy/nightly": policy,
            f"Backup/{UID}": {
                "of": f"Domain/{UID}",
                "policy": "nightly",
                "root": str(self.home),
                "accept": self.accept,
            },
        }
        path = self.root / "inventory" / "a.yaml"
        path.write_text(yaml.safe_dump(told, sort_keys=False))
        self._git("add", "-A")
        self._git("commit", "-qm", subject)

    def extra(self) -> dict[str, Any]:
        """Return what else is declared."""
        return {}

    def place(self, name: str) -> dict[str, Any]:
        """Return one repository, as it is declared."""
        return {
            "engine": self.engine,
            "url": f"file://{self.base}/{name}",
            "credentials": {"password": {"env": name.upper()}},
            "escrowKey": {"env": ESCROW_OF[name]},
            "failureDomain": {"provider": name, "region": name},
        }

    def _cheap(self) -> None:
        """Have repositories of restic that open at once: guessing costs nothing."""
        for name in ("near", "far"):
            secrets = {
                "password": SECRETS[name.upper()],
                "escrowKey": SECRETS[ESCROW_OF[name]],
            }
            ResticPlace(self.base / name, name, secrets=secrets, escrow=None).ready()

    def _git(self, *argv: str) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        said = ["git", "-C", str(self.root), *argv]
        subprocess.run(said, check=True, capture_output=True, env=environ)

    def opened(self) -> None:
        """Have a shop whose database has nothing but its tables and its address."""
        with closing(sqlite3.connect(self.home / "shop.sqlite")) as there:
            there.executescript(SHOP)

    def sold(self, rows: list[tuple[str, int]]) -> None:
        """Have orders come in: of when, and what was paid."""
        with closing(sqlite3.connect(self.home / "shop.sqlite")) as there:
            there.executemany("insert into orders (at, paid) values (?, ?)", rows)
            there.commit()

    # -- what is done ------------------------------------------------------------------

    def project(self) -> Project:
        """Return a new project, as every run has one; nothing in it waits."""
        environ = {**os.environ, **self.secrets, "RECONCILER_ACTOR": "ann"}
        made = Project({**OPTIONS, "root": str(self.root)}, environ)
        made.clock = lambda: self.now
        made.sleep = lambda seconds: None
        return made

    def plan(self) -> Plan:
        """Return the plan of now."""
        project = self.project()
        try:
            return make(project)
        finally:
            project.close()

    def apply(self, *also: str) -> Result:
        """Do what may be done; what has one of *also* as its verb is approved."""
        approved = None
        if also:
            plan = self.plan()
            wanted = [one for one in plan.actions if one.change.verb in also]
            if wanted:
                approved = {one.id: one.digest for one in wanted}
        project = self.project()
        given = approvals(project, approved, source="actor", reason=None)
        try:
            return carry_out(
                project, approved=approved, given=given, single_writer=True
            )
        finally:
            self.dated()

    def dated(self) -> None:
        """Date what was written just now by the clock that is set."""
        at = self.now.timestamp()
        for name in ("near", "far"):
            for path in files(self.base / name):
                if path.stat().st_mtime > at:
                    os.utime(path, (at, at))

    def alarms(self, result: Result) -> list[Alarm]:
        """Return all that *result* tells of: actions that failed, and findings."""
        failed = [
            Alarm(
                "refused",
                one.action.change.verb,
                str(one.outcome.evidence.get("reason", "")),
            )
            for one in result.done
            if one.outcome.status == "failed"
        ]
        return [*failed, *told(result.left.findings)]

    def day(self, *also: str) -> list[Alarm]:
        """Let it be the next day, 03:00: back up, then copy, check and drill."""
        begun = self.now.replace(hour=3, minute=0, second=0)
        self.now = begun if begun > self.now else begun + DAY
        found = self.alarms(self.apply())
        self.now += timedelta(minutes=30)
        found += self.alarms(self.apply())
        return [*found, *(self.alarms(self.apply(*also)) if also else ())]

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)

    # -- going back --------------------------------------------------------------------

    def keep(self, name: str = ".kept") -> Kept:
        """Remember everything as it is, to go back to it again and again."""
        kept = self.base.with_name(f"{self.base.name}{name}")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.base, kept, symlinks=True)
        return Kept(kept, self.now, dict(self.secrets), dict(self.policy))

    def back(self, kept: Kept, seed: str) -> None:
        """Go back to what was *kept*; chance begins anew with *seed*."""
        shutil.rmtree(self.base)
        shutil.copytree(kept.folder, self.base, symlinks=True)
        self.now, self.secrets = kept.now, dict(kept.secrets)
        self.policy, self.accept, self.harmed = dict(kept.policy), [], "near"
        self.draw = random.Random(f"{self.engine} {self.seed} {seed}")  # noqa: S311


class Kept(NamedTuple):
    """A moment to go back to."""

    folder: Path
    now: datetime
    secrets: dict[str, str]
    policy: dict[str, Any]


def told(findings: tuple[Finding, ...]) -> list[Alarm]:
    """Return what *findings* of backups say that is more than information."""
    return [
        Alarm(LAYERS.get(one.code, one.code), one.code, one.message)
        for one in findings
        if one.kind in _OURS and one.severity in _SEVERE
    ]


def files(folder: Path) -> list[Path]:
    """Return every file below *folder*, in order."""
    return sorted(one for one in folder.rglob("*") if one.is_file())


# -- a site ----------------------------------------------------------------------------


def grow(world: Guarded) -> None:
    """Write the site of *world*: pages, programs, pictures, mail and a database."""
    web = world.home / "public_html"
    (web / "uploads").mkdir(parents=True)
    (world.home / "mail").mkdir()
    write(web / "index.php", "<?php // WordPress\n")
    write(web / "wp-config.php", "<?php define('DB_NAME', 'shop');\n")
    for number in range(world.draw.randint(10, 16)):
        write(web / f"page-{number:02}.html", words(world.draw, 60))
    for number in range(world.draw.randint(8, 12)):
        picture(web / "uploads" / f"{number:02}.jpg", world.draw)
    for number in range(world.draw.randint(4, 8)):
        write(world.home / "mail" / f"{number}.txt", words(world.draw, 30))
    world.opened()
    order(world, world.draw.randint(180, 260))


def write(path: Path, text: str) -> None:
    """Write a text."""
    path.write_text(text, encoding="utf-8")


def words(draw: random.Random, count: int) -> str:
    """Return a text that compresses as texts do."""
    known = (
        "bicycle",
        "bell",
        "wheel",
        "order",
        "street",
        "winter",
        "the",
        "of",
        "and",
    )
    return " ".join(draw.choice(known) for _ in range(count)) + "\n"


def picture(path: Path, draw: random.Random) -> None:
    """Write what begins as a photograph does, and does not compress."""
    path.write_bytes(JPEG + draw.randbytes(_NOISE))


def order(world: Guarded, count: int) -> None:
    """Have *count* more orders come in, the last one now."""
    rows = [
        ((world.now - timedelta(minutes=one)).isoformat(), world.draw.randint(5, 90))
        for one in reversed(range(count))
    ]
    world.sold(rows)


def usual(world: Guarded) -> None:
    """Have a usual day: some orders, an edit, a picture, a mail."""
    draw, web = world.draw, world.home / "public_html"
    order(world, draw.randint(2, 12))
    write(draw.choice(sorted(web.glob("page-*.html"))), words(draw, 60))
    picture(web / "uploads" / f"{world.now:%j}.jpg", draw)
    write(world.home / "mail" / f"{world.now:%j}.txt", words(draw, 30))


def days(world: Guarded, count: int) -> Iterator[list[Alarm]]:
    """Live through *count* usual days; yield what each of them told."""
    for _ in range(count):
        world.later(hours=8)
        usual(world)
        yield world.day()
