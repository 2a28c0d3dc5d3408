"""An apply that winds a bucket back is killed (SIGKILL) before a step of it."""

from __future__ import annotations

import os
import signal
import traceback
from pathlib import Path
from typing import Any

from reconciler.kinds.backup.facts import vouched
from reconciler.providers import _archive_seal
from reconciler.providers._aws import Calls
from tests.e2e.test_backups_killed import facts
from tests.support.bucketed import Bucketed, server

_EFFECTS = ("put_", "delete_", "complete_")


def dies(world: Bucketed, at: int) -> bool:
    """Apply what a person approved, and die before an effect in the bucket; say if."""
    world.time.set(world.now, frozen=True)  # what a child sets, the server never sees
    child = os.fork()
    if child == 0:
        left, ask = [at], Calls.__call__

        def look(self: Calls, operation: str, **values: Any) -> Any:
            if operation.startswith(_EFFECTS):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return ask(self, operation, **values)

        Calls.__call__ = look  # type: ignore[method-assign]
        try:
            world.apply("rewind")
        except BaseException:  # noqa: BLE001  (told, and an end of its own)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def hidden(world: Bucketed) -> None:
    """Hide all, and write over what opens it, as who has the keys can."""
    world.time.set(world.now, frozen=True)
    for key in world.names():
        if key.endswith("archive.json"):
            world.s3.put_object(
                Bucket=world.bucket, Key=key, Body=b"{}", ChecksumAlgorithm="SHA256"
            )
        world.s3.delete_object(Bucket=world.bucket, Key=key)


def test_whatever_stops_it_the_next_one_ends_it(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    with server() as at:
        world = Bucketed(tmp_path / "w", at, 1, locks=False)
        assert world.alarms(world.apply()) == []
        had, known = set(world.names()), vouched(facts(world))["near"]
        assert len(known) == 2
        for effect in (2, 3):  # while all comes back, and before what opens it does
            world.later(minutes=40)
            hidden(world)
            world.later(minutes=10)
            assert dies(world, effect)
            assert vouched(facts(world))["near"] == known  # nothing is given up
            world.later(minutes=31)  # its lease is over
            done = [(o.outcome.verb, o.status) for o in world.apply("rewind").done]
            assert done == [("rewind", "applied")], effect
            assert had <= set(world.names())
        world.later(hours=1)
        told = [one.message for one in world.plan().findings if one.kind == "Backup"]
        assert told == []
