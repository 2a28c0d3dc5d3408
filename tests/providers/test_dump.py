"""Dumps: whole, or none; with real servers that are thrown away."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import Rejected, Transient
from reconciler.model.backing import Source
from reconciler.providers._dump import dumped, whole_mysql, whole_postgres
from tests.support.drill_servers import Yard, yard

TABLES = """\
CREATE TABLE orders (id int PRIMARY KEY, note varchar(40));
INSERT INTO orders VALUES (1, 'one'), (2, 'two'), (3, 'drei: ü');
"""


def source(kind: str, database: str = "drill") -> Source:
    return Source.model_validate({"type": kind, "database": database})


@pytest.fixture(scope="module")
def postgres() -> Iterator[Yard]:
    with yard("postgres") as made:
        yield made


@pytest.fixture(scope="module")
def mysql() -> Iterator[Yard]:
    with yard("mysql") as made:
        yield made


def test_postgres(postgres, tmp_path):
    assert postgres.emptied().load(TABLES) == ""
    where = f"postgresql://drill:any@/drill?host={postgres.room}"
    found = dumped(source("postgres"), None, tmp_path, where, 60)
    assert found.name == "dump.sql"
    assert whole_postgres(found)
    assert [one.name for one in tmp_path.iterdir()] == ["dump.sql"]
    assert postgres.emptied().load(found.read_bytes()) == ""
    assert postgres.server.ask("select count(*) from orders") == ("3", "")
    with pytest.raises(Rejected, match="pg_dump failed") as refused:
        dumped(source("postgres", "nowhere"), None, tmp_path / "..", where, 60)
    assert "any@" not in str(refused.value)


@pytest.mark.parametrize("how", ["url", "text", "file"])
def test_mysql(mysql, tmp_path, how):
    word, socket = mysql.server._env["MYSQL_PWD"], mysql.room / "s"
    assert mysql.emptied().load(TABLES) == ""
    where = f"mysql://drill:{word}@/?socket={socket}"
    text = f"[client]\nuser=drill\npassword={word}\nsocket={socket}\n"
    if how == "text":
        where = text
    elif how == "file":
        (tmp_path / "my.cnf").write_text(text)
        where = str(tmp_path / "my.cnf")
    into = tmp_path / "into"
    into.mkdir()
    found = dumped(source("mysql"), None, into, where, 60)
    assert whole_mysql(found)
    assert [one.name for one in into.iterdir()] == ["dump.sql"]
    if how == "url":
        assert mysql.emptied().load(found.read_bytes()) == ""
        assert mysql.server.ask("select count(*) from orders") == ("3", "")
        with pytest.raises(Rejected, match="failed") as refused:
            dumped(source("mysql", "nowhere"), None, tmp_path, where, 60)
        assert word not in str(refused.value)


def test_one_large_value_comes_back(mysql, tmp_path):
    """In a dump it has twice its size; it is loaded as a drill does."""
    large = "INSERT INTO files VALUES (1, repeat('x', 12 * 1024 * 1024));\n"
    words = f"CREATE TABLE files (id int, body longblob);\n{large}"
    assert mysql.emptied().load(words) == ""
    found = dumped(source("mysql"), None, tmp_path, mysql.server.connection, 60)
    assert mysql.emptied().load(found.read_bytes()) == ""
    asked = mysql.server.ask("select length(body) from files")
    assert asked == (str(12 << 20), "")


class Program:
    """A program that stands in front of the real ones."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def does(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(stat.S_IRWXU)


@pytest.fixture
def program(tmp_path, monkeypatch):
    return Program(tmp_path / "bin", monkeypatch)


INTO = "for one; do case $one in --result-file=*|--file=*) out=${one#*=};; esac; done"


def test_a_program_that_dies_after_half_is_no_dump(program, tmp_path):
    program.does("mysqldump", INTO + "; echo '-- half' > $out")
    program.does("pg_dump", f"{INTO}\necho 'COPY a FROM stdin;' > $out")
    for kind in ("mysql", "postgres"):
        with pytest.raises(Rejected, match="cut short"):
            dumped(source(kind), None, tmp_path, None, 10)


@pytest.mark.parametrize(
    ("kind", "name", "end"),
    [
        ("mysql", "mysqldump", "Dump completed"),
        ("postgres", "pg_dump", "PostgreSQL database dump complete"),
    ],
)
def test_a_dump_that_was_not_kept_as_it_was_written(program, tmp_path, kind, name, end):
    program.does(name, f"{INTO}\nprintf 'a\\0b\\n-- {end}\\n' > $out")
    with pytest.raises(Rejected, match="zeros in it"):
        dumped(source(kind), None, tmp_path, None, 10)


def test_a_program_that_fails_says_its_last_line_and_no_password(program, tmp_path):
    program.does("mysqldump", "echo first >&2; echo using hunter22 >&2; exit 2")
    where = "mysql://u:hunter22@db.example/x"
    with pytest.raises(Rejected) as refused:
        dumped(source("mysql"), None, tmp_path, where, 10)
    assert str(refused.value) == "E302 mysqldump failed: using ***"


def test_no_password_is_an_argument(program, tmp_path):
    seen = tmp_path / "seen"
    end = "-- Dump completed"
    program.does("mysqldump", f'{INTO}\necho "$@" > {seen}\necho "{end}" > $out')
    dumped(source("mysql"), None, tmp_path, "mysql://u:hunter22@db.example:3307/x", 10)
    assert "hunter22" not in seen.read_text()
    end = "-- PostgreSQL database dump complete"
    program.does("pg_dump", f'{INTO}\necho "$@" > {seen}\necho "{end}" > $out')
    dumped(source("postgres"), None, tmp_path, "postgres://u:hunter22@h:1/x", 10)
    assert "hunter22" not in seen.read_text()
    assert "host='h'" in seen.read_text()


def test_one_that_takes_too_long_is_tried_again(program, tmp_path):
    program.does("mysqldump", "exec sleep 30")
    begun = time.monotonic()
    with pytest.raises(Transient, match="longer"):
        dumped(source("mysql"), None, tmp_path, None, 0.2)
    assert time.monotonic() - begun < 10


def test_a_program_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Rejected, match="not installed"):
        dumped(source("mysql"), None, tmp_path, None, 10)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", False),
        ("INSERT INTO a VALUES (1);\n", False),
        ("-- Dump completed\n", True),
        ("-- Dump completed on 2026-11-22  9:00:00\n\n", True),
        ("-- Dump completed\nINSERT", False),
    ],
)
def test_the_end_of_a_mysql_dump(tmp_path, text, whole):
    (tmp_path / "d").write_text(text)
    assert whole_mysql(tmp_path / "d") is whole


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("COPY a FROM stdin;\n1\n", False),
        ("--\n-- PostgreSQL database dump complete\n--\n\n", True),
        ("-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n", True),
        ("-- PostgreSQL database dump complete\n--\nCOPY b", False),
    ],
)
def test_the_end_of_a_postgres_dump(tmp_path, text, whole):
    (tmp_path / "d").write_text(text)
    assert whole_postgres(tmp_path / "d") is whole
