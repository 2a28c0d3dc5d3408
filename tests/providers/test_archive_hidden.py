"""Archives in a bucket that somebody hid: seen, told, and brought back, whatever stops it."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Rejected
from reconciler.kinds.backup import CopyState, Rewind
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Unknown
from reconciler.providers import _archive_seal
from reconciler.providers._archive_snap import folder_of
from reconciler.providers._aws import Calls
from tests.support.archives import ESCROW, PASSWORD, Place, backup, site
from tests.support.buckets import KEYS, age, bodies, by_hand, fresh, serving, visible

SLOTS = ("2026-11-21T02:15", "2026-11-22T02:15")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def s3(server: str) -> Iterator[Any]:
    with by_hand(server) as made:
        yield made


@pytest.fixture
def name(s3: Any, monkeypatch: Any) -> str:
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    return fresh(s3)


@pytest.fixture
def place(server: str, name: str, tmp_path: Path) -> Iterator[Place]:
    url = f"s3:{server}/{name}/below"
    secrets = {"password": PASSWORD, "escrowKey": ESCROW, **KEYS}
    made = Place(tmp_path, url=url, path="site-a", secrets=secrets).ready()
    yield made
    made.driver.close()


@pytest.fixture
def want(tmp_path: Path) -> Any:
    return backup(site(tmp_path / "home"), mode="governance")


def state(place: Place, want: Any) -> CopyState:
    driver = place.again()
    found = driver.observe([want]).states[want.name]
    driver.close()
    assert isinstance(found, CopyState), found
    return found


def aged(
    place: Place, want: Any, name: str, slots: tuple[str, ...] = SLOTS
) -> list[str]:
    """Back up, some days ago; return what is there."""
    for slot in slots:
        place.back_up(want, slot)
    age(name, timedelta(days=2))
    return [one.id for one in state(place, want).snapshots]


def hide(s3: Any, name: str, part: str = "") -> None:
    """Delete all, as who has keys may; a day goes by."""
    for key in visible(s3, name):
        if part in key:
            s3.delete_object(Bucket=name, Key=key)
    age(name, timedelta(hours=2))


def wind_back(place: Place, want: Any, **more: str) -> Any:
    """Go to where nothing was hidden."""
    since = state(place, want).hidden_since
    assert since
    details = {
        "to": (since - timedelta(seconds=1)).isoformat(),
        "seen": datetime.now(UTC).isoformat(),
        **more,
    }
    driver = place.again()
    try:
        return driver.apply(want, place.change(Rewind, **details), "k").details
    finally:
        driver.close()


def test_all_that_is_hidden_comes_back(place, want, s3, name):
    ids = aged(place, want, name)
    before = bodies(s3, name)
    hide(s3, name)
    assert visible(s3, name) == {}
    driver = place.again()
    seen = driver.observe([want, place.repository()]).states
    whole, copy = seen["near"], seen[want.name]
    assert isinstance(whole, RepositoryState)  # and is not made anew
    assert whole.identity == copy.identity == place.driver._archive.config().id
    assert (copy.snapshots, copy.hidden) == ((), 3)
    assert copy.hidings[0].objects == 3
    done = wind_back(place, want)
    assert (done["shown"], done["written"], done["hidden"]) == (7, 0, 0)
    assert set(place.ids(want)) == set(ids)
    assert place.check(want)["verdict"] == "passed"
    assert bodies(s3, name) == before
    assert state(place, want).hidden == 0
    driver.close()


def test_what_is_overwritten_is_what_it_was_again(place, want, s3, name):
    ids = aged(place, want, name)
    for key in visible(s3, name):
        if "/index/" in key or key.endswith("archive.json"):
            s3.put_object(Bucket=name, Key=key, Body=b"{}", ChecksumAlgorithm="SHA256")
    evil = next(key for key in visible(s3, name) if "/index/" in key)
    evil = evil.rpartition("/")[0] + "/" + "e" * 40 + ".json"
    s3.put_object(Bucket=name, Key=evil, Body=b"{}", ChecksumAlgorithm="SHA256")
    age(name, timedelta(hours=2))
    found = state(place, want)
    assert (found.hidden, len(found.foreign)) == (3, 3)
    done = wind_back(place, want)
    assert (done["shown"], done["written"], done["hidden"]) == (0, 3, 1)
    assert set(place.ids(want)) == set(ids)
    assert place.check(want)["verdict"] == "passed"
    # The stranger's is hidden by us, and told as that: when is in the record.
    assert state(place, want).hidden == 1


def test_data_that_is_hidden_under_an_index_is_told(place, want, s3, name):
    ids = aged(place, want, name)
    hide(s3, name, "/data/")
    found = state(place, want)
    assert (found.snapshots, found.hidden) == ((), 2)
    wind_back(place, want)
    assert set(place.ids(want)) == set(ids)
    hide(s3, name, "/manifest/")
    assert state(place, want).hidden == 2


def test_what_came_since_and_is_signed_stays(place, want, s3, name):
    ids = aged(place, want, name)
    (first, *_) = (key for key in visible(s3, name) if "/index/" in key)
    s3.delete_object(Bucket=name, Key=first)
    age(name, timedelta(days=1))
    place.driver = place.again()
    place.back_up(want, "2026-11-23T02:15")
    age(name, timedelta(hours=2))
    assert len(place.ids(want)) == 2
    wind_back(place, want)
    assert set(ids) < set(place.ids(want))
    assert place.check(want)["checked"] == 3


def test_backups_of_others_in_the_same_place_are_left(place, want, s3, name, tmp_path):
    other = backup(site(tmp_path / "other"), name="other.example")
    other = other.model_copy(update={"metadata": other.metadata.model_copy(update={"uid": "u-2"})})  # fmt: skip
    for slot in SLOTS:
        place.back_up(other, slot)
    aged(place, want, name)
    hide(s3, name, f"/{folder_of(want.uid)}/")
    place.driver = place.again()
    first, second = place.ids(other)
    place.prune(other, [first], [second])
    place.back_up(other, "2026-11-23T02:15")
    age(name, timedelta(hours=2))
    theirs = place.ids(other)
    wind_back(place, want)
    assert len(place.ids(want)) == 2
    assert place.ids(other) == theirs
    assert first not in theirs


def test_what_a_backup_and_a_prune_leave_is_nothing_hidden(place, want, s3, name):
    """An index counts; what no index names is nobody's loss."""
    aged(place, want, name)
    assert state(place, want).hidden == 0
    place.driver = place.again()
    assert place.back_up(want, SLOTS[0])  # again: its data goes, its index stays
    first, *rest = place.ids(want)
    place.prune(want, [first], rest)
    found = state(place, want)
    assert found.hidden == 1  # one deed of ours, which the record knows
    assert found.hidden_since is not None
    age(name, timedelta(days=1))


def test_a_repository_of_another_password_is_not_opened(place, want, s3, name):
    aged(place, want, name)
    hide(s3, name)
    secrets = {**place.account.secrets, "password": "x", "escrowKey": "y"}
    driver = place.again(**secrets)
    seen = driver.observe([want]).states[want.name]
    assert not isinstance(seen, CopyState)
    with pytest.raises(Rejected, match=r"archive\.json of"):
        driver.apply(
            want,
            place.change(
                Rewind, to=(datetime.now(UTC) - timedelta(hours=3)).isoformat()
            ),
            "k",
        )
    driver.close()
    assert visible(s3, name) == {}


def test_before_there_was_anything_there_is_nothing_to_go_to(place, want, s3, name):
    aged(place, want, name)
    hide(s3, name)
    with pytest.raises(Rejected, match="was not there yet"):
        wind_back(place, want, to="2020-01-01T00:00:00+00:00")


def test_a_folder_has_nothing_hidden(tmp_path, want):
    here = Place(tmp_path / "kept").ready()
    here.back_up(want)
    found = state(here, want)
    assert (found.hidden, found.versioned) == (0, None)
    with pytest.raises(Rejected, match="is in no bucket"):
        here.driver.apply(
            want, here.change(Rewind, to="2026-11-01T00:00:00+00:00"), "k"
        )


def test_what_was_overwritten_before_it_was_hidden_is_read(place, want, s3, name):
    hide(s3, name)
    s3.put_object(Bucket=name, Key="below/site-a/archive.json", Body=b"x" * 9, ChecksumAlgorithm="SHA256")  # fmt: skip
    hide(s3, name)
    driver = place.again()
    # The older one is ours, and is found behind the newer one.
    assert isinstance(driver.observe([want]).states[want.name], CopyState)
    driver.close()


def test_what_opens_it_is_hidden_and_another_is_put_there(place, want, s3, name):
    """It opens by the older one; that somebody was there is told all the same."""
    ids = aged(place, want, name)
    key = "below/site-a/archive.json"
    s3.delete_object(Bucket=name, Key=key)
    s3.put_object(Bucket=name, Key=key, Body=b"{}", ChecksumAlgorithm="SHA256")
    age(name, timedelta(hours=2))
    found = state(place, want)
    assert {one.id for one in found.snapshots} == set(ids)
    assert [(one.objects, one.opens) for one in found.hidings] == [(1, True)]
    wind_back(place, want)
    assert state(place, want).hidden == 0


def test_a_config_that_is_not_ours_is_unknown_where_there_is_no_older_one(
    server, s3, name, tmp_path, want
):
    s3.put_object(Bucket=name, Key="archive.json", Body=b"{}", ChecksumAlgorithm="SHA256")  # fmt: skip
    secrets = {"password": PASSWORD, **KEYS}
    here = Place(tmp_path, url=f"s3:{server}/{name}", secrets=secrets)
    assert isinstance(here.driver.observe([want]).states[want.name], Unknown)
    here.driver.close()


# -- killed ----------------------------------------------------------------------------


def killed_at(effect: int, work: Callable[[], object]) -> bool:
    """Do *work* in a process that dies before its *effect* in the bucket."""
    child = os.fork()
    if child == 0:
        left, ask = [effect], Calls.__call__

        def look(self: Calls, operation: str, **values: Any) -> Any:
            if operation.startswith(("put_", "delete_", "complete_")):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return ask(self, operation, **values)

        Calls.__call__ = look  # type: ignore[method-assign]
        try:
            work()
        except BaseException:  # noqa: BLE001  (told, and an end of its own)
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_killed_before_any_step_the_next_run_ends_it(place, want, s3, name):
    ids = aged(place, want, name, SLOTS[:1])
    before = bodies(s3, name)
    deaths = 0
    for effect in range(1, 99):
        key = next(key for key in visible(s3, name) if "/index/" in key)
        s3.put_object(Bucket=name, Key=key, Body=b"{}", ChecksumAlgorithm="SHA256")
        age(name, timedelta(minutes=5))
        hide(s3, name)
        seen = state(place, want).hidings
        to = seen[-1].since - timedelta(seconds=1)
        told = {"to": to.isoformat(), "seen": datetime.now(UTC).isoformat()}
        change = place.change(Rewind, **told)
        if not killed_at(effect, lambda c=change: place.again().apply(want, c, "k")):
            break
        deaths += 1
        done = place.again().apply(want, change, "k").details
        assert set(place.ids(want)) == set(ids), (told, done, seen)
        age(name, timedelta(hours=2))
        assert before <= bodies(s3, name)
    else:
        pytest.fail("it never came to its end")
    assert deaths >= 3
    assert place.check(want)["verdict"] == "passed"
