"""The real restic in a bucket: an S3 server over a real socket (moto)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconciler.errors import Rejected
from reconciler.kinds.backup import CopyState, ExtendLock, Rewind
from reconciler.model import Absent, Unknown
from reconciler.providers._restic_relay import relayed
from reconciler.providers._restic_where import store_at
from tests.support.archives import ESCROW, PASSWORD, backup, site
from tests.support.buckets import KEYS, age, bodies, by_hand, fresh, serving, visible
from tests.support.contract import NOW
from tests.support.restic_bucket_contract import ResticBucketContract
from tests.support.restics import ResticBucket, ResticPlace


class TestContract(ResticBucketContract):
    pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def s3(server: str) -> Iterator[Any]:
    with by_hand(server) as made:
        yield made


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: Any) -> None:
    """Restic's cache is ours alone."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def name(s3: Any) -> str:
    return fresh(s3)


@pytest.fixture
def place(server: str, s3: Any, name: str, tmp_path: Path) -> Iterator[ResticBucket]:
    url = f"s3:{server}/{name}/below"
    secrets = {"password": PASSWORD, "escrowKey": ESCROW, **KEYS}
    made = ResticBucket(s3, url, name, tmp_path / "r", secrets=secrets).ready()
    yield made
    made.driver.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return site(tmp_path / "home")


def recalled(want: Any, received: Any, copy: str = "near") -> Any:
    """Return *want* with a record that vouches for what was received."""
    rows = {
        row["snapshot"]: [source, received["at"]]
        for source, row in received["sources"].items()
    }
    return want.recalling(lambda: {"vouched": {copy: rows}})


def state(place: ResticBucket, want: Any) -> CopyState:
    driver = place.again()
    found = driver.observe([want]).states[want.name]
    driver.close()
    assert isinstance(found, CopyState), found
    return found


def test_everything_comes_back(place, root, tmp_path):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    (snap,) = state(place, want).snapshots
    assert snap.id == said["sources"]["files"]["snapshot"]
    assert abs(snap.at - datetime.now(UTC)) < timedelta(minutes=5)
    assert state(place, want).versioned is True
    assert place.check(want, 1, 1)["verdict"] == "passed"
    done = place.drill(want, said, escrow=True)
    assert (done["verdict"], done["why"]) == ("passed", "")


def test_what_is_not_there_is_absent_and_no_bucket_is_unknown(
    server, s3, name, tmp_path
):
    for one, kind in ((name, Absent), ("nowhere-at-all", Unknown)):
        url = f"s3:{server}/{one}/below"
        place = ResticBucket(s3, url, one, tmp_path / "r", secrets=KEYS)
        (found,) = place.have(place.repository()).values()
        assert isinstance(found, kind)
        assert "s-1" not in str(found)
        place.driver.close()


def test_a_drill_reads_no_cache(place, root, s3, name, tmp_path):
    """A tree that is in the cache alone is lost."""
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    assert list((tmp_path / ".cache" / "restic").iterdir())
    for key in visible(s3, name):
        if "/data/" in key:
            s3.delete_object(Bucket=name, Key=key)
    done = place.drill(want, said)
    assert done["verdict"] == "failed"
    assert "data/" in done["why"]  # the pack that is not there


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


def test_a_copy_from_a_folder_and_back(place, root, tmp_path):
    want = backup(root)
    near = ResticPlace(tmp_path / "local", "local").ready()
    near.back_up(want)
    done = place.copy(want, near, near.ids(want)).details
    (there,) = place.ids(want)
    assert done["copied"] == {near.ids(want)[0]: there}
    back = ResticPlace(tmp_path / "third", "third").ready()
    assert back.copy(want, place, [there]).details["new"] == 1
    assert back.snapshots(want)[0].original == near.ids(want)[0]


def test_a_copy_between_buckets_with_keys_of_their_own(
    place, root, server, s3, tmp_path
):
    """Restic takes one pair of keys: the one that is copied from is served to it."""
    want = backup(root)
    place.back_up(want)
    other = fresh(s3)
    keys = {one: f"other:{one}" for one in KEYS}
    secrets = {"password": PASSWORD, "escrowKey": ESCROW, **keys}
    url = f"s3:{server}/{other}/below"
    far = ResticBucket(s3, url, other, tmp_path / "f", name="far", secrets=secrets)
    far.ready()
    ids = place.ids(want)
    before = visible(s3, place.bucket)
    assert set(far.copy(want, place, ids).details["copied"]) == set(ids)
    assert visible(s3, place.bucket) == before
    assert far.check(want, 1, 1)["verdict"] == "passed"
    far.driver.close()


def test_what_is_served_is_for_one_who_knows_the_password(place, root):
    place.back_up(backup(root))
    bucket = store_at(place.account, "drill")
    with relayed(bucket, place.repo) as there:
        whole = there.environ["RESTIC_REPOSITORY"].removeprefix("rest:")
        nobody = re.sub("//.*@", "//", whole)
        assert httpx.get(f"{whole}config").content
        asked = {"Range": "bytes=2-5"}
        part = httpx.get(f"{whole}config", headers=asked)
        assert (part.status_code, len(part.content)) == (206, 4)
        assert httpx.get(f"{nobody}config").status_code == 401
        for path in ("nothing", "data/config", "keys/" + "0" * 64, "evil/"):
            assert httpx.get(f"{whole}{path}").status_code in {400, 404}
        assert httpx.delete(f"{whole}config").status_code == 501
        assert httpx.post(f"{whole}config", content=b"x").status_code == 501
        assert not [one for one in there.secrets if one in repr(there)]
    bucket.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{whole}config")


def test_a_rest_server_is_read_by_what_its_clients_say(place, root, tmp_path):
    """Nothing there says when a snapshot came."""
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    bucket = store_at(place.account, "drill")
    with relayed(bucket, place.repo) as there:
        told, _, host = there.environ["RESTIC_REPOSITORY"][12:].partition("@")
        url = f"rest:http://{host}"
        secrets = {"password": PASSWORD, "drill": told}
        far = ResticPlace(tmp_path / "x", "rest", url=url, escrow=None, secrets=secrets)
        seen = far.again().observe([want, far.repository()]).states
        assert seen["rest"].snapshots == 1
        (snap,) = seen[want.name].snapshots
        assert (snap.at, snap.said) == (NOW, NOW)
        assert far.drill(want, said)["verdict"] == "passed"
        with pytest.raises(Rejected):
            far.back_up(want, "next")  # who only reads
        far.account = far.account._replace(
            secrets={"password": PASSWORD, "drill": "copy:wrong-words"}
        )
        found = far.again().observe([want]).states[want.name]
        assert isinstance(found, Unknown)
        assert "wrong-words" not in found.why
        assert told.partition(":")[2] not in str(seen)
    bucket.close()


def test_everything_is_locked_for_longer(place, root, s3, name):
    want = backup(root, mode="governance")
    place.back_up(want)
    assert state(place, want).locked is None
    late = (place.now + timedelta(days=40)).replace(microsecond=0)
    longer = []
    for until in (late, late - timedelta(days=10)):
        change = place.change(ExtendLock, until=until.isoformat())
        longer.append(place.driver.apply(want, change, "k").details["longer"])
    assert longer == [len(visible(s3, name)), 0]
    found = state(place, want)
    assert found.locked == found.snapshots[0].locked == late
    place.back_up(want, "next")
    assert state(place, want).locked == late  # what is new has no lock here


def test_what_has_no_lock_or_a_weaker_one_is_told_and_locked(place, root, s3, name):
    """Of the snapshots only those that are asked for: others may go in their time."""
    want = backup(root, mode="compliance")
    place.back_up(want)
    soon = (place.now + timedelta(days=20)).replace(microsecond=0)
    weak = backup(root, mode="governance")
    place.driver.apply(weak, place.change(ExtendLock, until=soon.isoformat()), "k")
    found = state(place, want)
    assert (found.exposed, found.snapshots[0].governed) == (True, True)
    assert state(place, weak).exposed is False
    place.back_up(want, "next")
    old, new = state(place, want).snapshots
    late = soon + timedelta(days=10)
    told = {"until": late.isoformat(), "ids": [new.id]}
    place.driver.apply(want, place.change(ExtendLock, **told), "k")
    found = state(place, want)
    assert [one.locked for one in found.snapshots] == [soon, late]
    assert [one.governed for one in found.snapshots] == [True, False]
    assert found.exposed is False
    assert old.id == found.snapshots[0].id


def hide(s3: Any, name: str, part: str = "") -> None:
    """Delete all, as who has keys may; a day goes by."""
    for key in visible(s3, name):
        if part in key:
            s3.delete_object(Bucket=name, Key=key)
    age(name, timedelta(hours=2))


def wind_back(place: ResticBucket, want: Any) -> Any:
    """Go to where nothing was hidden."""
    since = state(place, want).hidden_since
    assert since
    to, seen = since - timedelta(seconds=1), datetime.now(UTC)
    change = place.change(Rewind, to=to.isoformat(), seen=seen.isoformat())
    driver = place.again()
    try:
        return driver.apply(want, change, "k").details
    finally:
        driver.close()


@pytest.mark.parametrize("part", ["", "/snapshots/"])
def test_all_that_is_hidden_comes_back(place, root, s3, name, part):
    want = backup(root)
    want = recalled(want, place.back_up(want).details)
    ids = place.ids(want)
    age(name, timedelta(days=2))
    before = bodies(s3, name)
    hide(s3, name, part)
    seen = place.again().observe([want, place.repository()]).states
    assert not isinstance(seen["near"], Absent)  # and nothing is made in its place
    assert seen[want.name].snapshots == ()
    assert seen[want.name].hidden == (4 if part == "" else 1)
    done = wind_back(place, want)
    assert (done["written"], done["hidden"], done["snapshots"]) == (0, 0, 1)
    assert place.ids(want) == ids
    assert place.check(want, 1, 1)["verdict"] == "passed"
    assert bodies(s3, name) >= before
    assert state(place, want).hidden == 0


def test_a_repository_that_was_made_anew_is_what_it_was_again(
    place, root, s3, name, tmp_path
):
    want = backup(root)
    want = recalled(want, place.back_up(want).details)
    ids = place.ids(want)
    age(name, timedelta(days=2))
    other = ResticPlace(tmp_path / "other", secrets={"password": "evil"}).ready()
    other.back_up(want, "evil")
    place.keep(other.folder)
    age(name, timedelta(hours=2))
    seen = place.again().observe([want, place.repository()]).states
    assert isinstance(seen["near"], Unknown)
    assert seen[want.name].hidden >= 1
    done = wind_back(place, want)
    assert done["written"] == 1
    assert done["hidden"] > 0
    assert place.ids(want) == ids
    assert place.check(want, 1, 1)["verdict"] == "passed"


def test_what_a_prune_of_ours_hides_is_not_told(place, root):
    want = backup(root)
    place.back_up(want, "one")
    (first,) = place.ids(want)
    want = recalled(want, place.back_up(want, "two").details)
    (second,) = {*place.ids(want)} - {first}  # of one second, they may lie in any order
    place.prune(want, [first], [second])
    assert state(place, want).hidden == 0
