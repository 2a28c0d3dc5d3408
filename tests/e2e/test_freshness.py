"""A plan of repositories in buckets: how fresh they are, and what it takes to see it."""

from __future__ import annotations

import pytest

from benchmarks.repositories import PASSWORD, Repositories, asked_of
from tests.support.restics import stand_in

MANY = 4


@pytest.mark.parametrize(
    ("engine", "opened", "asked"),
    [
        ("restic", ["cat", "snapshots"], {"head": 1, "list": 1, "versioning": 1}),
        ("archive", [], {"list": 1, "versioning": 1}),
    ],
)
def test_what_is_as_it_was_is_listed_and_not_opened(
    engine, opened, asked, tmp_path, monkeypatch
):
    """Which are stale is seen each time: by the real command, over real sockets."""
    log = tmp_path / "log"
    log.touch()
    deeds = f'cat|snapshots) echo "$1" >> {log};;'
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deeds))
    made = Repositories(tmp_path / "made", engine, MANY)
    assert len(made.stale) == 1
    with made.served(0) as server:
        made.plan()
        assert sorted(log.read_text().split()) == sorted(opened * MANY)
        assert asked_of(server)["get"] >= MANY
        log.write_text("")
        made.plan()
        assert log.read_text() == ""
        assert asked_of(server) == {name: n * MANY for name, n in asked.items()}
    (kept,) = (made.root / ".git" / "reconciler").glob("observed-*.sqlite")
    text = kept.read_bytes()
    assert b"site-0000.example" in text
    assert PASSWORD.encode() not in text
