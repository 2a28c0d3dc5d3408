"""SQLite databases that came back: whole, with rows, and of the right time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.drilling import NOW, Plain, backup, order, run, wrong

COUNT = "select count(*) from orders"
NEWEST = "select max(at) from orders"
EXPECT = [{"sql": COUNT, "min": 50, "maxDrop": "20%"}, {"sql": NEWEST, "maxAge": "7d"}]


def database(folder: Path, rows: int = 100, *, days: float = 1) -> Path:
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "dump.sqlite")) as shop:
        shop.execute("pragma page_size = 1024")
        shop.execute("create table customers (id integer primary key)")
        shop.execute(
            "create table orders (id integer primary key, at text, words text,"
            " customer integer references customers)"
        )
        shop.execute("create index words on orders (words)")
        shop.execute("insert into customers values (1)")
        at = NOW - timedelta(days=days)
        shop.executemany(
            "insert into orders (at, words, customer) values (?, ?, 1)",
            [(f"{at:%Y-%m-%d %H:%M:%S}", "a bell for a bicycle") for _ in range(rows)],
        )
        shop.commit()
    return folder


def drill(tmp_path: Path, tree: Path, **more: Any) -> dict[str, Any]:
    source = {"type": "sqlite", "database": "shop.db", "expect": EXPECT}
    engine = Plain(tmp_path / "copy")
    receipt = {"db": engine.back_up("db", tree)}
    want = backup({"db": more.pop("source", source)}, **more.pop("drills", {}))
    return run(order(receipt, **more), want, engine, tmp_path / "scratch")


def test_what_is_right_passes(tmp_path: Path) -> None:
    told = drill(tmp_path, database(tmp_path / "db"))
    assert (told["verdict"], told["why"]) == ("passed", "")
    assert list(told["observed"].values()) == [100]
    assert f"SQLite {sqlite3.sqlite_version}" in told["engines"]
    again = drill(tmp_path / "2", database(tmp_path / "db2"), before=told["observed"])
    assert again["verdict"] == "passed"


def test_rows_that_are_gone_since_the_last_drill(tmp_path: Path) -> None:
    seen = drill(tmp_path / "1", database(tmp_path / "db1"))["observed"]
    told = drill(tmp_path / "2", database(tmp_path / "db2", rows=70), before=seen)
    assert told["verdict"] == "failed"
    assert "at most 20% less than 100" in told["why"]


def test_what_was_new_when_it_was_backed_up_may_be_old_by_now(tmp_path: Path) -> None:
    old = (NOW - timedelta(days=25)).isoformat()
    tree = database(tmp_path / "db", days=28)
    told = drill(tmp_path, tree, at=old)
    assert (told["verdict"], told["why"]) == ("passed", "")
    later = (NOW - timedelta(days=20)).isoformat()
    told = drill(tmp_path / "2", database(tmp_path / "db2", days=28), at=later)
    assert told["verdict"] == "failed"
    assert "before it was backed up" in told["why"]


def broken(folder: Path) -> None:
    file = folder / "dump.sqlite"
    body = bytearray(file.read_bytes())
    body[3 * 1024 : 6 * 1024] = bytes(3 * 1024)
    file.write_bytes(body)


def orphaned(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "dump.sqlite")) as shop:
        shop.execute("delete from customers")
        shop.commit()


def stripped(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "dump.sqlite")) as shop:
        shop.execute("delete from orders")
        shop.commit()


def unlike(folder: Path) -> None:
    (folder / "dump.sqlite").write_bytes(b"<html>404 Not Found</html>" * 99)


def cut(folder: Path) -> None:
    with (folder / "dump.sqlite").open("r+b") as file:
        file.truncate(4096)


def empty(folder: Path) -> None:
    (folder / "dump.sqlite").write_bytes(b"")


def tableless(folder: Path) -> None:
    (folder / "dump.sqlite").unlink()
    with closing(sqlite3.connect(folder / "dump.sqlite")) as shop:
        shop.execute("pragma user_version = 3")
        shop.commit()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (broken, "integrity"),
        (cut, "integrity"),
        (unlike, "SQLite"),
        (empty, "db/dump: empty"),
        (tableless, "it has no table"),
        (orphaned, "100 rows point to nothing"),
        (stripped, "0 (wanted: select count(*) from orders: at least 50)"),
    ],
)
def test_what_was_wrong_when_it_was_backed_up_is_found(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    tree = database(tmp_path / "db")
    spoil(tree)
    told = drill(tmp_path, tree)
    assert told["verdict"] == "failed"
    assert said in told["why"]


@pytest.mark.parametrize(
    ("days", "said"), [(30.0, "a time of the last 7 days"), (-30.0, "in the future")]
)
def test_the_newest_row_is_of_the_right_time(
    tmp_path: Path, days: float, said: str
) -> None:
    told = drill(tmp_path, database(tmp_path / "db", days=days))
    assert told["verdict"] == "failed"
    assert said in told["why"]


@pytest.mark.parametrize(
    "query",
    [
        "attach database 'escape.db' as other",
        "delete from orders",
        "select words from orders",
        "select load_extension('evil.so')",
        "select nothing from nowhere",
    ],
)
def test_a_query_changes_nothing_and_tells_no_rows(tmp_path: Path, query: str) -> None:
    source = {
        "type": "sqlite",
        "database": "shop.db",
        "expect": [{"sql": query, "min": 1}],
    }
    told = drill(tmp_path, database(tmp_path / "db"), source=source)
    assert told["verdict"] == "failed"
    assert "bicycle" not in str(told)
    assert not Path("escape.db").exists()


def test_a_query_without_an_end_is_no_verdict(tmp_path: Path) -> None:
    endless = (
        "with recursive n(i) as (select 1 union all select i + 1 from n)"
        " select count(*) from n"
    )
    source = {
        "type": "sqlite",
        "database": "shop.db",
        "expect": [{"sql": endless, "min": 1}],
    }
    told = drill(
        tmp_path, database(tmp_path / "db"), source=source, drills={"timeout": "1s"}
    )
    assert told["verdict"] == "inconclusive"
    assert "drills.timeout" in told["why"]
    assert wrong(told) == []
