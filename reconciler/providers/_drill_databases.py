"""Databases that came back: loaded into a server that is thrown away, and asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from reconciler.model.backing import Source
from reconciler.providers import _drill_mariadb, _drill_postgres
from reconciler.providers._drill_cage import Cage, Deadline
from reconciler.providers._drill_looks import Look, Moment, asked, valued
from reconciler.providers._drill_port import DUMPS
from reconciler.providers._drill_scratch import Scratch
from reconciler.providers._drill_sqlite import Sqlite
from reconciler.providers._dump import hollow, whole_mysql, whole_postgres


class Server(Protocol):
    """A server that is thrown away."""

    @property
    def engine(self) -> str:
        """Its name and version."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the last dump had that was left out, or read otherwise: never data."""

    def load(self, dump: Path) -> str:
        """Load *dump*; return what was wrong. Raises Unfit where it cannot be told."""

    def ask(self, query: str) -> tuple[str, str]:
        """Return the one value of *query*, or what was wrong."""

    def close(self) -> None:
        """End it."""


class Flavour(NamedTuple):
    """What differs between the two: how a server is made, and what it is asked."""

    start: Callable[[Cage], Server]
    complete: Callable[[Path], bool]
    tables: str


FLAVOURS: Final[Mapping[str, Flavour]] = {
    "postgres": Flavour(
        _drill_postgres.Postgres,
        whole_postgres,
        "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN "
        "('pg_catalog', 'information_schema')",
    ),
    "mysql": Flavour(
        _drill_mariadb.MariaDb,
        whole_mysql,
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_schema = database()",
    ),
}


class Loaded(NamedTuple):
    """What was seen of one database, and what did the work."""

    looks: list[Look]
    engine: str = ""


class Bench(NamedTuple):
    """Where databases are loaded, until when, and what was seen the last time."""

    scratch: Scratch
    most: int
    deadline: Deadline
    sleep: Callable[[float], None]
    before: Mapping[str, float]
    moment: Moment


def loaded(name: str, source: Source, folder: Path, bench: Bench) -> Loaded:
    """Load the dump of *source* that is in *folder*, and judge what is in it."""
    dump = folder / DUMPS[source.type]
    there = dump.is_file() and not dump.is_symlink()
    if not there or dump.stat().st_size == 0:
        said = "empty" if there else "not there"
        return Loaded([Look(f"{name}/dump", "a dump", said, ok=False)])
    if source.type == "sqlite":
        return _sqlite(name, source, dump, bench)
    flavour = FLAVOURS[source.type]
    if not flavour.complete(dump):
        said = "it ends before its last line"
        return Loaded([Look(f"{name}/complete", "a whole dump", said, ok=False)])
    if hollow(dump):
        said = "there are zeros in it"
        return Loaded([Look(f"{name}/text", "a dump is text", said, ok=False)])
    room = bench.scratch.room(f"db-{name}")
    cage = Cage(room, max(bench.most, 1), bench.deadline, bench.sleep)
    with closing(flavour.start(cage)) as server:
        return examined(name, source, dump, server, bench)


def packed(name: str, source: Source, found: Iterable[Path], bench: Bench) -> Loaded:
    """
    Load the dump of *source* that a panel packed, and judge it.

    *found* is what the panel says is a dump of it: an old export among the customer's
    own files may have the same name, and proves nothing.
    """
    wanted = f"{source.database}.sql"
    dumps = [one for one in found if one.is_file() and not one.is_symlink()]
    if len(dumps) != 1:
        look = Look(f"{name}/dump", f"one {wanted}", f"{len(dumps)} of them", ok=False)
        return Loaded([look])
    room = bench.scratch.room(f"dump-{name}")
    os.link(dumps[0], room / DUMPS["mysql"])
    as_dump = source.model_copy(update={"type": "mysql"})
    return loaded(name, as_dump, room, bench)


def examined(
    name: str, source: Source, dump: Path, server: Server, bench: Bench
) -> Loaded:
    """Load *dump* into *server*, which has nothing yet, and judge what is in it."""
    if wrong := server.load(dump):
        looks = [Look(f"{name}/import", "loads without an error", wrong, ok=False)]
        return Loaded(looks, server.engine)
    looks = [Look(f"{name}/import", "loads without an error", "loaded", ok=True)]
    if server.notes:
        said = "; ".join(server.notes)
        looks.append(Look(f"{name}/words", "all of its data is loaded", said, ok=True))
    tables, _ = server.ask(FLAVOURS[source.type].tables)
    some = tables.isdecimal() and int(tables) > 0
    looks.append(Look(f"{name}/tables", "at least 1", tables or "none", ok=some))
    looks += _expected(name, source, server.ask, bench)
    return Loaded(looks, server.engine)


def _sqlite(name: str, source: Source, file: Path, bench: Bench) -> Loaded:
    database = Sqlite(file, bench.deadline)
    wrong = database.whole()
    look = Look(f"{name}/integrity", "whole", wrong or "whole", ok=not wrong)
    looks = [look] if wrong else [look, *_expected(name, source, database.ask, bench)]
    return Loaded(looks, database.engine)


def _expected(
    name: str, source: Source, ask: Callable[[str], tuple[str, str]], bench: Bench
) -> list[Look]:
    looks = []
    for expect in source.expect:
        if expect.sql is None:
            continue
        answer, wrong = ask(expect.sql)
        check = asked(name, expect)
        if wrong:
            looks.append(Look(check, expect.sql, wrong, ok=False))
            continue
        looks += valued(name, expect, answer, bench.before.get(check), bench.moment)
    return looks
