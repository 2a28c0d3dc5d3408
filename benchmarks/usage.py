"""What is measured and foreseen: bytes a year, and the time of a run."""

from __future__ import annotations

import math
import random
import resource
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.estate import commit, git, store
from benchmarks.row import Row, Size
from reconciler.audit.layout import kept
from reconciler.audit.shelf import Shelf
from reconciler.audit.usage_spool import Spool
from reconciler.audit.usage_store import Archive, Hour, Measured, UsageStore
from reconciler.cli.usage_forecast import predict
from reconciler.engine.foresee import HISTORY, Case, foresee
from reconciler.model import Ref
from reconciler.model.scaling import Scaling
from reconciler.model.usage import FAR, Bounds, Reading

BRANCH = "refs/heads/reconciler/usage/main"
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GIB, MIB = 1024.0**3, 1024.0**2
#: Accounts of which a whole year is written; the figures are for a thousand.
YEAR_OF = 20
LIMITS = {
    "disk": 10 * GIB,
    "inodes": 250_000.0,
    "cpu": 100.0,
    "memory": 1 * GIB,
    "io": 4 * MIB,
}


class Used:
    """One account: what it uses of each metric, hour by hour; the seed tells all."""

    def __init__(self, number: int) -> None:
        self.ref = Ref("HostingAccount", f"site-{number:05d}.example")
        self.source = f"whm-{number % 50}"
        self._chance = random.Random(number)  # noqa: S311  (no secret)
        self._disk = self._chance.uniform(0.05, 0.6) * LIMITS["disk"]
        self._grows = self._chance.lognormvariate(0, 0.9) * 0.0022 * LIMITS["disk"] / 24
        self._busy = self._chance.betavariate(1.2, 6)

    def at(self, when: datetime) -> dict[str, float]:
        """Return what it uses; asked hour after hour."""
        chance = self._chance
        swing = 1 + 0.6 * math.sin((when.hour - 9) / 24 * 2 * math.pi)
        weekend = 0.7 if when.weekday() > 4 else 1.0
        level = self._busy * swing * weekend
        self._disk = min(
            self._disk + self._grows * chance.expovariate(1), LIMITS["disk"]
        )
        noise = chance.gauss
        return {
            "disk": self._disk,
            "inodes": float(round(self._disk / GIB * 9000 + noise(0, 5))),
            "cpu": max(0.0, level * 100 * (1 + noise(0, 0.25))),
            "memory": max(0.0, (0.2 + level) * 0.6 * GIB * (1 + noise(0, 0.05))),
            "io": max(0.0, level * LIMITS["io"] * (1 + noise(0, 0.4))),
        }


def usage(size: Size) -> Iterator[Row]:
    """Write a year, then measure what one run costs, and what is foreseen."""
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        world = _World(Path(folder))
        days = 400 if size.small >= 1000 else 40
        yield from _year(world, days)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        yield from _run(_World(Path(folder)), size.small)
    yield from _foreseen(size)


class _World:
    def __init__(self, folder: Path) -> None:
        self.root, self.remote = folder / "agency", folder / "remote.git"
        self.root.mkdir(parents=True)
        (self.root / "README").write_text("an agency\n")
        commit(self.root)
        subprocess.run(["git", "init", "-q", "--bare", str(self.remote)], check=True)
        git(self.root, "remote", "add", "origin", str(self.remote))
        git(self.root, "push", "-q", "origin", "main")
        self.store = self.opened()

    def opened(self) -> UsageStore:
        shelf = Shelf(store(self.root, "origin"), kept("usage", "main"))
        return UsageStore(shelf, Spool(self.root / ".git" / "spool"))

    def swept(self) -> float:
        """Return bytes of the whole remote, of one commit, swept up."""
        git(self.remote, "repack", "-q", "-adf")
        git(self.remote, "prune", "--expire=now")
        return sum(
            file.stat().st_size for file in self.remote.glob("objects/pack/*.pack")
        )

    def blobs(self, tier: str) -> float:
        """Return bytes of one tier's files, each packed by itself."""
        names = git(self.remote, "ls-tree", "-r", "--name-only", BRANCH).split()
        chosen = [name for name in names if name.startswith(f"{tier}/")]
        texts = [
            git(self.remote, "show", f"{BRANCH}:{name}").encode() for name in chosen
        ]
        return float(sum(len(zlib.compress(text)) for text in texts))

    def months(self) -> int:
        """Return of how many months only the peaks are kept."""
        names = git(self.remote, "ls-tree", "-r", "--name-only", BRANCH).split()
        return sum(name.startswith("peaks/") for name in names)


def _measured(accounts: Sequence[Used], when: datetime) -> Iterator[Measured]:
    for one in accounts:
        for metric, value in one.at(when).items():
            reading = Reading(metric, when, value, LIMITS[metric])
            yield Measured(one.ref, one.source, reading)


def _year(world: _World, days: int) -> Iterator[Row]:
    """Keep what accounts used for over a year, a day in one go."""
    accounts, csv = [Used(number) for number in range(YEAR_OF)], zlib.compressobj()
    plain = 0
    for day in range(days):
        start = START + day * DAY
        hours = (start + hour * HOUR for hour in range(24))
        found = [one for when in hours for one in _measured(accounts, when)]
        world.store.add(found, start + DAY)
        if day >= days - 30:
            plain += len(csv.compress("".join(map(_row, found)).encode()))
    plain += len(csv.flush())
    times = 1000 / YEAR_OF / MIB
    yield Row(
        "branch of 1,000 accounts after a year, swept",
        world.swept() * times,
        "MiB",
        60,
        note=f"5 metrics hourly for {days} d, one commit; of {YEAR_OF} accounts, times "
        f"{1000 // YEAR_OF}",
    )
    if months := world.months():
        a_year = world.blobs("peaks") * times / months * 12
        note = f"of {months} months"
        yield Row("of it, kept for ever", a_year, "MiB/year", 12, note=note)
    yield Row(
        "a month of raw readings, 1,000 accounts",
        world.blobs("raw") * times * 30 / 14,
        "MiB",
        other=plain * times,
        note="other: the same as rows of CSV, packed in one stream",
    )


def _row(one: Measured) -> str:
    metric, at, value, limit = one.reading
    return f"{at:%Y-%m-%dT%H:%MZ},{one.ref},{metric},{value:.1f},{limit:.0f}\n"


def _run(world: _World, many: int) -> Iterator[Row]:
    """Measure hourly runs over *many* accounts, and the one that folds a day."""
    accounts, now = [Used(number) for number in range(many)], START
    spent, pushed = [], []
    for hour in range(25):
        now = START + hour * HOUR
        found = list(_measured(accounts, now))
        before, had = _cpu(), _loose(world.remote)
        world.store.add(found, now)
        spent.append(_cpu() - before)
        pushed.append(_loose(world.remote) - had)
    yield Row(
        f"a run over {many:,} accounts, written",
        sum(spent[:24]) / 24,
        "s CPU",
        2,
        note=f"{pushed[12] / 1024:.0f} KiB pushed",
    )
    yield Row("the first run of a day, which folds it", spent[24], "s CPU", 10)
    some = [one.ref for one in accounts[::24]]
    before = _cpu()
    archive = Archive(world.opened().files(), now - HISTORY, some)
    read = sum(len(hours) for ref in some for hours in archive.of(ref).values())
    work = f"history of {len(some)} of {many:,} accounts, read"
    yield Row(work, _cpu() - before, "s CPU", note=f"{read:,} hours of one day")


def _foreseen(size: Size) -> Iterator[Row]:
    """Measure what foreseeing ten thousand accounts costs a day."""
    some = 40 if size.small >= 1000 else 12
    now = START + 60 * DAY
    hours = [START + hour * HOUR for hour in range(60 * 24)]
    rules = Scaling(target=Decimal("0.9"))
    cases = []
    for number in range(some):
        one = Used(number)
        used: dict[str, list[Hour]] = {metric: [] for metric in LIMITS}
        for when in hours:
            for metric, value in one.at(when).items():
                used[metric].append(Hour(when, value, value, LIMITS[metric]))
        cases.append(Case(one.ref, rules, Bounds(LIMITS), one.source, used))
    foresee(cases[0], predict, now)  # numpy is loaded once
    before = _cpu()
    found = [foresee(case, predict, now) for case in cases]
    spent = _cpu() - before
    every = [one for state in found for one in state.outlooks]
    far = sum(one.method == FAR for one in every)
    whole = spent / some * 10_000
    note = f"5 metrics with 60 d; {far / len(every):.0%} are far away and cost nothing"
    yield Row("foreseeing 10,000 accounts", whole, "s CPU/day", 1200, note=note)
    rest = max(1, len(every) - far)
    yield Row("one forecast", spent / rest * 1000, "ms CPU", 100)


def _cpu() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in usages)


def _loose(remote: Path) -> int:
    return sum(
        file.stat().st_size for file in remote.rglob("objects/*/*") if file.is_file()
    )
