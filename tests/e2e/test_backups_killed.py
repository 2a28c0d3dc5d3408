"""
An apply that backs up, copies, drills and prunes is killed (SIGKILL), wherever it is.

Whatever it was doing: no receipt is of what is not there, nothing that had a receipt is
lost, no drill leaves what it restored, and the runs after it do what was left to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from reconciler.kinds.backup.facts import receipts, vouched
from reconciler.providers import _archive_seal
from tests.support.guarded import UID, Alarm, Guarded, Kept, days, usual
from tests.support.vandals import vandal

#: What Python tells of before it is done: files, folders, and programs such as git.
_DEEDS = frozenset({
    "open", "os.link", "os.remove", "os.mkdir", "os.rename", "os.rmdir",
    "subprocess.Popen",
})  # fmt: skip
#: So many deaths in each phase, spread over all that it does.
_DEATHS = 5
#: A child is given so many seconds, and so many times.
_LONG = 30.0
_FORKS = 3
_POLICY = {
    "keep": {"daily": 1, "weekly": 0, "monthly": 0, "within": "1d", "least": 2},
    "prune": {"most": "90%"},
}


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    """Guessing passwords is cheap in here."""
    with patch.dict(_archive_seal._COST, n=16):
        yield


@pytest.fixture(scope="module")
def world(cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    made = Guarded(tmp_path_factory.mktemp("killed") / "w", "archive", 3, _POLICY)
    assert [alarm for alarms in days(made, 3) for alarm in alarms] == []
    made.later(hours=23)
    usual(made)
    return made


def backs_up(world: Guarded) -> None:
    """It is 03:00: the next apply backs up."""


def copies(world: Guarded) -> None:
    """It has backed up: the next apply copies, and prunes."""
    world.apply()
    world.later(minutes=30)


def drills(world: Guarded) -> None:
    """It has copied too: the next apply drills."""
    copies(world)
    world.apply()
    world.later(minutes=30)


def lived(world: Guarded, kept: Kept, at: int) -> tuple[int, bool]:
    """
    Apply from *kept* in a process that dies before its deed *at*; how many, and if.

    It is forked from a process that has threads (of servers, of the test run): now and
    then such a child waits for ever for what a thread had in its hands. That says
    nothing of what it was to do, and it is begun anew.
    """
    for _ in range(_FORKS):
        world.back(kept, str(at))
        if (found := _lived(world, at)) is not None:
            return found
    raise AssertionError(f"it hangs before or at its deed {at}")


def _lived(world: Guarded, at: int) -> tuple[int, bool] | None:
    """Do it once; None where it did not end."""
    read, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        count = 0

        def look(event: str, arguments: Any) -> None:
            nonlocal count
            if event in _DEEDS and _ours(world, event, arguments):
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        try:
            world.apply()
            os.write(told, str(count).encode())
        finally:
            os._exit(0)
    os.close(told)
    status = _ended(child)
    with os.fdopen(read, "rb") as said:
        if status is None:
            return None
        return int(said.read() or 0), os.WIFSIGNALED(status)


def _ended(child: int) -> int | None:
    """Return how *child* ended; None where it had to be ended."""
    until = time.monotonic() + _LONG
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _ours(world: Guarded, event: str, arguments: Any) -> bool:
    if event == "subprocess.Popen":
        return True
    path = str(arguments[0])
    kept = ("near/", "far/", "scratch/")
    return any(path.startswith(f"{world.base}/{one}") for one in kept)


def facts(world: Guarded) -> Any:
    project = world.project()
    try:
        return project.store.read().record("Backup", UID).facts
    finally:
        project.close()


def there(world: Guarded) -> dict[str, set[str]]:
    """Return what each copy lists, after all of it was read and compared."""
    found = {}
    for name in ("near", "far"):
        hands = vandal(world, name)
        hands.verify()
        found[name] = set(hands.ids())
    return found


def truthful(world: Guarded) -> None:
    """See that every receipt is of what is there, and that nothing else is needed."""
    recorded, listed = facts(world), there(world)
    for copy, known in vouched(recorded).items():
        assert set(known) <= listed[copy]
    newest = {one.copy: one for one in receipts(recorded)}
    for copy, one in newest.items():
        assert set(one.snapshots.values()) <= listed[copy]


@pytest.mark.parametrize("begin", [backs_up, copies, drills])
def test_whatever_it_was_doing(
    world: Guarded, begin: Callable[[Guarded], None]
) -> None:
    start = world.keep()
    begin(world)
    kept = world.keep(".begun")
    whole, died = lived(world, kept, 0)
    assert whole > _DEATHS
    assert not died
    done = there(world)
    try:
        for number in range(_DEATHS):
            once(world, kept, 1 + number * whole // _DEATHS, done)
    finally:
        world.back(start, "start")


def once(world: Guarded, kept: Kept, at: int, done: dict[str, set[str]]) -> None:
    """Die once, at a deed; then let it be half an hour later, and go on."""
    world.back(kept, str(at))
    before, had = facts(world), there(world)
    _, died = lived(world, kept, at)
    assert died, at
    world.dated()
    now = there(world)
    assert all(had[one] & done[one] <= now[one] for one in had), at
    assert set(vouched(facts(world))["near"]) <= now["near"] | had["near"]
    world.later(minutes=31)  # its lease is over
    told = [alarm for _ in range(3) for alarm in world.alarms(world.apply())]
    assert [one for one in told if not _waits(one)] == [], at
    truthful(world)
    assert list((world.base / "scratch").iterdir()) == [], at
    assert facts(world)["receipts"][-1]["at"] >= before["receipts"][-1]["at"], at
    assert all(there(world).values())


def _waits(one: Alarm) -> bool:
    """
    Whether it is only told of because the clock went on.

    A prune that was decided on beside a backup is refused, since more is there by then,
    and is done by the next run: what a drill brought back is free to go as of today.
    """
    return one.code == "rpo-late" or (one.layer, one.code) == ("refused", "prune")


def test_a_death_that_is_not_told_of_would_be_seen(world: Guarded) -> None:
    """What the test itself looks for: a receipt of what is not there."""
    start = world.keep()
    hands = vandal(world, "near")
    hands.forget(hands.newest()[:1])
    with pytest.raises(AssertionError):
        truthful(world)
    world.back(start, "again")


def test_the_scratch_folder_is_where_it_is_looked_for(world: Guarded) -> None:
    assert Path(world.base / "scratch").is_dir()
