"""Hostile dumps in servers that are thrown away: they reach nothing."""

# ruff: noqa: S108  (where they may not write)
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.providers._drill_cage import Deadline, Late
from tests.support.drill_servers import Yard, yard

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


FILE = "ESCAPED"
HOSTILE: dict[str, tuple[str, ...]] = {
    "postgres": (
        f"\\! touch {FILE}\n",
        f"select 1 \\! touch {FILE}\n;",
        f"\\o {FILE}\nselect 1;",
        f"\\o | touch {FILE}\nselect 1;",
        f"\\set x `touch {FILE}`\n",
        "\\copy t from '/etc/passwd'\n",
        "\\c - postgres\n",
        "\\unrestrict guessed\n\\! touch " + FILE + "\n",
        f"\\restrict a\n\\unrestrict a\n\\! touch {FILE}\n",
        f"create table t (a text); copy t from program 'touch {FILE}';",
        "create table t (a text); copy t from '/etc/passwd';",
        "create table t (a text); copy t to '/tmp/ESCAPED';",
        "select pg_read_file('/etc/passwd');",
        "select lo_import('/etc/passwd');",
        "create extension dblink;",
        "create function f() returns int language c as 'libc', 'getpid';",
        "alter system set archive_command = 'touch ESCAPED';",
        (
            "create table t (a text);\n"
            "ALTER TABLE t OWNER TO pg_execute_server_program;\n"
            f"copy t from program 'touch {FILE}';"
        ),
        (
            'create table t (a text);\nGRANT ALL ON t TO "pg_execute_server_program";\n'
            f"set role pg_execute_server_program; copy t from program 'touch {FILE}';"
        ),
    ),
    "mysql": (
        f"\\! touch {FILE}\n",
        f"system touch {FILE}\n",
        f"select 1 \\! touch {FILE}\n;",
        f"\\T {FILE}\nselect 1; syntax error;",
        "source /etc/passwd\n",
        "\\. /etc/passwd\n",
        f"pager touch {FILE}\nselect 1; syntax error;",
        "create table t (a text); load data local infile '/etc/passwd' into table t;",
        "create table t (a text); load data infile '/etc/passwd' into table t;",
        "select 'x' into outfile '/tmp/ESCAPED';",
        f"select 'x' into dumpfile '{FILE}';",
        (
            "select length(load_file('/etc/passwd')) + 1 into @n;"
            "create table t (a int not null) engine=innodb;"
            "set sql_mode='strict_all_tables'; insert into t values (@n);"
        ),
        "install soname 'ha_connect';",
        "use mysql;",
        "set global general_log_file = '/tmp/ESCAPED';",
        "grant file on *.* to drill@localhost;",
        (
            "create definer=root@localhost procedure p() select 'x' into outfile"
            " 'ROOM/ESCAPED'; call p();"
        ),
        (
            "create definer=root@localhost procedure p() select 'x' into outfile"
            " '/tmp/ESCAPED'; call p();"
        ),
        (
            "create definer=`mariadb.sys`@localhost procedure p()"
            " update mysql.global_priv set Priv='{}'; call p();"
        ),
    ),
}


@pytest.mark.parametrize(
    ("made", "number"),
    [(name, n) for name, all_ in HOSTILE.items() for n in range(len(all_))],
    indirect=["made"],
)
def test_a_hostile_dump_reaches_nothing(made: Yard, number: int) -> None:
    """It is refused, and nothing was written where it could have been."""
    words = HOSTILE[made.flavour][number].replace("ROOM", str(made.room))
    assert made.load(words) != ""
    assert [*made.room.rglob(FILE), *Path("/tmp").glob(FILE)] == []
    assert not Path(FILE).exists()


@FLAVOURED
def test_a_dump_that_never_ends_is_no_verdict(made: Yard) -> None:
    endless = {"postgres": "select pg_sleep(60);", "mysql": "select sleep(60);"}
    made.cage.deadline = Deadline(0.5)
    with pytest.raises(Late):
        made.load(endless[made.flavour])
