"""Killed (SIGKILL) before each thing it does to a file: nothing is lost or half there."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.providers import _archive_seal
from tests.support.archives import Place, backup, site

#: What Python tells of before it is done.
_DEEDS = {"open", "os.link", "os.remove", "os.mkdir", "os.rename", "os.rmdir"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)


def killed_at(deed: int, kept: Path, work: Callable[[], object]) -> bool:
    """Do *work* in a process that dies before its *deed* in *kept*; say if it did."""
    child = os.fork()
    if child == 0:
        left = deed

        def look(event, arguments):
            nonlocal left
            if event in _DEEDS and str(kept) in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        try:
            work()
        finally:
            os._exit(0 if left > 0 else 1)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status)
    assert died or os.WEXITSTATUS(status) == 0
    return died


def test_a_backup(tmp_path):
    want = backup(site(tmp_path / "home"))
    deaths = whole = 0
    for deed in range(1, 200):
        place = Place(tmp_path / f"kept-{deed}").ready()
        died = killed_at(deed, place.folder, lambda here=place: here.back_up(want))
        there = place.snapshots(want)
        whole += bool(there)
        assert len(there) <= 1
        assert place.check(want)["verdict"] == "passed"
        received = place.again().apply(want, place.due(), "k").details
        assert [one.id for one in place.snapshots(want)] == [
            received["sources"]["files"]["snapshot"]
        ]
        assert place.check(want)["bytes"] == received["sources"]["files"]["bytes"]
        if not died:
            break
        deaths += 1
    else:
        pytest.fail("it never came to its end")
    assert deaths > 10
    assert 0 < whole < deaths


def test_a_prune(tmp_path):
    want = backup(site(tmp_path / "home"))
    deaths = 0
    for deed in range(1, 200):
        place = Place(tmp_path / f"kept-{deed}").ready()
        for slot in ("a", "b", "c"):
            place.back_up(want, slot)
        gone, *kept = place.ids(want)
        died = killed_at(
            deed, place.folder, lambda g=gone, k=kept, p=place: p.prune(want, [g], k)
        )
        assert place.ids(want)[-2:] == kept
        assert place.check(want)["verdict"] == "passed"
        place.driver = place.again()
        assert place.prune(want, [gone], kept).details["left"] == 2
        assert place.check(want)["checked"] == 2
        if not died:
            break
        deaths += 1
    assert deaths > 5


def test_a_repository(tmp_path):
    for deed in range(1, 50):
        place = Place(tmp_path / f"kept-{deed}")
        died = killed_at(deed, place.folder, place.ready)
        again = Place(tmp_path / f"kept-{deed}")
        if not (place.folder / "archive.json").exists():
            again.ready()
        want = backup(site(tmp_path / f"home-{deed}"))
        again.back_up(want)
        assert again.check(want)["verdict"] == "passed"
        if not died:
            break
    assert deed > 3


def test_a_dump(tmp_path, monkeypatch):
    """Whenever it died, nothing of a database is left after the next run."""
    want = backup(
        site(tmp_path / "home"), {"db": {"type": "sqlite", "database": "shop.sqlite"}}
    )
    beside = tmp_path / "tmp"
    beside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(beside))
    left = 0
    for deed in range(1, 50):
        place = Place(tmp_path / f"kept-{deed}").ready()
        died = killed_at(deed, beside, lambda here=place: here.back_up(want))
        left += any(one.stat().st_size for one in beside.rglob("*.sqlite"))
        place.again().apply(want, place.due("next"), "k")
        assert [*beside.iterdir()] == []
        if not died:
            break
    assert left > 0
