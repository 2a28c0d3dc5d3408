"""Histories in which nothing goes wrong, however strange they look: nobody is alarmed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.guarded import (
    POLICY,
    START,
    Alarm,
    Guarded,
    files,
    order,
    picture,
    usual,
    words,
    write,
)

Step = Callable[[Guarded, int], None]
_FEW = {
    "daily": 2, "weekly": 0, "monthly": 0, "within": "1d", "least": 2,
}  # fmt: skip


class Clean(NamedTuple):
    """
    One history.

    Attributes:
        step: What happens on each day, which has a number.
        start: When it begins.
        policy: What its policy says otherwise.
        days: How long it lasts.
        also: Verbs that a person approves.
    """

    name: str
    step: Step
    start: datetime = START
    policy: Mapping[str, Any] = {}
    days: int = 5
    also: tuple[str, ...] = ()


def lived(base: Path, engine: str, seed: int, one: Clean) -> list[Alarm]:
    """Live through a history; return all that anybody was told."""
    return lived_in(Guarded(base, engine, seed, dict(one.policy), one.start), one)


def lived_in(world: Guarded, one: Clean) -> list[Alarm]:
    """Do so in a site that is there."""
    found = []
    for number in range(one.days):
        world.later(hours=7)
        one.step(world, number)
        found += world.day(*one.also)
    return found


def _quiet(world: Guarded, _: int) -> None:
    order(world, 1)


def _usual(world: Guarded, _: int) -> None:
    usual(world)


def _growth(world: Guarded, number: int) -> None:
    usual(world)
    for extra in range(8 * (number + 1)):
        write(_web(world) / f"new-{number}-{extra}.html", words(world.draw, 90))


def _uploads(world: Guarded, number: int) -> None:
    usual(world)
    if number == 2:
        for extra in range(60):
            picture(_web(world) / "uploads" / f"holiday-{extra}.jpg", world.draw)


def _edits(world: Guarded, _: int) -> None:
    order(world, 3)
    found = [one for one in files(_web(world)) if one.name.startswith("page-")]
    for path in world.draw.sample(found, len(found) * 2 // 3):
        write(path, words(world.draw, world.draw.randint(40, 80)))


def _clean_up(world: Guarded, _: int) -> None:
    usual(world)
    found = sorted((world.home / "mail").iterdir())
    for path in world.draw.sample(found, min(2, len(found) - 1)):
        path.unlink()


def _moved(world: Guarded, number: int) -> None:
    usual(world)
    if number == 2:
        there = _web(world) / "old"
        there.mkdir()
        for path in sorted(_web(world).glob("page-0[0-4].html")):
            path.rename(there / path.name)


def _restored(world: Guarded, number: int) -> None:
    """The site was brought back from a copy: no file is the one that it was."""
    usual(world)
    if number in {1, 3}:
        aside = world.home.with_name("aside")
        shutil.copytree(world.home, aside)
        shutil.rmtree(world.home)
        aside.rename(world.home)


def _vacuumed(world: Guarded, number: int) -> None:
    usual(world)
    order(world, 150)
    if number % 2:
        with closing(sqlite3.connect(world.home / "shop.sqlite")) as there:
            there.execute("vacuum")


def _rows_go(world: Guarded, _: int) -> None:
    with closing(sqlite3.connect(world.home / "shop.sqlite")) as there:
        there.execute("delete from orders where id in (select min(id) from orders)")
        there.execute(
            "delete from orders where id in (select id from orders order by id limit 9)"
        )
        there.commit()
    order(world, 2)


def _late(world: Guarded, _: int) -> None:
    """The machine that runs it was switched off in the night, for an hour."""
    usual(world)
    world.later(hours=16)
    world.now = world.now.replace(hour=3 + world.draw.randint(0, 1), minute=40)


def _names(world: Guarded, number: int) -> None:
    usual(world)
    odd = [b"\xe9t\xe9.txt", "größe 10 %, new.txt".encode(), b"-rf", b"a'b\"c.txt"]
    for name in odd:
        (Path(os.fsdecode(bytes(_web(world)) + b"/" + name))).write_text(f"{number}\n")
    write(_web(world) / "empty.css", "")
    link = _web(world) / "current"
    link.unlink(missing_ok=True)
    link.symlink_to("uploads")


def _often(world: Guarded, _: int) -> None:
    usual(world)
    for _again in range(2):
        world.later(hours=1)
        world.apply()


def _one_more_path(world: Guarded, number: int) -> None:
    usual(world)
    if number == 2:
        (world.home / "etc").mkdir()
        for extra in range(6):
            write(world.home / "etc" / f"{extra}.conf", words(world.draw, 20))
        sources = world.policy["sources"]
        paths = [*sources["files"]["paths"], "etc"]
        whole = {**sources["files"], "paths": paths}
        world.policy = {**world.policy, "sources": {**sources, "files": whole}}
        world.declare("etc is backed up too")


def _pictures(world: Guarded, number: int) -> None:
    order(world, 2)
    for extra in range(12):
        path = _web(world) / "uploads" / f"p-{number}-{extra}.jpg"
        picture(path, world.draw)


def _sensible(world: Guarded, number: int) -> None:
    """The largest files go, and few of them: the site is a quarter smaller."""
    usual(world)
    if number == 2:
        for path in sorted((_web(world) / "uploads").iterdir())[:2]:
            path.unlink()


def _web(world: Guarded) -> Path:
    return world.home / "public_html"


def _night(zone: str) -> dict[str, Any]:
    return {"schedule": {"cron": "30 2 * * *", "timeZone": zone}}


def _drills(**more: Any) -> dict[str, Any]:
    return {"drills": {**POLICY["drills"], **more}}


def _at(*day: int) -> datetime:
    return datetime(*day, 3, 0, tzinfo=UTC)  # type: ignore[arg-type]


CLEAN = (
    Clean("usual days", _usual),
    Clean("hardly anything happens", _quiet),
    Clean("the site grows fast", _growth),
    Clean("big uploads", _uploads),
    Clean("most pages are edited daily", _edits),
    Clean("mail is cleaned up", _clean_up),
    Clean("pages are moved", _moved),
    Clean("the site was restored from a copy", _restored),
    Clean("the database grows, and is vacuumed", _vacuumed),
    Clean("old rows are deleted", _rows_go),
    Clean("runs are late", _late),
    Clean("odd names, links, empty files", _names),
    Clean("runs are many", _often),
    Clean("one more path", _one_more_path),
    Clean("a site of photographs", _pictures),
    Clean("a few large files go", _sensible),
    Clean("the end of February in a leap year", _usual, _at(2024, 2, 27)),
    Clean("the end of a year", _usual, _at(2023, 12, 29)),
    Clean(
        "clocks go forward",
        _usual,
        _at(2024, 3, 29),
        _night("Europe/Amsterdam"),
    ),
    Clean(
        "clocks go back", _usual, _at(2024, 10, 25), _night("Europe/Amsterdam")
    ),
    Clean(
        "old snapshots are pruned",
        _usual,
        policy={"keep": _FEW, "prune": {"most": "60%"}},
        days=6,
        also=("prune",),
    ),
    Clean(
        "a drill of a sample alone",
        _usual,
        policy=_drills(full=None, sample={"every": "1d", "files": 9}),
    ),
)  # fmt: skip
