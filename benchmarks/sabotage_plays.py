"""How each of them is played: sabotages, buckets, and histories that are well."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.matrix import Group, Played, tried
from tests.support.bucketed import DEEDS, Deed, Server, bucket_played, server
from tests.support.cheap import cheap
from tests.support.clean_histories import CLEAN, Clean, lived
from tests.support.guarded import Guarded, Kept, days
from tests.support.restics import ResticPlace
from tests.support.sabotage import SABOTAGES, Sabotage, played
from tests.support.vandals import ResticHands

#: Restic's own commands, in the order in which they look.
OTHERS = ("backup", "check", "read-data", "restore")
_DAYS = 3
_SOURCES = ("public_html", "mail", "shop.sqlite")


def groups(seeds: range, *, restic: bool) -> list[Group]:
    """Return all that is played, what takes longest first."""
    every, last = tuple(seeds), (seeds[-1],)
    early = every[:-1] if restic else every
    by_restic = [
        Group(
            "restic", partial(_sabotages, "restic"), _names("restic"), every,
            "tests.support.sabotage", __name__, restic=True,
        ),
        Group(
            "clean restic", partial(_clean, "restic"), _CLEAN, last,
            "tests.support.clean_histories", __name__, restic=True, together=4,
        ),
    ]  # fmt: skip
    return [
        *(by_restic if restic else ()),
        Group(
            "clean archive", partial(_clean, "archive"), _CLEAN, early,
            "tests.support.clean_histories", __name__, together=11,
        ),
        Group(
            "archive", partial(_sabotages, "archive"), _names("archive"), every,
            "tests.support.sabotage", __name__,
        ),
        Group(
            "bucket", _buckets, tuple(one.name for one in DEEDS), every,
            "tests.support.bucketed", __name__,
        ),
    ]  # fmt: skip


_CLEAN = tuple(one.name for one in CLEAN)


def _names(engine: str) -> tuple[str, ...]:
    return tuple(one.name for one in SABOTAGES if engine in one.engines)


def _sabotages(engine: str, seed: int, names: Collection[str]) -> Iterator[Played]:
    with _world(engine, seed) as (world, kept):
        for one in SABOTAGES:
            if one.name in names:
                play = partial(_play, world, kept, one)
                yield tried(engine, seed, one.name, play)


def _play(world: Guarded, kept: Kept, one: Sabotage) -> Played | str:
    others = list[str]()

    def beside(there: Guarded) -> None:
        if there.engine == "restic":
            sources = [str(there.home / name) for name in _SOURCES]
            others.extend(seen(there, sources))

    found = played(world, kept, one, beside)
    if not found.alarms:
        return f"nobody found it; {[(o.layer, o.message) for o in found.others]}"
    layers = tuple(sorted({alarm.layer for alarm in found.alarms}))
    hours = found.after.total_seconds() / 3600
    return Played(world.engine, world.seed, one.name, layers, hours, tuple(others))


def seen(world: Guarded, sources: Sequence[str]) -> list[str]:
    """Return which of restic's own commands end with anything but 0."""
    aside = world.base / "aside"
    aside.mkdir()
    try:
        found = world.base / world.harmed
        if not found.is_dir():
            return list(OTHERS)
        shutil.copytree(found, aside / "r")
        hands = ResticHands(world, world.harmed)
        secrets = {**hands.passwords, "password": world.secrets[world.harmed.upper()]}
        repo = ResticPlace(aside / "r", secrets=secrets, escrow=None).repo
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
    with cheap() as folder:
        world = Guarded(folder / "w", engine, seed)
        for alarms in days(world, _DAYS):
            if alarms:
                raise RuntimeError(f"nothing was wrong, and it said {alarms[0]}")
        yield world, world.keep()


def _buckets(seed: int, names: Collection[str]) -> Iterator[Played]:
    """Do to buckets what is done to buckets."""
    with cheap() as folder, server() as at:
        for number, one in enumerate(DEEDS):
            if one.name in names:
                base = folder / f"{number}"
                play = partial(_bucket, base, at, seed, one)
                yield tried("bucket", seed, one.name, play)


def _bucket(base: Path, at: Server, seed: int, one: Deed) -> Played | str:
    alarms, before = bucket_played(base, at, seed, one)
    if before:
        return f"before anything was wrong: {before[0]}"
    layers = tuple(sorted({alarm.layer for alarm in alarms}))
    return Played("bucket", seed, one.name, layers) if layers else ""


def _clean(engine: str, seed: int, names: Collection[str]) -> Iterator[Played]:
    """Live through the histories."""
    for one in CLEAN:
        if one.name in names:
            yield tried(
                f"clean {engine}", seed, one.name, partial(_lived, engine, seed, one)
            )


def _lived(engine: str, seed: int, one: Clean) -> Played | str:
    with cheap() as folder:
        if alarms := lived(folder / "w", engine, seed, one):
            return str(alarms[0])
    return Played(f"clean {engine}", seed, one.name)
