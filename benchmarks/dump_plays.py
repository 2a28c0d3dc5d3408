"""How what may go wrong with dumps is played: with a server that is dumped for real."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.matrix import Group, Played, tried
from benchmarks.sabotage_plays import seen
from tests.support.cheap import cheap
from tests.support.clean_histories import Clean, lived_in
from tests.support.drill_servers import Yard, yard
from tests.support.dumped import CLEAN_DUMPS, DUMPS, PROGRAMS, Served
from tests.support.guarded import Guarded, Kept, days
from tests.support.sabotage import Sabotage, played

_DAYS = 3


def groups(seeds: range, *, restic: bool) -> list[Group]:
    """Return all that is played: both servers, and both engines."""
    engines = ("restic", "archive") if restic else ("archive",)
    names = tuple(one.name for one in DUMPS)
    well = tuple(one.name for one in CLEAN_DUMPS)
    found = [
        Group(
            f"{engine}, {flavour}", partial(_dumps, engine, flavour), names,
            tuple(seeds), "tests.support.dumped", __name__, restic=engine == "restic",
        )
        for engine in engines
        for flavour in PROGRAMS
    ]  # fmt: skip
    return [
        *found,
        *(
            Group(
                f"clean {flavour}", partial(_clean, flavour), well,
                tuple(seeds), "tests.support.dumped", __name__,
            )
            for flavour in PROGRAMS
        ),
    ]  # fmt: skip


def _dumps(
    engine: str, flavour: str, seed: int, names: Collection[str]
) -> Iterator[Played]:
    group = f"{engine}, {flavour}"
    with _world(engine, flavour, seed) as (world, kept):
        for one in DUMPS:
            if one.name in names:
                play = partial(_play, group, world, kept, one)
                yield tried(group, seed, one.name, play)


def _play(group: str, world: Served, kept: Kept, one: Sabotage) -> Played | str:
    others = list[str]()

    def beside(_: Guarded) -> None:
        if world.engine == "restic":
            others.extend(_seen(world))

    found = played(world, kept, one, beside)
    if not found.alarms:
        return f"nobody found it; {[(o.layer, o.message) for o in found.others]}"
    layers = tuple(sorted({alarm.layer for alarm in found.alarms}))
    hours = found.after.total_seconds() / 3600
    return Played(group, world.seed, one.name, layers, hours, tuple(others))


def _seen(world: Served) -> list[str]:
    """Return which of restic's commands fail: a timer's script dumps before them."""
    dump = world.base / "timer.sql"
    well = world.by_a_timer(dump)
    sources = [world.home / "public_html", world.home / "mail", dump]
    found = seen(world, [str(one) for one in sources])
    dump.unlink()
    return found if well or "backup" in found else ["backup", *found]


@contextmanager
def _world(engine: str, flavour: str, seed: int) -> Iterator[tuple[Served, Kept]]:
    """Give a site that was well for some days."""
    with cheap() as folder, yard(flavour) as made:
        world = Served(folder / "w", engine, seed, made)
        for alarms in days(world, _DAYS):
            if alarms:
                raise RuntimeError(f"nothing was wrong, and it said {alarms[0]}")
        yield world, world.keep()


def _clean(flavour: str, seed: int, names: Collection[str]) -> Iterator[Played]:
    """Live through what happens to databases, with archives."""
    with cheap() as folder, yard(flavour) as made:
        for number, one in enumerate(CLEAN_DUMPS):
            if one.name in names:
                base = folder / f"{number}"
                play = partial(_lived, base, made, seed, one)
                yield tried(f"clean {flavour}", seed, one.name, play)


def _lived(base: Path, made: Yard, seed: int, one: Clean) -> Played | str:
    world = Served(base, "archive", seed, made)
    if alarms := lived_in(world, one):
        return str(alarms[0])
    return Played(f"clean {made.flavour}", seed, one.name)
