"""
An apply that has restic copy is killed (SIGKILL), with its restic or without it.

No receipt is of what is not there, nothing that was there is lost, what is copied is
there once, and dead locks go; those of others, and young ones, never.
"""

from __future__ import annotations

import os
import platform
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.kinds.backup.facts import receipts, vouched
from tests.e2e.test_backups_killed import facts, there
from tests.providers.test_restic_killed import begun, below, over, waited
from tests.support.guarded import Guarded, Kept
from tests.support.restics import ended, locked, stand_in
from tests.support.vandals import vandal

#: What the restic that copies does, and when it is killed.
_SLOWLY = 'shift; touch {mark}; exec "$real" copy --limit-upload 40 "$@"'
_DONE = '"$real" "$@"; touch {mark}; sleep 60'


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Guarded, Kept]:
    """It has backed up: the next apply copies."""
    made = Guarded(tmp_path_factory.mktemp("copies") / "w", "restic", 3)
    made.policy["drills"] = {"sample": None, "full": None}
    made.declare("no drills")
    assert told(made) == []
    made.later(minutes=30)
    return made, made.keep()


def told(world: Guarded) -> list[str]:
    """Apply; return what it tells of, but that no drill is wanted."""
    found = [one.code for one in world.alarms(world.apply())]
    return [one for one in found if one != "never-drilled"]


def dies(
    world: Guarded, base: Path, deed: str, monkeypatch: Any, *, alone: bool
) -> int:
    """Apply, and be killed in the copy; *alone*: restic lives on. Which restic it was."""
    mark, path = base / "mark", os.environ["PATH"]
    monkeypatch.setenv(
        "PATH", stand_in(base / "bin", f"copy) {deed.format(mark=mark)};;")
    )
    child = begun(world.apply)
    waited(mark.exists)
    waited(lambda: deed == _DONE or len(locks(world)) > 1)
    (restic,) = [one for one in below(child) if "restic" in program(one)]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not alone:
        os.killpg(restic, signal.SIGKILL)
    monkeypatch.setenv("PATH", path)
    return restic


def program(pid: int) -> str:
    """Return what a process was called with."""
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")


def locks(world: Guarded) -> set[Path]:
    """Return what locks the second copy; what has no name yet locks nothing."""
    found = (world.base / "far" / "locks").iterdir()
    return {one for one in found if len(one.name) == 64}


def copies(world: Guarded) -> set[str]:
    """Return what the record says is in the second copy, and see that it is there."""
    known = set(vouched(facts(world)).get("far", {}))
    assert known <= there(world)["far"]
    return known


@pytest.mark.parametrize(
    ("deed", "alone"), [(_SLOWLY, False), (_SLOWLY, True), (_DONE, False)]
)
def test_a_copy(begin, tmp_path, monkeypatch, deed, alone):
    world, kept = begin
    world.back(kept, "copy")
    hands, here = vandal(world, "far"), platform.node()
    hands.place.now = world.now
    foreign = locked(hands.place, "elsewhere", 1, timedelta(days=2), alone=False)
    had = there(world)
    restic = dies(world, tmp_path, deed, monkeypatch, alone=alone)
    arrived = [*(world.base / "far" / "snapshots").iterdir()]
    assert bool(arrived) is (deed == _DONE)
    if alone:
        waited(lambda: over(restic))
    world.dated()
    assert copies(world) == set()
    assert [one.copy for one in receipts(facts(world))] == ["near"]
    world.later(minutes=31)  # its lease is over
    hands.place.now = world.now
    young = locked(hands.place, here, ended(), timedelta(minutes=5), alone=False)
    assert told(world) == []
    now = there(world)
    assert now["near"] == had["near"]
    assert copies(world) == now["far"]
    assert len(now["far"]) == 2
    assert locks(world) == {foreign, young}
