"""The demo's chapter of backups: made, drilled, damaged by hand, found, restored."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final
from urllib.request import ProxyHandler, build_opener

import click

from reconciler.cli import demo_days
from reconciler.cli.demo_agency import DemoAgency, say
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError

_BACKUP: Final = "Backup/bakker.example"
_NAMES: Final = ("near", "far", "escrow")
_ORDERS: Final = 400
_PHOTOS: Final = 12
#: Over what the policy says of drills, and less than clocks of files may be off.
_UNTIL_THE_NEXT: Final = timedelta(minutes=40)


class Backups:
    """
    The backups of one site of *agency*.

    Args:
        beside: A folder outside of the agency's repository: the site, and its copies.
    """

    def __init__(self, agency: DemoAgency, beside: Path, control: str) -> None:
        self._agency = agency
        self._site = beside / "site"
        self._beside = beside
        self._control = control

    def run(self) -> None:
        """Back up, prove, damage, find, restore, compare."""
        select = ("--select", "BackupRepository", "--select", _BACKUP)
        apply = ("-q", "apply", "--auto-approve", "--held-ok", *select)
        say("A backup counts once it was restored: one shop, two places")
        self._begin()
        self._agency.expect(*apply)
        self._agency.expect(*apply)
        say("Somebody damages one copy, and the next drill finds it")
        damaged = damage(self._beside / "near" / "data")
        click.echo(f"near: one bit of {damaged} objects is another one")
        self._later()
        self._agency.expect(*apply, codes={Exit.DONE, Exit.PARTLY})
        say("What ends for good waits now. A person restores the other copy, elsewhere")
        into = self._beside / "restored"
        self._agency.expect("-q", "explain", _BACKUP)
        self._agency.expect("-q", "restore", _BACKUP, "--into", str(into))
        self._compare(into)

    def _begin(self) -> None:
        """Make the site, and commit who keeps it."""
        site(self._site)
        kept = self._agency.root / ".sandbox" / "backups"
        kept.mkdir(parents=True, mode=0o700)
        for name in _NAMES:
            (kept / name).touch(mode=0o600)
            (kept / name).write_text(secrets.token_urlsafe(24), encoding="ascii")
        root = resources.files("reconciler.cli") / "demo_agency_files"
        text = (root / "backups.yaml").read_text(encoding="utf-8")
        told = Template(text).substitute(beside=self._beside)
        path = self._agency.root / "inventory" / "backups.yaml"
        path.write_text(told, encoding="utf-8")
        click.echo(told.partition("reconciler/v1\n")[2], nl=False)
        self._agency.commit("inventory: bakker.example is backed up, twice")

    def _later(self) -> None:
        """Put the clock forward until a drill is due."""
        opener = build_opener(ProxyHandler({}))  # no proxy stands before loopback
        with opener.open(f"{self._control}/clock", timeout=5) as answer:
            now = datetime.fromisoformat(json.load(answer)["now"])
        demo_days.go(self._control, now + _UNTIL_THE_NEXT)

    def _compare(self, into: Path) -> None:
        """Hold what came back against the site, which nobody has changed."""
        there = dict(files(self._site / "public_html"))
        if there != dict(files(into / "files" / "public_html")):
            raise ReconcilerError("what was restored is not what the site has")
        rows = [_rows(self._site / "shop.sqlite"), _rows(into / "db" / "dump.sqlite")]
        if rows[0] != rows[1]:
            raise ReconcilerError("the database that was restored is another one")
        click.echo(
            f"compared with the site: {len(there)} files and {rows[0][0]} orders, "
            "all the same"
        )


def site(root: Path) -> None:
    """Make a small shop below *root*: pages, pictures, and a database."""
    web = root / "public_html"
    (web / "photos").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Bakker</title>\n")
    (web / "config.php").write_text("<?php const SHOP = 'bakker';\n")
    for number in range(_PHOTOS):
        picture = b"\xff\xd8\xff" + sha256(bytes([number])).digest() * 600
        (web / "photos" / f"{number:02}.jpg").write_bytes(picture)
    with closing(sqlite3.connect(root / "shop.sqlite")) as there, there:
        there.execute("create table orders (id integer primary key, cents integer)")
        rows = ((450 + 25 * number,) for number in range(_ORDERS))
        there.executemany("insert into orders (cents) values (?)", rows)


def damage(folder: Path) -> int:
    """Change one bit in the middle of every file below *folder*; return how many."""
    many = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = bytearray(path.read_bytes())
            body[len(body) // 2] ^= 1
            path.chmod(0o600)
            path.write_bytes(body)
            many += 1
    return many


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file below *folder*, and what is in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _rows(database: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(database)) as there:
        found: tuple[int, int] = there.execute(
            "select count(*), sum(cents) from orders"
        ).fetchone()
    return found
