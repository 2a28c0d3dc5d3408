"""What goes wrong with backups is found, and what only looks so alarms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from reconciler.providers import _archive_seal
from tests.support.clean_histories import CLEAN, Clean, lived
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


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    """Guessing passwords is cheap in here."""
    with patch.dict(_archive_seal._COST, n=16):
        yield


@contextmanager
def well(base: Path, engine: str) -> Iterator[tuple[Guarded, Kept]]:
    """A site that was well for three days."""
    world = Guarded(base / "w", engine, 1)
    assert [alarm for alarms in days(world, 3) for alarm in alarms] == []
    yield world, world.keep()


@pytest.fixture(scope="module")
def archived(cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with well(tmp_path_factory.mktemp("archive"), "archive") as made:
        yield made


@pytest.fixture(scope="module")
def by_restic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with well(tmp_path_factory.mktemp("restic"), "restic") as made:
        yield made


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


@pytest.mark.parametrize("one", [c for c in CLEAN if c.name in LIVED], ids=named)
def test_nobody_is_alarmed(one: Clean, tmp_path: Path) -> None:
    assert lived(tmp_path / "w", "archive", 1, one) == []


def test_there_are_enough_of_both() -> None:
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES) >= 20
    assert len({one.name for one in CLEAN}) == len(CLEAN) >= 20
