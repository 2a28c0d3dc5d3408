"""Killed (SIGKILL) while restic works: no false receipt, and nothing is lost."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import Transient
from tests.support.archives import backup, later, site
from tests.support.restics import ResticPlace, stand_in


@pytest.fixture
def place(tmp_path):
    made = ResticPlace(tmp_path / "kept").ready()
    made.now = datetime.now(UTC)
    return made


@pytest.fixture
def want(tmp_path):
    root = site(tmp_path / "home")
    (root / "public_html" / "noise").write_bytes(os.urandom(4 << 20))
    return backup(root)


def begun(work: Callable[[], object]) -> int:
    """Do *work* in a process of its own; return its number."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def waited(there: Callable[[], object]) -> None:
    """Wait until something is there."""
    ends = time.monotonic() + 60
    while not there():
        assert time.monotonic() < ends
        time.sleep(0.01)


def below(parent: int) -> list[int]:
    """Return the processes that *parent* started."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def killed(child: int, *others: int) -> None:
    for one in (child, *others):
        os.kill(one, signal.SIGKILL)
    os.waitpid(child, 0)


def slowly(tmp_path: Path, verb: str, before: str = "") -> str:
    """Return a PATH with a restic that takes its time over *verb*."""
    deed = f'{verb}) shift; {before} exec "$real" {verb} --limit-upload 300 "$@";;'
    return stand_in(tmp_path / "slow", deed)


def test_a_backup_that_dies_with_its_restic(place, want, tmp_path, monkeypatch):
    path = os.environ["PATH"]
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("PATH", slowly(tmp_path, "backup"))
    child = begun(lambda: place.back_up(want))
    waited(lambda: [p for p in place.objects("locks") if len(p.name) == 64])
    killed(child, *below(child))
    monkeypatch.setenv("PATH", path)
    assert place.objects("snapshots") == []
    assert len([*(tmp_path / "tmp").glob("reconciler-backup-*")]) == 1
    (lock,) = place.objects("locks")
    state = place.again().observe([want]).states[want.name]
    assert (state.snapshots, len(state.locks)) == ((), 1)
    received = place.back_up(want).details["sources"]["files"]
    assert place.ids(want) == [received["snapshot"]]
    assert [*(tmp_path / "tmp").iterdir()] == []  # a dump would have been in there
    place.back_up(want, "next")
    first, second = place.ids(want)
    with pytest.raises(Transient, match="locked"):
        place.prune(want, [first], [second])
    assert lock.exists()
    later(place, 31 / 24 / 60)
    assert place.prune(want, [first], [second]).details["left"] == 1
    assert not lock.exists()
    assert place.check(want, 1, 1)["verdict"] == "passed"


def test_a_backup_whose_restic_lives_on(place, want, tmp_path, monkeypatch):
    """Whatever it still makes has no receipt; the next run has one, of what is whole."""
    path, mark = os.environ["PATH"], tmp_path / "mark"
    monkeypatch.setenv("PATH", slowly(tmp_path, "backup", f"touch {mark};"))
    child = begun(lambda: place.back_up(want))
    waited(mark.exists)
    (restic,) = below(child)
    killed(child)
    waited(lambda: over(restic))
    monkeypatch.setenv("PATH", path)
    received = place.back_up(want).details["sources"]["files"]
    assert received["snapshot"] in place.ids(want)
    assert received["files"] == 16
    assert place.check(want, 1, 1)["verdict"] == "passed"


def over(pid: int) -> bool:
    """Say whether a process does nothing any more, if nobody asked how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("verb", ["forget", "prune"])
def test_a_prune(place, want, tmp_path, monkeypatch, verb):
    for slot in ("a", "b", "c"):
        place.back_up(want, slot)
    gone, *kept = place.ids(want)
    path, mark = os.environ["PATH"], tmp_path / "mark"
    deed = f'{verb}) "$real" "$@"; touch {mark}; sleep 60;;'
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    child = begun(lambda: place.prune(want, [gone], kept))
    waited(mark.exists)
    others = below(child)
    killed(child)
    for one in others:
        os.killpg(one, signal.SIGKILL)
    monkeypatch.setenv("PATH", path)
    assert place.ids(want) == kept
    place.driver = place.again()
    assert place.prune(want, [gone], kept).details["left"] == 2
    assert place.check(want, 1, 1)["verdict"] == "passed"


def test_a_drill(place, want, tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    drilled = backup(tmp_path / "home", drills={"scratch": str(folder)})
    said = place.back_up(drilled).details
    path, mark = os.environ["PATH"], tmp_path / "mark"
    deed = f'restore) "$real" "$@"; touch {mark}; sleep 60;;'
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    child = begun(lambda: place.drill(drilled, said))
    waited(mark.exists)
    others = below(child)
    killed(child)
    for one in others:
        os.killpg(one, signal.SIGKILL)
    monkeypatch.setenv("PATH", path)
    assert [*folder.iterdir()]
    assert place.drill(drilled, said)["verdict"] == "passed"
    assert [*folder.iterdir()] == []
