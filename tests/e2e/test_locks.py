"""A lock that somebody shortens in a real bucket, and a plan on another machine."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.providers import _archive_seal
from tests.support.bucketed import Bucketed, server
from tests.support.guarded import usual


def shortened(world: Bucketed, key: str, by: timedelta) -> None:
    """Have one object be locked for less, as who may bypass governance can."""
    said = world.s3.head_object(Bucket=world.bucket, Key=key)
    until = said["ObjectLockRetainUntilDate"] - by
    world.s3.put_object_retention(
        Bucket=world.bucket,
        Key=key,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
        BypassGovernanceRetention=True,
        ChecksumAlgorithm="SHA256",
    )


def newest(world: Bucketed) -> str:
    """Return the last data that came."""
    said = world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]
    rows = [(one["LastModified"], one["Key"]) for one in said if "/data/" in one["Key"]]
    return max(rows)[1]


def test_one_lock_that_is_not_the_first_to_end(tmp_path: Path, monkeypatch: Any):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    with server() as at:
        world = Bucketed(tmp_path / "w", at, 1, locks=True)
        for _ in range(2):
            assert world.alarms(world.apply()) == []
            world.later(hours=24)
            usual(world)
        assert "backup-tampered" not in {one.code for one in world.plan().findings}
        shortened(world, newest(world), timedelta(hours=20))
        for kept in world.root.glob(".reconciler*"):
            shutil.rmtree(kept)  # another machine has no cache
        found = {one.code: one.message for one in world.plan().findings}
        assert "locked for less than before" in found["backup-tampered"]
