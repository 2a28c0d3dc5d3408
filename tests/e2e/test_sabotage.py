"""What goes wrong with backups is found, and what only looks so alarms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.cheap import cheap
from tests.support.clean_histories import CLEAN, Clean, lived
from tests.support.drill_servers import yard
from tests.support.dumped import DUMPS, Served
from tests.support.guarded import Guarded, Kept, days
from tests.support.sabotage import SABOTAGES, Sabotage, played

#: Those whose histories differ most; ``make bench`` lives through all of them.
LIVED = (
    "big uploads",
    "the site was restored from a copy",
    "the database grows, and is vacuumed",
    "odd names, links, empty files",
    "old snapshots are pruned",
)
#: What the two engines see by other means.
BY_RESTIC = (
    "a bit of the data flips",
    "a bit of a key flips",
    "data is deleted",
    "all is forgotten",
    "a snapshot of another host",
)
#: Of dumps, what is found by other means; ``make bench`` does all to both servers.
OF_DUMPS = (
    "an error instead of a dump",
    "the dump is cut after a statement",
    "the dump is cut within a statement",
    "the rows of a table are left out",
    "another database is dumped",
)


@contextmanager
def well(engine: str) -> Iterator[tuple[Guarded, Kept]]:
    """A site that was well for three days."""
    with cheap() as folder:
        yield lived_well(Guarded(folder / "w", engine, 1))


def lived_well(world: Guarded) -> tuple[Guarded, Kept]:
    assert [alarm for alarms in days(world, 3) for alarm in alarms] == []
    return world, world.keep()


@pytest.fixture(scope="module")
def archived() -> Iterator[tuple[Guarded, Kept]]:
    with well("archive") as made:
        yield made


@pytest.fixture(scope="module")
def by_restic() -> Iterator[tuple[Guarded, Kept]]:
    with well("restic") as made:
        yield made


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Guarded, Kept]]:
    with cheap() as folder, yard("mysql") as made:
        yield lived_well(Served(folder / "w", "archive", 1, made))


def named(one: Sabotage | Clean) -> str:
    return one.name


@pytest.mark.parametrize(
    "one", [s for s in SABOTAGES if "archive" in s.engines], ids=named
)
def test_it_is_found(one: Sabotage, archived: tuple[Guarded, Kept]) -> None:
    found = played(*archived, one)
    assert found.alarms, found.others


@pytest.mark.parametrize(
    "one", [s for s in SABOTAGES if s.name in BY_RESTIC], ids=named
)
def test_it_is_found_by_restic(one: Sabotage, by_restic: tuple[Guarded, Kept]) -> None:
    found = played(*by_restic, one)
    assert found.alarms, found.others


@pytest.mark.parametrize("one", [s for s in DUMPS if s.name in OF_DUMPS], ids=named)
def test_it_is_found_in_dumps(one: Sabotage, served: tuple[Guarded, Kept]) -> None:
    found = played(*served, one)
    assert found.alarms, found.others


@pytest.mark.parametrize("one", [c for c in CLEAN if c.name in LIVED], ids=named)
def test_nobody_is_alarmed(one: Clean) -> None:
    with cheap() as folder:
        assert lived(folder / "w", "archive", 1, one) == []


def test_there_are_enough_of_both() -> None:
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES) >= 20
    assert len({one.name for one in CLEAN}) == len(CLEAN) >= 20
    assert len({one.name for one in DUMPS}) == len(DUMPS)
    assert {one.name for one in DUMPS} >= set(OF_DUMPS)
