"""
What a drill of a site costs, and how well a sample says how long all of it takes.

A site of 200 MB (6,000 texts, 800 pictures, 50 large files) is backed up by the archive
engine into a folder. Then 60 files, 299 files and everything are restored and looked
at, in that order, three times. The archive engine goes through all of a snapshot to
give back a part of it: a sample saves the writing, and not the reading.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.row import Row, Size
from reconciler.kinds.backup import BACKUP, BackUp, Backup, DrillIt
from reconciler.kinds.backup_repository import BackupRepository, Init
from reconciler.model import Account, FieldChange, Makings, Share
from reconciler.model.backing import Backing
from reconciler.model.repository import Repository
from reconciler.providers.archive_backup import ArchiveBackup

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
_SAMPLES = (60, 299, None)
_MOST_WRONG = 20.0


class _Nothing:
    """A cache, and what else a repository may ask for: there is none."""

    def get(self, key: str) -> None:
        """Return nothing."""

    def put(self, key: str, value: Any, until: datetime) -> None:
        """Keep nothing."""


def drilling(size: Size) -> Iterator[Row]:
    """Drill a site of 200 MB (where *size* is small: a part of it)."""
    share = size.small / 1_000
    with tempfile.TemporaryDirectory(prefix="reconciler-drills-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        whole = _site(folder / "site", share)
        driver, want = _world(folder)
        receipt = driver.apply(want, _change(BackUp, slot="1", nonce="4711"), "k")
        told = dict(receipt.details)
        runs = [
            _drill(driver, want, told, n) for _ in range(size.runs) for n in _SAMPLES
        ]
    yield from _rows(runs, whole)


def _rows(
    runs: list[tuple[int | None, dict[str, Any], float]], whole: int
) -> Iterator[Row]:
    full = statistics.median(told["taken"] for n, told, _ in runs if n is None) / 1000
    gigabytes = whole / 1e9
    for count in _SAMPLES:
        mine = [(told, cpu) for n, told, cpu in runs if n == count]
        back = mine[0][0]["bytes"]
        cpu = statistics.median(cpu for _, cpu in mine)
        what = f"{count} files" if count else "everything"
        note = f"{back / gigabytes / 1e6:,.0f} MB/GB; {mine[0][0]['confidence']}"
        yield Row(f"drill of {what}: CPU per GB", cpu / gigabytes, "s", note=note)
        if count is not None:
            said = statistics.median(told["taken"] for told, _ in mine) / 1000
            wrong = abs(said - full) / full * 100
            note = f"{said:.2f} s said, {full:.2f} s measured, wall"
            work = f"its estimate of the RTO: error ({what})"
            yield Row(work, wrong, "%", _MOST_WRONG, note=note)


def _drill(
    driver: ArchiveBackup, want: Backup, told: dict[str, Any], count: int | None
) -> tuple[int | None, dict[str, Any], float]:
    sources = told["sources"]
    change = _change(
        DrillIt,
        drill="sample" if count else "full",
        snapshots={name: row["snapshot"] for name, row in sources.items()},
        files=count,
        seed="7",
        at=told["at"],
        receipt=sources,
    )
    began = time.process_time()
    details = driver.apply(want, change, "k").details
    if details["verdict"] != "passed":
        raise RuntimeError(str(details["why"]))
    return count, details, time.process_time() - began


def _change(kind: Any, **details: Any) -> Any:
    return kind(
        share=Share("near", BACKUP),
        fields=(FieldChange(field="spec"),),
        because="a benchmark",
        details=details,
    )


def _world(folder: Path) -> tuple[ArchiveBackup, Backup]:
    url = f"file://{folder / 'repository'}"
    account = Account(
        name="near",
        endpoint=url,
        identity=url,
        secrets={"password": "correct horse battery"},
        clock=lambda: NOW,
        sleep=time.sleep,
        cache=_Nothing(),
        settings={"url": url},
    )
    driver = ArchiveBackup(account)
    place = BackupRepository.model_validate(
        {
            "metadata": {"name": "near"},
            "spec": {
                "engine": "archive",
                "url": url,
                "credentials": {"password": {"env": "P"}},
            },
        }
    )
    driver.apply(place, _change(Init), "k")
    backing = Backing.model_validate(
        {
            "objectives": {"rpo": "26h", "rto": "2h"},
            "sources": {"files": {"paths": ["public_html"]}},
            "copies": ["near"],
            "drills": {"scratch": str(folder / "scratch")},
        }
    )
    want = Backup.model_validate(
        {
            "metadata": {"name": "shop.example", "uid": "u-1"},
            "spec": {
                "of": "HostingAccount/shop.example",
                "policy": "p",
                "root": str(folder / "site"),
            },
        }
    )
    there = Repository.model_validate({"name": "near", "engine": "archive"})
    made = Makings(backing=backing, repositories=(there,))
    return driver, want.joined(lambda: made)


def _site(root: Path, share: float) -> int:
    """Write the site; return its bytes."""
    draw, whole = random.Random(7), 0  # noqa: S311
    words = [f"word{n}" for n in range(2_000)]
    web = root / "public_html"
    for ending, many, size in (
        ("txt", 6_000, 8_000),
        ("jpg", 800, 100_000),
        ("bin", 50, 1_500_000),
    ):
        for number in range(max(int(many * share), 1)):
            there = web / ending / f"{number % 50}" / f"{number}.{ending}"
            there.parent.mkdir(parents=True, exist_ok=True)
            if ending == "txt":
                body = " ".join(draw.choices(words, k=size // 8)).encode()
            else:
                body = b"\xff\xd8\xff" + draw.randbytes(size)
            there.write_bytes(body)
            whole += len(body)
    return whole
