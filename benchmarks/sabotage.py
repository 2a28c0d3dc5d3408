"""
What goes wrong with backups, who finds it, and what is taken for wrong and is not.

Every sabotage is done for real (``tests/support/sabotage.py``) to a site whose backups
are made, copied, drilled and checked by ``apply`` on a clock that is set; and so are
the histories in which nothing is wrong. Restic's own commands look at the same
repositories, right after it was done: ``backup`` as a timer would run it, ``check``,
``check --read-data``, and a restore of the newest snapshot with ``--verify``. Guessing
a password is made cheap, for whoever looks; nothing else is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from benchmarks.row import Row, Size
from reconciler.providers import _archive_seal
from tests.support.bucketed import DEEDS, bucket_played, server
from tests.support.clean_histories import CLEAN, lived
from tests.support.guarded import Guarded, Kept, days
from tests.support.restics import ResticPlace
from tests.support.sabotage import SABOTAGES, Found, Sabotage, played
from tests.support.vandals import ResticHands

_SEEDS = 5
_OTHERS = ("backup", "check", "read-data", "restore")
_DAYS = 3


def sabotage(size: Size) -> Iterator[Row]:
    """Play all of it with as many seeds as *size* allows."""
    seeds = range(1, _SEEDS + 1 if size.runs >= Size().runs else 2)
    yield from _sabotages("archive", seeds)
    if shutil.which("restic"):
        yield from _sabotages("restic", seeds)
    else:
        work = "sabotages of restic"
        yield Row(work, None, "", 0, note="restic is not installed")
    yield from _buckets(seeds)
    yield from _clean(seeds)


class Tally:
    """What came of one sabotage with every seed, and what the others saw of it."""

    def __init__(self) -> None:
        self.played = 0
        self.found = 0
        self.layers = Counter[str]()
        self.after = timedelta()
        self.others = Counter[str]()

    def add(self, found: Found) -> None:
        """Count one of them."""
        self.played += 1
        self.found += bool(found.alarms)
        self.layers.update({one.layer for one in found.alarms})
        self.after = max(self.after, found.after)

    def note(self, *, restic: bool) -> str:
        """Say who found it, and how many of them the others did."""
        hours = self.after.total_seconds() / 3600
        layers = ", ".join(sorted(self.layers)) or "nobody"
        said = f"{layers}, after {hours:.1f} h at most"
        rows = (f"{name} {self.others[name]}" for name in _OTHERS)
        return f"{said}; restic: {', '.join(rows)}" if restic else said


def _sabotages(engine: str, seeds: range) -> Iterator[Row]:
    tallies = {one.name: Tally() for one in SABOTAGES if engine in one.engines}
    for seed in seeds:
        with _world(engine, seed) as (world, kept):
            for one in SABOTAGES:
                if one.name in tallies:
                    _play(world, kept, one, tallies[one.name])
    whole = sum(one.played for one in tallies.values())
    found = sum(one.found for one in tallies.values())
    restic = engine == "restic"
    for name, tally in tallies.items():
        work = f"{engine}: {name}"
        unit, note = f"of {tally.played}", tally.note(restic=restic)
        yield Row(work, tally.found, unit, tally.played, least=True, note=note)
    note = ""
    if restic:
        seen = sum((one.others for one in tallies.values()), Counter[str]())
        note = "restic: " + ", ".join(f"{name} {seen[name]}" for name in _OTHERS)
    work = f"{engine}: sabotages found"
    yield Row(work, found, f"of {whole}", whole, least=True, note=note)


def _play(world: Guarded, kept: Kept, one: Sabotage, tally: Tally) -> None:
    def beside(there: Guarded) -> None:
        if there.engine == "restic":
            tally.others.update(_seen(there))

    tally.add(played(world, kept, one, beside))


def _seen(world: Guarded) -> list[str]:
    """Return which of restic's own commands end with anything but 0."""
    aside = world.base / "aside"
    aside.mkdir()
    try:
        found = world.base / world.harmed
        if not found.is_dir():
            return list(_OTHERS)
        shutil.copytree(found, aside / "r")
        hands = ResticHands(world, world.harmed)
        secrets = {**hands.passwords, "password": world.secrets[world.harmed.upper()]}
        repo = ResticPlace(aside / "r", secrets=secrets, escrow=None).repo
        names = ("public_html", "mail", "shop.sqlite")
        sources = [str(world.home / one) for one in names]
        back = str(aside / "back")
        commands = {
            "backup": ("backup", "--host", "timer", *sources),
            "check": ("check",),
            "read-data": ("check", "--read-data"),
            "restore": ("restore", "latest", "--verify", "--target", back),
        }
        return [name for name, argv in commands.items() if not repo.said(*argv).well]
    finally:
        shutil.rmtree(aside)


@contextmanager
def _world(engine: str, seed: int) -> Iterator[tuple[Guarded, Kept]]:
    """Give a site that was well for some days."""
    with _cheap() as folder:
        world = Guarded(folder / "w", engine, seed)
        for alarms in days(world, _DAYS):
            if alarms:
                raise RuntimeError(f"nothing was wrong, and it said {alarms[0]}")
        yield world, world.keep()


def _buckets(seeds: range) -> Iterator[Row]:
    """Do to buckets what is done to buckets."""
    with _cheap() as folder, server() as at:
        for number, one in enumerate(DEEDS):
            found, layers = 0, set[str]()
            for seed in seeds:
                base = folder / f"{number}-{seed}"
                alarms, before = bucket_played(base, at, seed, one)
                found += bool(alarms) and not before
                layers |= {alarm.layer for alarm in alarms}
            note, whole = ", ".join(sorted(layers)), len(seeds)
            work, unit = f"bucket: {one.name}", f"of {whole}"
            yield Row(work, found, unit, whole, least=True, note=note)


def _clean(seeds: range) -> Iterator[Row]:
    """Live through the histories: with archives, and with the last seed by restic."""
    false, whole = list[str](), 0
    for seed in seeds:
        last = seed == seeds[-1] and shutil.which("restic") is not None
        engine = "restic" if last else "archive"
        for one in CLEAN:
            with _cheap() as folder:
                whole += 1
                if alarms := lived(folder / "w", engine, seed, one):
                    false.append(f"{engine} {seed}, {one.name}: {alarms[0].code}")
    work = "histories in which nothing is wrong: false alarms"
    yield Row(work, len(false), f"of {whole}", 0, note="; ".join(false[:3]))


@contextmanager
def _cheap() -> Iterator[Path]:
    """Give a folder, in which guessing passwords costs nothing."""
    with (
        patch.dict(_archive_seal._COST, n=16),  # noqa: SLF001  (for whoever looks)
        tempfile.TemporaryDirectory(prefix="reconciler-sabotage-") as folder,
    ):
        yield Path(folder)
