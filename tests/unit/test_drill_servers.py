"""Dumps in servers that are thrown away: what is right, and what is cut."""

# ruff: noqa: S608  (statements of dumps, and where they may not write)
from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.providers._drill_cage import Cage, Deadline, Ended, located
from reconciler.providers._drill_databases import FLAVOURS
from reconciler.providers._drill_scratch import Unfit
from tests.support.drill_servers import Yard, failed, needed, open_folder, yard
from tests.support.drilling import NOW, Plain, backup, order, run

COUNT = {"sql": "select count(*) from orders", "min": 3, "maxDrop": "20%"}
NEWEST = {"sql": "select max(at) from orders", "maxAge": "7d"}
SCHEMA = "create table orders (id integer primary key, at timestamp, words text);\n"
ROWS = "".join(
    f"insert into orders values ({n}, '2026-11-21 0{n}:00:00', 'a bell; \\\\ {n}');\n"
    for n in range(5)
)
FLAVOURED = pytest.mark.parametrize("made", ["postgres", "mysql"], indirect=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Yard]:
    with yard("postgres") as made:
        yield made


@pytest.fixture(scope="module")
def mysql() -> Iterator[Yard]:
    with yard("mysql") as made:
        yield made


@pytest.fixture
def made(request: pytest.FixtureRequest) -> Yard:
    found: Yard = request.getfixturevalue(request.param)
    return found.emptied()


def shop(made: Yard, *, rows: str = ROWS) -> bytes:
    """Return a dump of a small shop, by the real program."""
    assert made.load(SCHEMA + rows) == ""
    return made.dumped()


@FLAVOURED
def test_a_dump_comes_back(made: Yard) -> None:
    dump = shop(made)
    seen = made.judged(dump, [COUNT, NEWEST])
    assert failed(seen) == {}
    assert [one.value for one in seen.looks if one.value is not None] == [5.0]
    assert {"postgres": "PostgreSQL", "mysql": "MariaDB"}[made.flavour] in seen.engine
    assert complete(made, dump)


def complete(made: Yard, dump: bytes) -> bool:
    file = made.folder / "dump.sql"
    file.write_bytes(dump)
    return FLAVOURS[made.flavour].complete(file)


@FLAVOURED
def test_a_dump_cut_between_two_statements_loads_and_is_not_whole(made: Yard) -> None:
    """The client's exit code is 0: its last line is what tells."""
    dump = shop(made)
    at = dump.index(b"COPY public" if made.flavour == "postgres" else b"LOCK TABLES")
    assert made.emptied().load(dump[:at]) == ""
    assert not complete(made, dump[:at])


POSTS = """\
create table posts (id integer primary key, words text);
insert into posts values (1, 'X -- Dump completed
-- PostgreSQL database dump complete');
create table zorders (id integer);
"""


@FLAVOURED
def test_a_row_that_speaks_of_the_end_is_none(made: Yard) -> None:
    """What was cut behind it loads, too: there is no end but the last line."""
    dump = shop(made, rows=ROWS + POSTS)
    at = dump.index(b"X -- Dump completed")
    end = b"\\.\n" if made.flavour == "postgres" else b";\n"
    cut = dump[: dump.index(end, at) + len(end)]
    assert b"zorders VALUES" not in cut
    assert made.emptied().load(cut) == ""
    assert complete(made, dump)
    assert not complete(made, cut)


@FLAVOURED
def test_a_dump_with_a_hole(made: Yard, tmp_path: Path) -> None:
    """MariaDB loads it and says nothing: zeros in quotes are a text, rows are gone."""
    dump = shop(made)
    first = dump.index(b"bell")
    last = dump.rindex(b"bell")
    holed = dump[:first] + bytes(last - first) + dump[last:]
    assert complete(made, holed)
    if made.flavour == "mysql":
        assert made.emptied().load(holed) == ""
        assert made.server.ask("select count(*) from orders") == ("1", "")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "dump.sql").write_bytes(holed)
    engine = Plain(tmp_path / "copy")
    receipt = {"db": engine.back_up("db", tree)}
    with open_folder() as base:
        told = run(order(receipt), backup({"db": {"type": made.flavour}}), engine, base)
    assert told["verdict"] == "failed"
    assert "there are zeros in it" in told["why"]


@FLAVOURED
def test_a_schema_without_rows(made: Yard) -> None:
    seen = made.judged(shop(made, rows=""), [COUNT, NEWEST])
    assert sorted(failed(seen).values()) == ["0", "no time"]


@FLAVOURED
def test_a_database_without_tables(made: Yard) -> None:
    seen = made.judged(made.dumped(), [COUNT])
    assert failed(seen)["db/tables"] == "0"


@FLAVOURED
def test_a_dump_of_another_database(made: Yard) -> None:
    assert made.load("create table letters (id integer)") == ""
    assert failed(made.judged(made.dumped(), [COUNT]))


@FLAVOURED
@pytest.mark.parametrize("day", ["2026-10-01", "2027-01-01"])
def test_rows_of_another_time(made: Yard, day: str) -> None:
    dump = shop(made, rows=ROWS.replace("2026-11-21", day))
    assert len(failed(made.judged(dump, [COUNT, NEWEST]))) == 1


@FLAVOURED
def test_a_statement_that_fails_stops_it(made: Yard) -> None:
    dump = shop(made)
    spoiled = dump + b"\ninsert into nowhere values (1);\n"
    said = failed(made.judged(spoiled, [COUNT]))["db/import"]
    assert {"postgres": "SQLSTATE 42P01", "mysql": "ERROR 1146"}[made.flavour] in said


@FLAVOURED
def test_an_error_quotes_no_row(made: Yard) -> None:
    twice = SCHEMA + "insert into orders values (1, null, 'x'), (1, null, 'x');"
    said = made.load(twice)
    assert said
    assert "'1'" not in said
    assert "(1)" not in said


def test_things_that_belong_to_others(postgres: Yard) -> None:
    made = postgres.emptied()
    dump = SCHEMA + ROWS + "ALTER TABLE public.orders OWNER TO shop;\n"
    dump += 'GRANT SELECT ON TABLE public.orders TO "web reader";\n'
    assert failed(made.judged(dump.encode(), [COUNT])) == {}


def test_a_definer_who_is_not_there(mysql: Yard) -> None:
    made = mysql.emptied()
    dump = (
        SCHEMA
        + ROWS
        + ("create definer=shop@localhost view newest as select max(at) from orders;\n")
    )
    assert failed(made.judged(dump.encode(), [COUNT])) == {}


# -- the cage --------------------------------------------------------------------------


@pytest.fixture
def cage() -> Iterator[Cage]:
    with open_folder() as folder:
        room = folder / "room"
        room.mkdir(mode=0o700)
        yield Cage(room, 4096, Deadline(20), id)


def test_whoever_runs_there_has_no_rights(cage: Cage) -> None:
    assert (cage.run(["id", "-u"]).out.strip() != "0") or os.geteuid() != 0
    assert cage.run(["cat", "/etc/shadow"]).code != 0
    status = cage.run(["cat", "/proc/self/status"]).out
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status
    nets = cage.run(["cat", "/proc/self/net/dev"]).out
    assert os.geteuid() != 0 or nets.count(":") == 1


def test_no_file_grows_without_end(cage: Cage) -> None:
    assert cage.run(["dd", "if=/dev/zero", "of=big", "bs=8k", "count=9"]).code != 0
    assert (cage.room / "big").stat().st_size <= 4096


def test_what_it_says_is_kept_short(cage: Cage) -> None:
    assert len(cage.run(["seq", "100000"]).out) <= 4096


def test_a_program_that_is_not_there_says_so() -> None:
    with pytest.raises(Unfit, match="no nothing-of-the-kind on this machine"):
        located("nothing-of-the-kind")


class Noted(Cage):
    """A cage that remembers what was run in it."""

    def run(self, command: Sequence[str], *more: Any, **named: Any) -> Ended:
        self.__dict__.setdefault("ran", []).append(list(command))
        return super().run(command, *more, **named)


def test_two_that_begin_at_once_do_not_take_their_tables_away() -> None:
    """A mariadbd that starts clears its folder for what is temporary."""
    needed("mysql")
    with open_folder() as folder:
        room = folder / "db"
        room.mkdir(mode=0o700)
        cage = Noted(room, 1 << 30, Deadline(60), time.sleep)
        with closing(FLAVOURS["mysql"].start(cage)) as server:
            assert server.ask("select @@tmpdir") == (str(room), "")
        made = [one for one in cage.ran if one[0].endswith("mariadb-install-db")]  # type: ignore[attr-defined]
        assert [f"--tmpdir={room}" in one for one in made] == [True]


# -- whole drills ----------------------------------------------------------------------


@FLAVOURED
def test_a_whole_drill_with_a_server_of_its_own(made: Yard, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    dump = tree / "dump.sql"
    dump.write_bytes(shop(made))
    engine = Plain(tmp_path / "copy")
    receipt: dict[str, Any] = {"db": engine.back_up("db", tree)}
    want = backup({"db": {"type": made.flavour, "expect": [COUNT, NEWEST]}})
    with open_folder() as base:
        told = run(order(receipt), want, engine, base)
        assert (told["verdict"], told["why"]) == ("passed", "")
        assert len(told["engines"]) == 2
        assert told["taken"] >= told["timings"]["import"] > 0
        assert told["of"] < NOW.isoformat()
        dump.write_bytes(dump.read_bytes()[:-200])
        receipt = {"cut": engine.back_up("cut", tree)}
        want = backup({"cut": {"type": made.flavour, "expect": [COUNT]}})
        told = run(order(receipt), want, engine, base)
        assert told["verdict"] == "failed"
        assert "ends before its last line" in told["why"]
