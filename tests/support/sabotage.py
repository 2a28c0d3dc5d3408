"""
What goes wrong with backups, each of it done for real, and which layers may find it.

The deeds are those of people, disks and attackers, by their own means: files of a site
are changed on the disk, bits of a repository flipped, snapshots forgotten by the real
restic with the real password. Nothing knows who will look, nor how.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tests.support.guarded import (
    Alarm,
    Guarded,
    Kept,
    files,
    picture,
    usual,
    words,
    write,
)
from tests.support.vandals import Vandal, vandal

BOTH = ("restic", "archive")
DRILL = frozenset({"drill"})
TAMPER = frozenset({"tamper"})
REFUSED = frozenset({"refused"})


class Sabotage(NamedTuple):
    """
    One thing that goes wrong.

    Attributes:
        name: What happened, in a few words.
        deed: Does it.
        layers: Which layers are to find it: one of them is enough, none other counts.
        engines: Which engines it can happen to.
        lives: The site goes on as usual.
        days: So many days later at last it has to be known.
    """

    name: str
    deed: Callable[[Guarded], None]
    layers: frozenset[str]
    engines: tuple[str, ...] = BOTH
    lives: bool = False
    days: int = 2


class Found(NamedTuple):
    """
    What came of it.

    Attributes:
        alarms: What told of it, by a layer that had to; none: it was not found.
        after: How long it took.
        others: What else somebody was told.
    """

    alarms: tuple[Alarm, ...]
    after: timedelta
    others: tuple[Alarm, ...] = ()


def played(
    world: Guarded,
    kept: Kept,
    one: Sabotage,
    beside: Callable[[Guarded], None] = lambda _: None,
) -> Found:
    """
    Do it to *world* as it was *kept*; live on until somebody is told of it.

    *beside* looks at what was done, and changes nothing.
    """
    world.back(kept, one.name)
    world.later(hours=6)
    one.deed(world)
    beside(world)
    began, others = world.now, list[Alarm]()
    for day in range(one.days + 1):
        world.later(minutes=30)
        if day and one.lives:
            usual(world)
        alarms = world.day() if day else world.alarms(world.apply())
        found = tuple(each for each in alarms if each.layer in one.layers)
        others += [each for each in alarms if each.layer not in one.layers]
        if found:
            return Found(found, world.now - began, tuple(others))
    return Found((), world.now - began, tuple(others))


# -- the site --------------------------------------------------------------------------


def wiped(world: Guarded) -> None:
    for path in [*files(_web(world)), *files(world.home / "mail")]:
        path.unlink()


def path_missing(world: Guarded) -> None:
    shutil.rmtree(world.home / world.draw.choice(["public_html", "mail"]))


def database_missing(world: Guarded) -> None:
    _database(world).unlink()


def database_damaged(world: Guarded) -> None:
    body = bytearray(_database(world).read_bytes())
    middle = len(body) // 2 // 4096 * 4096
    body[middle : middle + 4096] = world.draw.randbytes(4096)
    _database(world).write_bytes(body)


def database_cut(world: Guarded) -> None:
    with _database(world).open("r+b") as file:
        file.truncate(world.draw.randint(2, 3) * 4096)


def database_empty(world: Guarded) -> None:
    _sql(world, "delete from orders")


def database_schema(world: Guarded) -> None:
    _sql(world, "drop table orders")


def database_half(world: Guarded) -> None:
    _sql(world, "delete from orders where id % 3 > 0")


def database_of_another(world: Guarded) -> None:
    _database(world).unlink()
    with closing(sqlite3.connect(_database(world))) as there:
        there.execute("create table guests (id integer primary key, at text)")
        rows = [(world.now.isoformat(),)] * 400
        there.executemany("insert into guests (at) values (?)", rows)
        there.commit()


def database_old(world: Guarded) -> None:
    days = world.draw.randint(5, 20)
    with closing(sqlite3.connect(_database(world))) as there:
        rows = list(there.execute("select id, at from orders"))
        for number, at in rows:
            old = f"{at[:8]}01T00:00:00+00:00" if days > 10 else "2024-01-20T08:00:00Z"
            there.execute("update orders set at = ? where id = ?", (old, number))
        there.commit()


def encrypted(world: Guarded) -> None:
    for path in files(world.home):
        if path.suffix != ".sqlite":
            path.write_bytes(world.draw.randbytes(max(path.stat().st_size, 64)))


def encrypted_and_renamed(world: Guarded) -> None:
    encrypted(world)
    for path in files(world.home):
        if path.suffix != ".sqlite":
            path.rename(path.with_name(f"{path.name}.locked"))


def zeroed(world: Guarded) -> None:
    for path in files(world.home):
        if path.suffix != ".sqlite":
            path.write_bytes(bytes(path.stat().st_size))


def uploads_lost(world: Guarded) -> None:
    found = files(_web(world) / "uploads")
    for path in found[: len(found) - world.draw.randint(0, 2)]:
        path.unlink()


def uploads_left_out(world: Guarded) -> None:
    sources = world.policy["sources"]
    whole = {**sources["files"], "exclude": ["public_html/uploads/**"]}
    world.policy = {**world.policy, "sources": {**sources, "files": whole}}
    world.declare("backups are to be smaller")


def site_of_another(world: Guarded) -> None:
    wiped(world)
    write(_web(world) / "index.php", "<?php // Joomla\n")
    for number in range(20):
        write(_web(world) / f"article-{number}.html", words(world.draw, 50))
        picture(_web(world) / "uploads" / f"cat-{number}.jpg", world.draw)
    write(world.home / "mail" / "hello.txt", "hello")


# -- what is kept ----------------------------------------------------------------------


def bit_in_data(world: Guarded) -> None:
    hand = _some(world)
    hand.flip(world.draw.choice(hand.packs()))


def bit_in_index(world: Guarded) -> None:
    hand = _some(world)
    hand.flip(world.draw.choice(hand.indexes()))


def bit_in_listing(world: Guarded) -> None:
    hand = _some(world)
    hand.flip(world.draw.choice(hand.listings()))


def bit_in_key(world: Guarded) -> None:
    hand = _some(world)
    hand.flip(world.draw.choice(hand.keys()))


def bit_in_config(world: Guarded) -> None:
    hand = _some(world)
    hand.flip(hand.config)


def data_deleted(world: Guarded) -> None:
    hand = _some(world)
    world.draw.choice(hand.packs()).unlink()


def data_cut(world: Guarded) -> None:
    hand = _some(world)
    path = world.draw.choice(hand.packs())
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[: world.draw.randrange(len(whole))])


def data_swapped(world: Guarded) -> None:
    """Two objects have each other's content: a disk's table is wrong."""
    hand = _some(world)
    one, other = world.draw.sample(hand.packs(), 2)
    bodies = one.read_bytes(), other.read_bytes()
    for path, body in zip((other, one), bodies, strict=True):
        path.chmod(0o600)
        path.write_bytes(body)


def index_deleted(world: Guarded) -> None:
    hand = _some(world)
    for path in hand.indexes():
        path.unlink()


def all_forgotten(world: Guarded) -> None:
    hand = _some(world)
    hand.forget(hand.ids())


def history_cut(world: Guarded) -> None:
    """One fresh snapshot of each source is left."""
    hand = _some(world)
    hand.forget(set(hand.ids()) - set(hand.newest()))


def newest_forgotten(world: Guarded) -> None:
    hand = _some(world)
    hand.forget(hand.newest())


def one_forgotten(world: Guarded) -> None:
    hand = _some(world)
    hand.forget([world.draw.choice(hand.ids())])


def foreign(world: Guarded) -> None:
    """Somebody with the password adds under our tag, by another host."""
    vandal(world, "near").add("files", host="web-7", at=world.now)


def dated_ahead(world: Guarded) -> None:
    """What is dated in a month pushes out of the policy what is proven."""
    ahead = world.now + timedelta(days=world.draw.randint(2, 40))
    vandal(world, "near").add("files", host="", at=ahead)


def replaced(world: Guarded) -> None:
    """Another repository is in its place, which the same password opens."""
    hand = _some(world)
    shutil.rmtree(hand.folder)
    hand.anew()


def rolled_back(world: Guarded) -> None:
    """What is there is what was there the day before: an old disk was put in."""
    hand = _some(world)
    hand.forget(hand.newest())
    for path in [*hand.folder.rglob("*")]:
        with suppress(OSError):
            path.touch()


def gone(world: Guarded) -> None:
    shutil.rmtree(_some(world).folder)


def escrow_lost(world: Guarded) -> None:
    """In the safe there is another key than the one that opens it."""
    world.secrets["ESCROW"] = "a key of something else"
    world.secrets["FAR_ESCROW"] = "a key of something else"


def password_changed(world: Guarded) -> None:
    world.harmed = world.draw.choice(["near", "far"])
    world.secrets[world.harmed.upper()] = "it was changed, and nobody said so"


def _some(world: Guarded) -> Vandal:
    """Return hands on one of the two copies."""
    world.harmed = world.draw.choice(["near", "far"])
    return vandal(world, world.harmed)


def _web(world: Guarded) -> Path:
    return world.home / "public_html"


def _database(world: Guarded) -> Path:
    return world.home / "shop.sqlite"


def _sql(world: Guarded, text: str) -> None:
    with closing(sqlite3.connect(_database(world))) as there:
        there.execute(text)
        there.commit()


_READ = frozenset({"drill", "check", "tamper", "refused", "unreadable"})
SABOTAGES = (
    Sabotage("the source is wiped", wiped, REFUSED),
    Sabotage("one of two paths is gone", path_missing, REFUSED),
    Sabotage("the database is gone", database_missing, REFUSED),
    Sabotage("the database is damaged", database_damaged, REFUSED | DRILL),
    Sabotage("the database is cut short", database_cut, REFUSED | DRILL),
    Sabotage("the database is empty", database_empty, DRILL | {"anomaly"}),
    Sabotage("a table is dropped", database_schema, DRILL | {"anomaly"}),
    Sabotage("two of three rows are gone", database_half, DRILL | {"anomaly"}),
    Sabotage("the database of another shop", database_of_another, DRILL),
    Sabotage("an old database is put in", database_old, DRILL),
    Sabotage("files are encrypted in place", encrypted, DRILL | {"anomaly"}),
    Sabotage("encrypted and renamed", encrypted_and_renamed, DRILL | {"anomaly"}),
    Sabotage("files are full of zeros", zeroed, DRILL | {"anomaly"}),
    Sabotage("uploads are lost", uploads_lost, DRILL | {"anomaly"}),
    Sabotage("uploads are left out by mistake", uploads_left_out, DRILL | {"anomaly"}),
    Sabotage("the site of somebody else", site_of_another, DRILL | {"anomaly"}),
    Sabotage("a bit of the data flips", bit_in_data, _READ, lives=True, days=4),
    Sabotage("a bit of an index flips", bit_in_index, _READ, lives=True, days=4),
    Sabotage("a bit of a listing flips", bit_in_listing, _READ, lives=True, days=4),
    Sabotage("a bit of a key flips", bit_in_key, _READ, lives=True, days=4),
    Sabotage("a bit of the config flips", bit_in_config, _READ, lives=True, days=4),
    Sabotage("data is deleted", data_deleted, _READ, lives=True, days=4),
    Sabotage("data is cut short", data_cut, _READ, lives=True, days=4),
    Sabotage("two objects are swapped", data_swapped, _READ, lives=True, days=4),
    Sabotage("the index is deleted", index_deleted, _READ, lives=True, days=4),
    Sabotage("all is forgotten", all_forgotten, TAMPER, lives=True),
    Sabotage("the history is cut", history_cut, TAMPER, lives=True),
    Sabotage("the newest is forgotten", newest_forgotten, TAMPER, lives=True),
    Sabotage("one of many is forgotten", one_forgotten, TAMPER, lives=True),
    Sabotage("a snapshot of another host", foreign, TAMPER, ("restic",), lives=True),
    Sabotage("a snapshot dated ahead", dated_ahead, TAMPER, lives=True),
    Sabotage("another repository in its place", replaced, TAMPER, lives=True),
    Sabotage("an old copy in its place", rolled_back, TAMPER, lives=True),
    Sabotage(
        "the repository is gone", gone, frozenset({"listing", "unreadable"}), lives=True
    ),
    Sabotage("the escrow key is lost", escrow_lost, DRILL, lives=True, days=4),
    Sabotage(
        "the password was changed",
        password_changed,
        DRILL | {"unreadable"},
        lives=True,
        days=4,
    ),
)
