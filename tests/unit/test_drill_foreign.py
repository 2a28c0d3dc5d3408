"""Dumps of other servers than the scratch one: their data is loaded, or nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.providers._drill_scratch import Unfit
from tests.support.drill_servers import Yard, failed, open_folder, yard
from tests.support.drilling import Plain, backup, order, run, wrong

COUNT = {"sql": "select count(*) from orders", "min": 3}
ORDERS = "CREATE TABLE orders (id int, words varchar(80));\n"
ROWS = "INSERT INTO orders VALUES (1, 'a'), (2, 'utf8mb4_0900_ai_ci'), (3, 'c');\n"
MYSQL_8 = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n-- Server version\t8.0.36\n"
POSTGRES_99 = "-- Dumped from database version 99.2\n"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Yard]:
    with yard("postgres") as made:
        yield made


@pytest.fixture(scope="module")
def mysql() -> Iterator[Yard]:
    with yard("mysql") as made:
        yield made


def noted(made: Yard, words: str) -> str:
    """Load *words* and the orders as a drill does; return what was read otherwise."""
    seen = made.judged((words + ORDERS + ROWS).encode(), [COUNT])
    assert failed(seen) == {}
    return " ".join(one.observed for one in seen.looks if one.check == "db/words")


LOADED_MYSQL = {
    "collation": (
        (
            "CREATE TABLE t (v varchar(9)) DEFAULT CHARSET=utf8mb4"
            " COLLATE=utf8mb4_0900_ai_ci;\n"
        ),
        "utf8mb4_0900_ai_ci read as ",
    ),
    "its language": (
        "CREATE TABLE t (v varchar(9) COLLATE utf8mb4_ja_0900_as_cs_ks);\n",
        "utf8mb4_ja_0900_as_cs_ks read as ",
    ),
    "binary log": (
        (
            "SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\n"
            "SET @@SESSION.SQL_LOG_BIN= 0;\n"
            "SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;\n"
        ),
        "left out: SET SQL_LOG_BIN",
    ),
    "transactions": (
        (
            "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1:1-5,\n"
            "3e11fa48-71ca-11e1:1-9';\n"
        ),
        "left out: SET GLOBAL.GTID_PURGED",
    ),
    "nothing": ("CREATE TABLE t (a int);\n", ""),
}


@pytest.mark.parametrize(("words", "note"), LOADED_MYSQL.values(), ids=LOADED_MYSQL)
def test_what_mysql_says_otherwise_is_loaded(mysql, words, note):
    told = noted(mysql, words)
    assert note in told
    assert bool(told) == bool(note)
    assert mysql.server.ask("select words from orders where id = 2") == (
        "utf8mb4_0900_ai_ci",
        "",
    )


def test_an_order_of_texts_is_as_near_as_there_is(mysql):
    """Case and accents are one, blanks at an end are not: as in MySQL 8."""
    table = "CREATE TABLE t (v varchar(9) COLLATE utf8mb4_0900_ai_ci UNIQUE);\n"
    table = f"/*!50503 SET NAMES utf8mb4 */;\n{table}"
    rows = "INSERT INTO t VALUES ('é'), ('e '), ('😀'), ('😁');\n"
    noted(mysql, table + rows)
    assert mysql.server.ask("select count(*) from t where v = 'E'") == ("1", "")


BEYOND_MYSQL = {
    "collation": "CREATE TABLE t (v text COLLATE utf8mb4_nobodys_ci);\n",
    "character set": "CREATE TABLE t (v text CHARACTER SET nobodys);\n",
    "engine": "CREATE TABLE t (v int) ENGINE=NOBODYS;\n",
    "variable": "SET @@SESSION.nobodys_variable = 1;\n",
    "form": MYSQL_8 + "CREATE TABLE t (v int, KEY k ((v + 1)));\n",
    "twice": "CREATE TABLE t (v varchar(9) COLLATE utf8mb4_sv_0900_ai_ci UNIQUE);\n"
    "INSERT INTO t VALUES ('a'), ('å');\n",
}
WRONG_MYSQL = {
    "form": "CREATE TABLE t (v int, KEY k ((v + 1)));\n",
    "rows": MYSQL_8 + "CREATE TABLE t (v int);\nINSERT INTO t VALUES (1), (2;\n",
    "twice": "CREATE TABLE t (v varchar(9) UNIQUE);\nINSERT INTO t VALUES (1), (1);\n",
    "rights": "SET GLOBAL max_connections = 1;\n",
}


@pytest.mark.parametrize("words", BEYOND_MYSQL.values(), ids=BEYOND_MYSQL)
def test_what_mariadb_does_not_know_tells_nothing_of_the_dump(mysql, words):
    with pytest.raises(Unfit, match=r"MariaDB .* cannot load [A-Z ]+: ERROR \d+"):
        mysql.judged(words.encode(), [])


@pytest.mark.parametrize("words", WRONG_MYSQL.values(), ids=WRONG_MYSQL)
def test_what_is_wrong_with_a_dump_of_mysql_is(mysql, words):
    assert "ERROR" in failed(mysql.judged(words.encode(), []))["db/import"]


LEFT_OUT_POSTGRES = {
    "SET transaction_timeout": "SET transaction_timeout = 0;\n",
    "SET default_tablespace": "SET default_tablespace = fast;\n",
    "COMMENT ON EXTENSION": "COMMENT ON EXTENSION plpgsql IS 'one;\ntwo';\n",
    "CREATE PUBLICATION": "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'a');\n"
    "ALTER PUBLICATION p OWNER TO web;\n",
    "CREATE EVENT TRIGGER": "CREATE EVENT TRIGGER e ON ddl_command_start\n"
    "   EXECUTE FUNCTION f();\n",
    "CREATE EXTENSION pg_stat_statements": "CREATE EXTENSION IF NOT EXISTS"
    " pg_stat_statements WITH SCHEMA public;\n",
    "CREATE EXTENSION nobodys": "CREATE EXTENSION nobodys WITH SCHEMA public;\n",
}


@pytest.mark.parametrize(
    ("note", "words"), LEFT_OUT_POSTGRES.items(), ids=LEFT_OUT_POSTGRES
)
def test_what_has_no_data_in_it_is_left_out_and_that_is_said(postgres, note, words):
    assert f"left out: {note}" in noted(postgres, words)


def test_rows_are_never_left_out(postgres):
    rows = "COPY notes FROM stdin;\nSET transaction_timeout = 0;\n\\.\n"
    told = noted(postgres, "CREATE TABLE notes (words text);\n" + rows)
    assert told == ""
    assert postgres.server.ask("select count(*) from notes") == ("1", "")


BEYOND_POSTGRES = {
    "of an extension": (
        (
            "CREATE EXTENSION nobodys WITH SCHEMA public;\n\n"
            "CREATE TABLE places (id int,\n  at nobodys_point);\n"
        ),
        r"CREATE TABLE needs .* nobodys \(SQLSTATE 42704 at line 4\)",
    ),
    "of a newer one": (
        POSTGRES_99 + "SET nobodys_setting = 0;\nSET nobodys = 1;\n",
        r"SET is of PostgreSQL 99 \(SQLSTATE \w+ at line 2\)",
    ),
    "of a superuser": (
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid';\n",
        "CREATE FUNCTION needs a superuser",
    ),
}
WRONG_POSTGRES = {
    "no such type": "CREATE TABLE places (id int, at nobodys_point);\n",
    "no such setting": "SET nobodys = 1;\n",
    "rights": "COPY orders FROM PROGRAM 'true';\n",
    "rows": POSTGRES_99 + "CREATE TABLE t (a int);\nCOPY t FROM stdin;\nx\n\\.\n",
}


@pytest.mark.parametrize(
    ("words", "why"), BEYOND_POSTGRES.values(), ids=BEYOND_POSTGRES
)
def test_what_the_scratch_postgres_cannot_do_tells_nothing(postgres, words, why):
    with pytest.raises(Unfit, match=why):
        postgres.judged(words.encode(), [])


@pytest.mark.parametrize("words", WRONG_POSTGRES.values(), ids=WRONG_POSTGRES)
def test_what_is_wrong_with_a_dump_of_postgres_is(postgres, words):
    dump = (ORDERS + words).encode()
    assert "SQLSTATE" in failed(postgres.judged(dump, []))["db/import"]


def test_where_one_cannot_be_loaded_the_others_are_looked_at(mysql, tmp_path: Path):
    """It is no pass, and what is wrong elsewhere is found nevertheless."""
    tree, engine = tmp_path / "tree", Plain(tmp_path / "copy")
    tree.mkdir()
    words = f"{BEYOND_MYSQL['engine']}-- Dump completed\n"
    (tree / "dump.sql").write_text(words)
    receipt: dict[str, Any] = {"db": engine.back_up("db", tree)}
    (tree / "dump.sql").rename(tree / "a.txt")
    receipt["site"] = engine.back_up("site", tree)
    want = backup({"db": {"type": "mysql"}, "site": {"paths": ["."], "canary": True}})
    with open_folder() as base:
        told = run(order(receipt), want, engine, base)
        assert told["verdict"] == "inconclusive"
        assert "db: MariaDB" in told["why"]
        assert "cannot load CREATE TABLE: ERROR 1286" in told["why"]
        (engine.place / "site" / "a.txt").write_text("otherwise")
        told = run(order(receipt), want, engine, base)
        assert told["verdict"] == "failed"
        assert any(one.startswith("site/") for one in wrong(told))
