"""The built-in engine in a bucket: an S3 server over a real socket (moto)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from reconciler.errors import Rejected, Transient
from reconciler.kinds.backup import Backup, CopyState, ExtendLock
from reconciler.model import Absent, Unknown
from reconciler.providers import _archive_bucket, _archive_seal
from tests.support.archives import ESCROW, PASSWORD, Place, backup, site

KEYS = {"write": "adds:s-1", "maintain": "deletes:s-2", "drill": "reads:s-3"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    yield f"http://127.0.0.1:{running.get_host_and_port()[1]}"
    running.stop()


@pytest.fixture(scope="module")
def s3(server: str) -> Any:
    made = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    yield made
    made.close()


@pytest.fixture
def bucket(request: pytest.FixtureRequest, s3: Any, monkeypatch: Any) -> str:
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    name = f"b-{abs(hash(request.node.nodeid))}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


@pytest.fixture
def place(server: str, bucket: str, tmp_path: Path) -> Iterator[Place]:
    url = f"s3:{server}/{bucket}/below"
    secrets = {"password": PASSWORD, "escrowKey": ESCROW, **KEYS}
    made = Place(tmp_path, url=url, path="site-a", secrets=secrets).ready()
    # The server's clock is the real one.
    yield made
    made.driver.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return site(tmp_path / "home")


def keys(s3: Any, bucket: str) -> list[str]:
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    return sorted(one["Key"] for one in found)


def test_everything_comes_back(place, root, s3, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(_archive_bucket, "_PART", 5 << 20)
    noise = os.urandom(11 << 20)
    (root / "public_html" / "noise").write_bytes(noise)
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    assert place.back_up(want).details == said
    assert len(keys(s3, bucket)) == 4
    assert all(one.startswith("below/site-a/") for one in keys(s3, bucket))
    (snap,) = place.snapshots(want)
    assert snap.files == 16
    assert place.check(want)["verdict"] == "passed"
    done = place.drill(want, said, escrow=True)
    assert (done["verdict"], done["why"]) == ("passed", "")


def test_a_listing_tells_what_is_there(place, root, s3, bucket):
    want = backup(root)
    assert not place.snapshots(want)
    place.back_up(want)
    state = place.again().observe([want, place.repository()]).states
    assert state["near"].snapshots == 1
    assert state["near"].newest == state[want.name].snapshots[0].at
    assert state[want.name].versioned is True
    (data,) = (one for one in keys(s3, bucket) if "/data/" in one)
    s3.delete_object(Bucket=bucket, Key=data)
    assert not place.snapshots(want)
    assert place.check(want)["verdict"] == "failed"


def test_what_is_not_there_is_absent_and_no_bucket_is_unknown(server, bucket, tmp_path):
    for name, kind in ((bucket, Absent), ("nowhere-at-all", Unknown)):
        url = f"s3:{server}/{name}"
        place = Place(tmp_path, url=url, secrets=KEYS)
        (state,) = place.have(place.repository()).values()
        assert isinstance(state, kind)
        assert "s-1" not in str(state)


def test_an_index_is_written_once(place, root, s3, bucket):
    want = backup(root)
    place.back_up(want)
    store = place.driver._archive.store
    (index,) = (one for one in store.names("index/"))
    assert store.put(index.name, b"{}") is False
    assert place.check(want)["verdict"] == "passed"


def test_each_does_what_it_may(place, root):
    want = backup(root)
    place.back_up(want, "one")
    place.back_up(want, "two")
    first, second = place.ids(want)
    without = {k: v for k, v in place.account.secrets.items() if k != "maintain"}
    place.account, kept = place.account._replace(secrets=without), place.account
    place.driver = place.again()
    with pytest.raises(Rejected, match=r"no credentials\.maintain"):
        place.prune(want, [first], [second])
    place.account = kept
    place.driver = place.again()
    assert place.prune(want, [first], [second]).details["left"] == 1
    assert place.ids(want) == [second]


def test_locks_are_made_longer_and_never_shorter(place, root, s3, bucket):
    want = backup(root, mode="governance")
    place.back_up(want)
    assert place.snapshots(want)[0].locked is None
    late = (place.now + timedelta(days=40)).replace(microsecond=0)
    for until in (late, late - timedelta(days=10)):
        change = place.change(ExtendLock, until=until.isoformat())
        assert place.driver.apply(want, change, "k").details["objects"] == 4
    state = place.again().observe([want]).states[want.name]
    assert state.locked == state.snapshots[0].locked == late
    assert place.check(want)["verdict"] == "passed"


def lock(place: Place, want: Backup, days: int, **more: Any) -> datetime:
    """Lock everything, or what is said, for so many days; return until when."""
    until = (place.now + timedelta(days=days)).replace(microsecond=0)
    change = place.change(ExtendLock, until=until.isoformat(), **more)
    place.driver.apply(want, change, "k")
    return until


def seen(place: Place, want: Backup) -> CopyState:
    found = place.again().observe([want]).states[want.name]
    assert isinstance(found, CopyState)
    return found


def test_governance_is_no_compliance_and_becomes_one(place, root, s3, bucket):
    want, weak = (backup(root, mode=one) for one in ("compliance", "governance"))
    place.back_up(want)
    late = lock(place, weak, 60)
    state = seen(place, want)
    assert (state.snapshots[0].governed, state.exposed) == (True, True)
    assert not seen(place, weak).exposed
    lock(place, want, 30)
    heads = [s3.head_object(Bucket=bucket, Key=one) for one in keys(s3, bucket)]
    assert [one["ObjectLockMode"] for one in heads] == ["COMPLIANCE"] * 4
    state = seen(place, want)
    assert (state.snapshots[0].governed, state.exposed) == (False, False)
    assert state.locked == state.snapshots[0].locked == late


def test_what_has_no_lock_is_locked_alone(place, root):
    want = backup(root, mode="compliance")
    place.back_up(want)
    assert seen(place, want).exposed
    soon = lock(place, want, 20)
    place.back_up(want, "next")
    old, new = seen(place, want).snapshots
    assert (old.locked, new.locked) == (soon, None)
    late = lock(place, want, 40, ids=[new.id])
    state = seen(place, want)
    assert [one.locked for one in state.snapshots] == [soon, late]
    assert not state.exposed


def test_what_stops_half_way_leaves_nothing(place, root, s3, bucket, monkeypatch):
    monkeypatch.setattr(_archive_bucket, "_PART", 5 << 20)
    (root / "public_html" / "noise").write_bytes(os.urandom(11 << 20))
    want = backup(root, {"files": {"paths": ["public_html"], "minFiles": 99}})
    with pytest.raises(Rejected, match="minFiles"):
        place.back_up(want)
    assert [one.rpartition("/")[2] for one in keys(s3, bucket)] == ["archive.json"]
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_server_that_is_gone_is_transient(place, root):
    want = backup(root)
    place.back_up(want)
    url = "s3:http://127.0.0.1:9/bucket"
    gone = place.account._replace(endpoint=url, settings={"url": url})
    place.account = gone
    state = place.again().observe([want]).states[want.name]
    assert isinstance(state, Unknown)
    with pytest.raises(Transient):
        place.again().apply(want, place.due("next"), "k")
    assert json.dumps(str(state)).find(PASSWORD) < 0
