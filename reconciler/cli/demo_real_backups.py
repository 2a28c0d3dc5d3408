"""``reconciler demo --backups``: a real restic, a bucket and two real databases."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import click

from reconciler.cli.demo_agency import DemoAgency, say
from reconciler.cli.demo_backups import damage, files, site
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError
from reconciler.model.backing import Source
from reconciler.providers._dump import dumped
from reconciler.sandbox import databases

_BACKUP: Final = "Backup/molen.example"
_KEYS: Final = "demo-key:demo-secret"
_WORDS: Final = ("disk", "bucket", "escrow")
_ROWS: Final = 400
#: Until a drill is due again, as the policy of this demo says.
_PAUSE: Final = 6.0
_DUMP: Final = 60.0
#: Other in each dump of the same database (PostgreSQL of August 2025 and later).
_TOKENS: Final = (b"\\restrict ", b"\\unrestrict ")


def needed() -> None:
    """Raise ReconcilerError where a program is not installed."""
    restic = [] if shutil.which("restic") else ["restic"]
    if packages := " ".join([*restic, *databases.missing()]):
        raise ReconcilerError(
            "the demo with real programs needs some that are not installed here",
            hint=f"at Debian: apt-get install --no-install-recommends {packages}",
            code="E615",
        )


class RealBackups(DemoAgency):
    """An agency whose one site is kept by real programs."""

    def run(self, remote: Path) -> None:
        """Back up, prove, damage, find, restore, compare."""
        (self.root / "inventory").mkdir(parents=True)
        beside = self.root.parent / "beside"
        site(beside / "site")
        say("A PostgreSQL, a MariaDB, a bucket and restic: real programs, on loopback")
        with databases.Databases(_seeds()) as running, _bucket() as bucket:
            self._write(beside, running, bucket)
            self.begin(remote)
            self.commit("inventory: molen.example is backed up, twice")
            self._prove(beside)
            self._break(beside, running.connections)

    def _write(self, beside: Path, running: databases.Databases, bucket: str) -> None:
        root = resources.files("reconciler.cli") / "demo_agency_files"
        text = (root / "real_backups.yaml").read_text(encoding="utf-8")
        told = Template(text).substitute(
            beside=beside,
            bucket=bucket,
            database=databases.NAME,
            scratch=running.folder / "scratch",
        )
        (self.root / "inventory" / "backups.yaml").write_text(told, encoding="utf-8")
        (self.root / ".gitignore").write_text("/.secrets/\n", encoding="utf-8")
        kept = self.root / ".secrets"
        kept.mkdir(mode=0o700)
        words = {name: secrets.token_urlsafe(24) for name in _WORDS}
        for name, value in {**words, "s3": _KEYS, **running.connections}.items():
            (kept / name).touch(mode=0o600)
            (kept / name).write_text(value, encoding="utf-8")
        click.echo(told.partition("reconciler/v1\n")[2], nl=False)

    def _apply(self) -> None:
        argv = ("-q", "apply", "--auto-approve", "--held-ok", "--select", _BACKUP)
        codes = {Exit.DONE, Exit.PARTLY}
        self.expect(*argv, "--select", "BackupRepository", codes=codes)

    def _prove(self, beside: Path) -> None:
        self.expect("validate")
        say("Made on the disk, copied to the bucket, restored into servers of its own")
        self._apply()
        self._apply()
        packs = len(list((beside / "disk" / "data").rglob("*")))
        click.echo(f"disk: {packs} packs and folders, written by restic")

    def _break(self, beside: Path, connections: Mapping[str, str]) -> None:
        say("Somebody damages the disk, and the next drill finds it")
        damaged = damage(beside / "disk" / "data")
        click.echo(f"disk: one bit of {damaged} packs is another one")
        time.sleep(_PAUSE)
        self._apply()
        say("A person restores the copy in the bucket, elsewhere")
        into = beside / "restored"
        self.expect("-q", "restore", _BACKUP)
        self.expect("-q", "restore", _BACKUP, "--into", str(into))
        self._compare(beside, into, connections)
        say("The audit log, and the proof that it is what was written")
        self.expect("audit", "log", "--select", _BACKUP)
        self.expect("audit", "verify")

    def _compare(
        self, beside: Path, into: Path, connections: Mapping[str, str]
    ) -> None:
        """Hold what came back against the site and its databases."""
        there = dict(files(beside / "site" / "public_html"))
        if there != dict(files(into / "files" / "public_html")):
            raise ReconcilerError("what was restored is not what the site has")
        for name, kind in (("shop", "postgres"), ("blog", "mysql")):
            source = Source.model_validate({"type": kind, "database": databases.NAME})
            with tempfile.TemporaryDirectory() as folder:
                now = dumped(source, None, Path(folder), connections[kind], _DUMP)
                if _lines(now) != _lines(into / name / "dump.sql"):
                    raise ReconcilerError(f"{name} that was restored is another one")
        rows = f"{_ROWS} orders in PostgreSQL and {_ROWS} posts in MariaDB"
        click.echo(f"compared with the site: {len(there)} files, {rows}, all the same")


def _lines(dump: Path) -> list[bytes]:
    with dump.open("rb") as file:
        return [line for line in file if not line.startswith(_TOKENS)]


def _seeds() -> dict[str, str]:
    """Return the statements that fill the two databases."""
    numbers = range(1, _ROWS + 1)
    orders = ", ".join(f"({one}, {450 + 25 * one})" for one in numbers)
    posts = ", ".join(f"({one}, 'Bread of day {one}')" for one in numbers)
    return {
        "postgres": "CREATE TABLE orders (id int PRIMARY KEY, cents int NOT NULL);\n"
        f"INSERT INTO orders VALUES {orders};\n",
        "mysql": "CREATE TABLE posts (id int PRIMARY KEY, title varchar(80));\n"
        f"INSERT INTO posts VALUES {posts};\n",
    }


@contextmanager
def _bucket() -> Iterator[str]:
    """Give the address of an empty bucket, at an S3 on loopback."""
    import boto3

    # It would print a line for each request of restic.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        key, _, secret = _KEYS.partition(":")
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="eu-west-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )
        place = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket="backups", CreateBucketConfiguration=place)
        client.close()
        yield f"{endpoint}/backups"
    finally:
        server.stop()
