"""A shop whose orders are in a server, and what becomes of its dumps."""

# ruff: noqa: S608  (what it says to the server is its own)
from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from reconciler.engine import Result
from reconciler.providers._drill_cage import Deadline
from tests.support.clean_histories import Clean
from tests.support.drill_servers import Yard
from tests.support.guarded import POLICY, Guarded, Kept, order, usual
from tests.support.sabotage import DRILL, REFUSED, Sabotage

#: The one database of the server.
NAME: Final = "drill"
PROGRAMS: Final = {"mysql": "mysqldump", "postgres": "pg_dump"}
_NUMBERED: Final = {
    "mysql": "id integer primary key auto_increment, at varchar(40)",
    "postgres": "id serial primary key, at text",
}
#: Stands before the real program, and does to what it wrote what goes wrong with dumps.
_STAND_IN: Final = """\
#!{python} -IS
import pathlib, re, subprocess, sys
ended = subprocess.run([{real!r}, sys.argv[1], *{more!r}, *sys.argv[2:]])
out = next(one for one in sys.argv if one.startswith(("--result-file=", "--file=")))
out = pathlib.Path(out.split("=", 1)[1])
body, share = out.read_bytes(), {share!r}
{how}
out.write_bytes(body)
sys.exit(ended.returncode)
"""


class Served(Guarded):
    """
    As a Guarded, but for its shop: it is in a server, which the usual program dumps.

    Args:
        yard: The server; nothing that is in it now stays.
    """

    def __init__(self, base: Path, engine: str, seed: int, yard: Yard) -> None:
        self.yard, self.programs = yard.emptied(), base / "bin"
        database = {
            "type": yard.flavour,
            "database": NAME,
            "connection": {"env": "SHOP"},
            "expect": POLICY["sources"]["db"]["expect"],
        }
        sources = {**POLICY["sources"], "db": database}
        super().__init__(base, engine, seed, {"sources": sources})
        self.secrets["SHOP"] = yard.server.connection
        self.programs.mkdir()

    # -- the shop ----------------------------------------------------------------------

    def opened(self) -> None:
        self.says(
            f"create table orders ({_NUMBERED[self.yard.flavour]}, paid integer);"
            "create table options (name varchar(40), value varchar(90));"
            "insert into options values ('siteurl', 'https://shop.example');"
        )

    def sold(self, rows: list[tuple[str, int]]) -> None:
        values = ", ".join(f"('{at}', {paid})" for at, paid in rows)
        self.says(f"insert into orders (at, paid) values {values};")

    def says(self, statements: str | bytes) -> None:
        """Have the server do something."""
        self.yard.cage.deadline = Deadline(60)
        wrong = self.yard.load(statements)
        assert wrong == ""

    def dump(self) -> bytes:
        """Return a dump by the real program."""
        self.yard.cage.deadline = Deadline(60)
        return self.yard.dumped()

    # -- its dumps ---------------------------------------------------------------------

    def apply(self, *also: str) -> Result:
        with self.path():
            return super().apply(*also)

    def path(self) -> Any:
        """Have the programs of this machine be found first, as long as it is open."""
        path = f"{self.programs}:{os.environ['PATH']}"
        return patch.dict(os.environ, PATH=path)

    def spoil(self, how: str = "", *more: str) -> None:
        """Have dumps be made with *more* arguments, and do *how* to them (Python)."""
        name = PROGRAMS[self.yard.flavour]
        script = _STAND_IN.format(
            python=sys.executable,
            real=shutil.which(name),
            more=more,
            share=self.draw.random(),
            how=how,
        )
        path = self.programs / name
        path.write_text(script, encoding="utf-8")
        path.chmod(stat.S_IRWXU)

    def by_a_timer(self, into: Path) -> bool:
        """Dump as a timer's script does; say whether it ended well."""
        program, room = PROGRAMS[self.yard.flavour], self.yard.room
        found: Any = self.yard.server
        if self.yard.flavour == "mysql":
            where = [f"--socket={room / 's'}", "--user=drill"]
            argv = [program, "--no-defaults", f"--result-file={into}", *where, NAME]
            more = found._env
        else:
            where = [f"--host={room}", "--username=drill", f"--dbname={NAME}"]
            argv, more = [program, f"--file={into}", *where], {}
        with self.path():
            env = {**os.environ, **more}
            ended = subprocess.run(argv, capture_output=True, check=False, env=env)
        return ended.returncode == 0

    # -- going back --------------------------------------------------------------------

    def keep(self, name: str = ".kept") -> Kept:
        (self.base / "shop.sql").write_bytes(self.dump())
        return super().keep(name)

    def back(self, kept: Kept, seed: str) -> None:
        super().back(kept, seed)
        self.yard.emptied()
        self.says((self.base / "shop.sql").read_bytes())


# -- what goes wrong -------------------------------------------------------------------


class Dumps(NamedTuple):
    """What may go wrong with a dump: what is done to it, or with which arguments."""

    how: str = ""
    mysql: tuple[str, ...] = ()
    postgres: tuple[str, ...] = ()

    def __call__(self, world: Guarded) -> None:
        """Have it happen from now on."""
        there = _served(world)
        there.spoil(self.how, *getattr(self, there.yard.flavour))


def _served(world: Guarded) -> Served:
    assert isinstance(world, Served)
    return world


def another(world: Guarded) -> None:
    """The one that was changed last is dumped: it is the neighbour's."""
    there = _served(world)
    kept, elsewhere = there.dump(), there.base / "neighbour.sql"
    there.yard.emptied()
    rows = ", ".join(f"({n}, 'guest {n}', {there.now:%Y%m%d})" for n in range(1, 400))
    there.says(
        "create table guests (id integer, who varchar(20), at integer);"
        f"insert into guests values {rows};"
    )
    elsewhere.write_bytes(there.dump())
    there.yard.emptied()
    there.says(kept)
    there.spoil(f"body = pathlib.Path({str(elsewhere)!r}).read_bytes()")


def half(world: Guarded) -> None:
    _served(world).says("delete from orders where mod(id, 3) > 0;")


def emptied(world: Guarded) -> None:
    _served(world).yard.emptied()


_ENDS: Final = r"""
ends = [one.end() for one in re.finditer(rb"(?:;|^\\\.)\n", body, re.MULTILINE)]
"""
_DENIED: Final = """
body = b"mysqldump: Got error: 1045: Access denied for user 'shop'@'localhost'\\n"
"""
_HOLE: Final = """
at = body.index(b"2024-") + int(share * 2000)
body = body[:at] + bytes(600) + body[at + 600:]
"""
_OLD: Final = """
body = re.sub(rb"2024-0[12]-\\d\\d", b"2023-11-20", body)
"""
_WITHIN: Final = """
at = body.index(b"2024-") + int(share * 3000)
body = body[:at - body[:at].endswith((b";\\n", b".\\n"))]
"""
_HEADER: Final = "body = body[:re.search(rb'^(CREATE|DROP) ', body, re.M).start()]"
_WARNED: Final = 'body = b"Warning: a password on the command line is seen\\n" + body'
_Deed = Callable[[Guarded], None]
_DEEDS: Final[dict[str, tuple[_Deed, frozenset[str]]]] = {
    "the dump is an empty file": (Dumps("body = b''"), REFUSED),
    "an error instead of a dump": (Dumps(_DENIED), REFUSED),
    "the dump ends after its header": (Dumps(_HEADER), REFUSED),
    "the dump is cut after a statement": (
        Dumps(_ENDS + "body = body[:ends[int(share * len(ends))]]"),
        REFUSED,
    ),
    "the dump is cut within a statement": (Dumps(_WITHIN), REFUSED),
    "the dump has a hole": (Dumps(_HOLE), REFUSED | DRILL),
    "a warning is in the dump": (Dumps(_WARNED), REFUSED | DRILL),
    "the rows of a table are left out": (
        Dumps(
            "",
            (f"--ignore-table-data={NAME}.orders",),
            ("--exclude-table-data=orders",),
        ),
        DRILL | {"anomaly"},
    ),
    "a table is left out": (
        Dumps("", (f"--ignore-table={NAME}.orders",), ("--exclude-table=orders",)),
        DRILL | {"anomaly"},
    ),
    "another database is dumped": (another, DRILL),
    "an old dump in its place": (Dumps(_OLD), DRILL),
    "of three orders two are gone": (half, DRILL | {"anomaly"}),
    "the server has no table any more": (emptied, DRILL | {"anomaly"}),
}
DUMPS: Final = tuple(
    Sabotage(name, deed, layers) for name, (deed, layers) in _DEEDS.items()
)

# -- what does not ---------------------------------------------------------------------


def _usual(world: Guarded, _: int) -> None:
    usual(world)


def _quiet(world: Guarded, _: int) -> None:
    order(world, 1)


def _sale(world: Guarded, number: int) -> None:
    usual(world)
    order(world, 400 if number == 2 else 5)


def _rows_go(world: Guarded, _: int) -> None:
    _served(world).says(
        "delete from orders where id < (select least + 10 from"
        " (select min(id) as least from orders) as first);"
    )
    order(world, 3)


def _upgraded(world: Guarded, number: int) -> None:
    usual(world)
    if number == 2:
        _served(world).says(
            "create table coupons (code varchar(20) primary key, worth integer);"
            "insert into coupons values ('SPRING', 5);"
            "alter table orders add column note varchar(90);"
            "create view paid as select sum(paid) as whole from orders;"
        )


CLEAN_DUMPS: Final = (
    Clean("usual days", _usual),
    Clean("hardly anything happens", _quiet),
    Clean("a sale", _sale),
    Clean("old orders are deleted", _rows_go),
    Clean("the shop is upgraded", _upgraded),
)
