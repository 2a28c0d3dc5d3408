"""Locks, what is hidden, and the way back: pure, and on a server of S3 (moto)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.providers import _archive_bucket, _s3_rewind
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._s3_objects import (
    Objects,
    Version,
    extend,
    hidden,
    hidings,
    newest_first,
)
from reconciler.providers._s3_rewind import Back, Step, rewind, shown_at, steps
from tests.support.buckets import age, bodies, by_hand, fresh, place, serving, visible

T0 = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = "everything"


def back(to: datetime = T0, **more: Any) -> Back:
    told: dict[str, Any] = {
        "seen": T0 + 99 * HOUR,
        "touch": lambda name: True,
        "keep": lambda name: False,
    }
    return Back(to, **{**told, **more})


# -- what has to be done: pure ---------------------------------------------------------


class Model:
    """S3's rules for versions of one object, and nothing else."""

    def __init__(self) -> None:
        self.events: dict[str, list[Version]] = {}
        self.count = 0

    def put(self, name: str, at: datetime, content: str) -> None:
        self._add(name, at, content, marker=False)

    def delete(self, name: str, at: datetime) -> None:
        if self.events.get(name):
            self._add(name, at, "", marker=True)

    def _add(self, name: str, at: datetime, content: str, *, marker: bool) -> None:
        self.count += 1
        one = Version(name, f"v{self.count}", at, len(content), content, marker, True)
        old = [each._replace(latest=False) for each in self.events.get(name, ())]
        self.events[name] = [one, *old]

    def view(self, at: datetime | None = None) -> dict[str, str]:
        """What is shown, now or at a moment."""
        found = {}
        for name, events in self.events.items():
            last = next((one for one in events if at is None or one.at <= at), None)
            if last is not None and not last.marker:
                found[name] = last.etag
        return found

    def do(self, step: Step, at: datetime) -> None:
        if step.deed == "hide":
            self.delete(step.name, at)
        elif step.deed == "write":
            self.put(step.name, at, step.versions[0].etag)
        else:
            gone = {one.id for one in step.versions}
            assert all(one.marker for one in step.versions)
            left = [one for one in self.events[step.name] if one.id not in gone]
            left[0] = left[0]._replace(latest=True)
            self.events[step.name] = left


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "delete"]),
        st.sampled_from(["data/1", "data/2", "index/a", "locks/x", "config"]),
        st.sampled_from("abc"),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(DEEDS, DEEDS, st.integers(0, 30))
def test_it_shows_what_it_showed_and_loses_nothing(before, after, cut):
    """However far a first attempt came."""
    model, now = Model(), T0 - 50 * HOUR
    for deeds in (before, after):
        for deed, name, content in deeds:
            now += timedelta(minutes=1)
            if deed == "put":
                model.put(name, now, content)
            else:
                model.delete(name, now)
        now = max(now, T0) if deeds is before else now
    then = model.view(T0)
    locks = {k: v for k, v in model.view().items() if k.startswith("locks/")}
    kept = {one for events in model.events.values() for one in _contents(events)}
    now = T0 + 30 * HOUR
    for step in steps(model.events, back())[:cut]:
        model.do(step, now)
    for step in steps(model.events, back()):
        model.do(step, now)
    assert steps(model.events, back()) == []
    assert kept <= {one for e in model.events.values() for one in _contents(e)}
    seen = {k: v for k, v in model.view().items() if not k.startswith("locks/")}
    assert seen == {k: v for k, v in then.items() if not k.startswith("locks/")}
    assert {k: v for k, v in model.view().items() if k.startswith("locks/")} == locks


def _contents(events):
    return {(one.name, one.id) for one in events if not one.marker}


def test_data_comes_back_before_what_lists_it_and_what_goes_goes_last():
    model = Model()
    for name in ("config", "snapshots/1", "index/1", "data/1", "keys/1"):
        model.put(name, T0 - HOUR, "x")
        model.delete(name, T0 + HOUR)
    model.put("data/evil", T0 + HOUR, "y")
    found = steps(model.events, back())
    assert [one.name for one in found] == [
        "data/1", "index/1", "snapshots/1", "keys/1", "config", "data/evil",
    ]  # fmt: skip
    assert found[-1].deed == "hide"


def test_what_is_not_asked_for_came_later_or_is_kept_is_left_alone():
    model = Model()
    model.put("index/new", T0 + HOUR, "x")
    assert [one.deed for one in steps(model.events, back())] == ["hide"]
    assert not steps(model.events, back(keep=lambda name: name == "index/new"))
    assert not steps(model.events, back(touch=lambda name: name != "index/new"))
    assert not steps(model.events, back(seen=T0 + HOUR / 2))


def test_a_marker_without_a_version_of_its_own_is_never_taken_away():
    """Who names it names whatever has no version by then."""
    one = Version("a", "v1", T0 - HOUR, 1, "e")
    marker = Version("a", "null", T0 + HOUR, marker=True, latest=True)
    (step,) = steps({"a": [marker, one]}, back())
    assert (step.deed, step.versions) == ("write", (one,))


def test_in_one_second_what_is_shown_comes_first():
    one = Version("a", "v1", T0, 1, "e")
    marker = Version("a", "m1", T0, marker=True, latest=True)
    assert shown_at([marker, one], T0) == one
    assert shown_at([marker, one], T0 - HOUR) is None


def test_what_is_hidden_or_overwritten_is_told_with_when_it_began():
    model = Model()
    for name in ("hidden", "twice", "over", "again", "fine"):
        model.put(name, T0 - HOUR, "x")
    model.delete("hidden", T0)
    model.delete("twice", T0)
    model.delete("twice", T0 + 9 * HOUR)
    model.put("over", T0 + HOUR, "evil")
    model.put("over", T0 + 2 * HOUR, "more")
    model.put("again", T0, "evil")
    model.put("again", T0 + HOUR, "x")
    model.put("made anew", T0 - 3 * HOUR, "x")
    model.delete("made anew", T0 - 2 * HOUR)
    model.put("made anew", T0, "y")
    model.put("both", T0 - HOUR, "x")
    model.put("both", T0 + HOUR, "evil")
    model.delete("both", T0 + 9 * HOUR)
    for content, hours in (("x", 0), ("evil", 1), ("x", 2), ("evil", 5)):
        model.put("wound back", T0 + (hours - 1) * HOUR, content)
    found = dict(hidden(model.events))
    later = T0 + HOUR
    assert found.pop("wound back") == T0 + 4 * HOUR
    assert found == {"hidden": T0, "twice": T0, "over": later, "both": later}
    deeds = [("a", T0), ("config", T0 + HOUR), ("b", T0 + 3 * HOUR)]
    first, second = hidings(deeds, "config")
    assert (first.since, first.until, first.objects) == (T0, T0 + HOUR, 2)
    assert (second.objects, first.opens, second.opens) == (1, True, False)


def test_what_was_written_and_hidden_in_one_second_was_hidden_last():
    """A listing has whole seconds, and markers stand apart in it."""
    first = Version("a", "1", T0 - HOUR, 1, "x")
    evil, marker = Version("a", "2", T0, 2, "evil"), Version("a", "3", T0, marker=True)
    again = Version("a", "4", T0 + HOUR, 1, "x", latest=True)
    rows = sorted([again, evil, first, marker], key=newest_first)
    assert [one.id for one in rows] == ["4", "3", "2", "1"]
    assert dict(hidden({"a": rows})) == {}
    last = evil._replace(latest=True)  # it was hidden first, and written then
    rows = sorted([last, first, marker], key=newest_first)
    assert [one.id for one in rows] == ["2", "3", "1"]


# -- on a server -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def s3(server: str) -> Iterator[Any]:
    with by_hand(server) as made:
        yield made


@pytest.fixture
def name(s3: Any) -> str:
    return fresh(s3)


@pytest.fixture
def bucket(server: str, name: str) -> Iterator[Bucket]:
    made = place(server, name)
    yield made
    made.close()


def fill(bucket: Bucket, many: int = 3) -> list[str]:
    names = [f"data/{number}" for number in range(many)]
    for one in names:
        assert bucket.put(one, one.encode())
    return names


def attacked(s3: Any, bucket: Bucket, name: str) -> dict[str, bytes]:
    """Fill it, and a day later have somebody hide, overwrite and add; what was seen."""
    fill(bucket)
    bucket.put("config", b"ours")
    age(name, timedelta(days=1))
    seen = visible(s3, name)
    for key in ("below/data/0", "below/data/1"):
        s3.delete_object(Bucket=name, Key=key)
    for key in ("below/config", "below/evil"):
        s3.put_object(Bucket=name, Key=key, Body=b"theirs", ChecksumAlgorithm="SHA256")
    age(name, timedelta(hours=2))
    return seen


def yesterday(listing: Any) -> Back:
    """Where the attack had not begun yet."""
    return back(listing.now - timedelta(hours=12), seen=listing.now)


def test_it_comes_back_and_nothing_is_deleted(s3, bucket, name):
    seen = attacked(s3, bucket, name)
    before = bodies(s3, name)
    done = rewind(Objects(bucket), yesterday)
    assert visible(s3, name) == seen
    assert before < bodies(s3, name)
    assert (done["shown"], done["written"], done["hidden"]) == (2, 1, 1)
    assert done["bytes"] == len(b"ours")
    age(name, timedelta(hours=1))
    again = rewind(Objects(bucket), lambda one: back(one.now - 13 * HOUR, seen=one.now))
    assert (again["shown"], again["written"], again["hidden"]) == (0, 0, 0)


def test_what_was_written_again_is_known_again_where_its_hash_tells_nothing(
    s3, bucket, name
):
    """With keys of KMS an ETag is another one each time."""
    attacked(s3, bucket, name)
    objects = Objects(bucket)
    rewind(objects, yesterday)
    (new, bad, old) = objects.versions("config").rows["config"]
    assert objects.is_copy(new._replace(etag="other"), old)
    assert not objects.is_copy(bad, old)
    assert not objects.is_copy(bad._replace(size=old.size, id=bad.id), old)


def test_large_objects_are_written_again_in_parts(s3, bucket, name, monkeypatch):
    monkeypatch.setattr(_archive_bucket, "_PART", 5 << 20)
    content = bytes(range(256)) * (11 << 12)
    with bucket.writing("data/large") as out:
        out.write(content)
    age(name, timedelta(days=1))
    s3.put_object(Bucket=name, Key="below/data/large", Body=b"x", ChecksumAlgorithm="SHA256")  # fmt: skip
    age(name, timedelta(hours=2))
    rewind(Objects(bucket), yesterday)
    assert visible(s3, name)["below/data/large"] == content
    listing = Objects(bucket).versions()
    assert steps(listing.rows, yesterday(listing), Objects(bucket)) == []


def test_it_is_refused_while_somebody_writes(s3, bucket, name):
    attacked(s3, bucket, name)
    s3.put_object(Bucket=name, Key="below/late", Body=b"x", ChecksumAlgorithm="SHA256")
    before = visible(s3, name)
    with pytest.raises(Transient, match="somebody writes there: late"):
        rewind(Objects(bucket), yesterday)
    assert visible(s3, name) == before


def test_it_is_refused_while_somebody_has_a_lock_and_no_lock_is_touched(
    s3, bucket, name
):
    attacked(s3, bucket, name)
    bucket.put("locks/1", b"of another host")
    with pytest.raises(Transient, match="somebody works there: locks/1"):
        rewind(Objects(bucket), yesterday)
    age(name, timedelta(minutes=31))
    rewind(Objects(bucket), yesterday)
    assert visible(s3, name)["below/locks/1"] == b"of another host"


def test_it_is_refused_where_hiding_would_be_deleting(s3, server):
    name = fresh(s3, lock=False)
    bucket = place(server, name)
    attacked(s3, bucket, name)
    off = {"Status": "Suspended"}
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=off)
    before = bodies(s3, name)
    with pytest.raises(Rejected, match="keeps no versions"):
        rewind(Objects(bucket), yesterday)
    assert bodies(s3, name) == before
    bucket.close()


def test_who_begins_to_write_meanwhile_is_seen(s3, bucket, name, monkeypatch):
    attacked(s3, bucket, name)
    write = _s3_rewind._write

    def meanwhile(objects: Objects, step: Step) -> None:
        write(objects, step)
        s3.delete_object(Bucket=name, Key="below/data/0")

    monkeypatch.setattr(_s3_rewind, "_write", meanwhile)
    with pytest.raises(Ambiguous, match="data/0 and 0 others changed meanwhile"):
        rewind(Objects(bucket), yesterday)


def test_every_page_is_read(s3, bucket, name, monkeypatch):
    fill(bucket, 7)
    for number in range(3):
        s3.delete_object(Bucket=name, Key=f"below/data/{number}")
    whole = Objects(bucket).versions("data/")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    assert Objects(bucket).versions("data/").rows == whole.rows
    assert sum(map(len, whole.rows.values())) == 10


# -- locks -----------------------------------------------------------------------------


def until(s3: Any, name: str, key: str) -> tuple[str, datetime]:
    said = s3.head_object(Bucket=name, Key=f"below/{key}")
    return said["ObjectLockMode"], said["ObjectLockRetainUntilDate"]


SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)


def test_what_lasts_long_enough_is_left_alone(s3, bucket, name):
    names = fill(bucket)
    assert extend(bucket, names[:2], SOON, "governance")[:2] == (2, 2)
    later = SOON + timedelta(days=5)
    assert bucket.lock(names[0], later, "compliance")
    done = extend(bucket, [*names, "data/gone"], later, "governance")
    assert done[:2] == (4, 2)
    assert [until(s3, name, one) for one in names] == [
        ("COMPLIANCE", later), ("GOVERNANCE", later), ("GOVERNANCE", later),
    ]  # fmt: skip
    assert extend(bucket, names, SOON, "governance").longer == 0
    longest = later + timedelta(days=1)
    extend(bucket, names, longest, "governance")
    assert until(s3, name, names[0]) == ("COMPLIANCE", longest)


def test_what_stopped_half_way_goes_on_where_it_stopped(s3, bucket, name, monkeypatch):
    names = fill(bucket, 20)
    lock, calls = bucket.lock, []

    def breaks(one: str, until: datetime, mode: str) -> bool:
        calls.append(one)
        if len(calls) == 12:
            raise Transient("the server is busy")
        return lock(one, until, mode)

    monkeypatch.setattr(bucket, "lock", breaks)
    with pytest.raises(Ambiguous, match="half-way: the server is busy"):
        extend(bucket, names, SOON, "governance")
    done = extend(bucket, names, SOON, "governance")
    assert 0 < done.longer < 20
    assert {until(s3, name, one)[1] for one in names} == {SOON}


def test_where_nothing_was_done_it_is_no_riddle(bucket, monkeypatch):
    def refuses(one: str, until: datetime, mode: str) -> bool:
        raise Rejected("no")

    monkeypatch.setattr(bucket, "lock", refuses)
    with pytest.raises(Rejected, match="no"):
        extend(bucket, ["a", "b"], SOON, "governance")
