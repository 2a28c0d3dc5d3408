"""
Repositories in buckets: how fresh a thousand are, and how 10,000 objects come back.

Who answers is in a process of its own. For freshness it is a server that answers after
20 ms, as a service on the internet: the test server (moto) works for 9 ms of CPU on
each, which would be measured instead. A rewind is of a bucket of moto's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import middle, serving
from benchmarks.repositories import Repositories, asked_of
from benchmarks.row import Row, Size
from reconciler.model import Account
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._s3_objects import Objects
from reconciler.providers._s3_rewind import Back, rewind

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_MOST_WALL = 15.0
#: How long a bucket takes to answer, in seconds.
_LATE = 0.02
_KEYS = {"write": "a:b", "maintain": "a:b", "drill": "a:b"}
#: ``OBJECTS``: prints its port; a bucket of which everything was hidden two hours ago,
#: every hundredth overwritten before, and one in a hundred added.
_HIDDEN = """
import logging, sys, time
from datetime import timedelta
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.CRITICAL + 1)
many, s3 = int(sys.argv[1]), s3_backends["123456789012"]["aws"]
bucket = s3.create_bucket("kept", "us-east-1")
bucket.versioning_status = "Enabled"
def put(name, body):
    s3.put_object("kept", name, body)
def ago(hours):
    for _, versions in bucket.keys.iterlists():
        for one in versions:
            one.last_modified -= timedelta(hours=hours)
names = [f"p/{('data', 'manifest', 'index')[n % 3]}/{n}" for n in range(many)]
for name in names:
    put(name, b"x" * 64)
ago(24)
for number, name in enumerate(names):
    if number % 100 == 0:
        put(name, b"theirs")
        put(name + "-new", b"theirs")
    s3.delete_object("kept", name)
ago(2)
running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
running.start()
print(running.get_host_and_port()[1], flush=True)
time.sleep(3600)
"""


class _Nothing:
    """A cache that keeps nothing."""

    def get(self, key: str) -> None:
        """Return nothing."""

    def put(self, key: str, value: Any, until: datetime) -> None:
        """Keep nothing."""


def _account(name: str, url: str) -> Account:
    return Account(
        name=name,
        endpoint=None,
        identity=None,
        secrets=_KEYS,
        clock=lambda: NOW,
        sleep=time.sleep,
        cache=_Nothing(),
        settings={"url": url, "path": "p"},
    )


def freshness(size: Size) -> Iterator[Row]:
    """Plan 1,000 repositories of each engine, beside ``restic snapshots`` of 20."""
    yield _planned("archive", size)
    other = _restic()
    if other is not None:
        yield _planned("restic", size, other)


def _planned(engine: str, size: Size, other: float | None = None) -> Row:
    """Plan as on any day: what a repository told is known, and nothing came since."""
    many, at_once = size.small, os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="reconciler-fresh-") as name:
        made = Repositories(Path(name), engine, many)
        with made.served(_LATE) as server:
            first = made.plan()
            asked_of(server)
            used = middle(size.runs, made.plan)
            asked = sum(asked_of(server).values()) / size.runs
    note = f"{used.cpu:.1f} s CPU, {asked / many:.1f} requests each of 20 ms"
    note += f"; {len(made.stale)} are stale; the first look took {first.wall:.0f} s"
    if other is not None:
        note += f"; restic {other:.2f} s each (of 20), {at_once} at once"
    return Row(
        f"freshness of {many:,} repositories of {engine}, `plan`: wall",
        used.wall,
        "s",
        _MOST_WALL,
        other=other and other * many / at_once,
        note=note,
    )


def _restic() -> float | None:
    """Return how long ``restic snapshots`` takes of one repository, of 20."""
    restic = shutil.which("restic")
    if restic is None:
        return None
    with tempfile.TemporaryDirectory(prefix="reconciler-fresh-") as name:
        base = Path(name)
        environ = {**os.environ, "RESTIC_PASSWORD": "x", "HOME": name}
        first = base / "0"

        def run(where: Path, *words: str) -> None:
            subprocess.run(
                [restic, "-r", str(where), "--no-cache", "-q", *words],
                check=True,
                capture_output=True,
                env=environ,
            )

        run(first, "init")
        (base / "site").mkdir()
        (base / "site" / "a").write_text("a")
        run(first, "backup", str(base / "site"))
        places = [first] + [shutil.copytree(first, base / str(n)) for n in range(1, 20)]
        began = time.monotonic()
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(lambda at: run(at, "snapshots", "--json", "--no-lock"), places)
            )
        return (time.monotonic() - began) * threads / len(places)


def rewinding(size: Size) -> Iterator[Row]:
    """Have 100, 1,000 and 10,000 objects shown again that somebody hid."""
    for many in sorted({100, 1_000, size.middle}):
        yield _rewound(many)


def _rewound(many: int) -> Row:
    # One page of moto's costs as much as all of them: it copies everything for each.
    with serving("-c", _HIDDEN, str(many), MOTO_S3_DEFAULT_MAX_KEYS="100000") as server:
        account = _account("near", f"s3:{server}/kept")
        bucket = Bucket(account, f"s3:{server}/kept", "p", "a:b")
        objects = Objects(bucket)
        began, cpu = time.monotonic(), time.process_time()
        done = rewind(objects, lambda one: _back(one.now))
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        shown = len(bucket.names(""))
        bucket.close()
    told = (done["shown"], done["written"], done["hidden"])
    tenth = -(-many // 100)
    if shown != many or told != (many - tenth, tenth, tenth):
        raise RuntimeError(f"{shown} of {many} are shown: {told}")
    note = f"{told[0]} shown, {told[1]} written again, {told[2]} hidden; {cpu:.1f} s CPU of ours"  # noqa: E501
    return Row(f"rewind of {many:,} objects, wall", wall, "s", note=note)


def _back(now: datetime) -> Back:
    """Return the way to where nothing was hidden: all of it, and no stranger's."""
    return Back(now - timedelta(hours=12), now, lambda _: True, lambda _: False)
