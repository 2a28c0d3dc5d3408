"""The branch that is replaced by each run: merged, leased, masked, never in the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.audit import Batch, GitStore, verify
from reconciler.audit.published import (
    HEARTBEAT,
    SNAPSHOT,
    Heartbeat,
    beaten,
    heartbeat,
    publish,
    published,
)
from reconciler.errors import AuditError
from reconciler.model.scaling_occasions import pace
from tests.unit.audit.world import NOW, TERM, clone, git, intent, run, store

Make = Callable[..., GitStore]
BRANCH = "refs/heads/reconciler/observed/main"
HOUR = timedelta(hours=1)


def test_nothing_is_published_at_first(another: Make) -> None:
    assert published(another()) == {}
    assert heartbeat(published(another())) is None


def test_what_is_published_is_read_by_another(another: Make) -> None:
    assert publish(another(), {SNAPSHOT: b"one\n", "plan.md": b"# \xc3\xbc\n"}, now=NOW)
    assert published(another()) == {SNAPSHOT: b"one\n", "plan.md": b"# \xc3\xbc\n"}


def test_others_stay_and_none_takes_away(another: Make) -> None:
    one, two = another(), another()
    publish(one, {SNAPSHOT: b"one", "plan.md": b"p"}, now=NOW)
    publish(two, {"plan.md": None, "held.json": b"h"}, now=NOW + HOUR)
    assert published(one) == {SNAPSHOT: b"one", "held.json": b"h"}


def test_it_is_one_commit_however_often(remote: Path, cloned: Make) -> None:
    one = cloned()
    for hours in range(3):
        assert publish(one, {SNAPSHOT: b"%d" % hours}, now=NOW + hours * HOUR)
    assert git(remote, "rev-list", "--count", BRANCH) == "1"
    assert git(remote, "log", "-1", "--format=%an %ct", BRANCH) == (
        f"reconciler {int((NOW + 2 * HOUR).timestamp())}"
    )


def test_what_is_newer_is_not_replaced_by_what_is_older(another: Make) -> None:
    assert publish(another(), {SNAPSHOT: b"new"}, now=NOW + HOUR)
    assert not publish(another(), {SNAPSHOT: b"old"}, now=NOW)
    assert published(another()) == {SNAPSHOT: b"new"}


def test_two_at_once_lose_neither(cloned: Make, monkeypatch) -> None:
    """Between the look of one and its push another has published."""
    one, two = cloned(), cloned()
    publish(one, {"first.json": b"1"}, now=NOW)
    move, raced = one.origin.move, []

    def late(moves):
        if not raced:
            raced.append(publish(two, {"two.json": b"2"}, now=NOW))
        return move(moves)

    monkeypatch.setattr(one.origin, "move", late)
    assert publish(one, {"one.json": b"1"}, now=NOW)
    assert raced == [True]
    assert set(published(cloned())) == {"first.json", "one.json", "two.json"}


def test_secrets_are_masked(cloned: Make) -> None:
    one = cloned(secrets=["sk_live_canary"])
    publish(one, {SNAPSHOT: b'{"why": "key sk_live_canary"}'}, now=NOW)
    assert published(cloned()) == {SNAPSHOT: b'{"why": "key [redacted]"}'}


def test_card_numbers_are_masked_without_anybody_knowing_them(cloned: Make) -> None:
    said = '{"why": "declined: 4242–4242–4242–4242", "id": "a4242424242424242"}'
    publish(cloned(), {SNAPSHOT: said.encode()}, now=NOW)
    kept = b'{"why": "declined: [redacted]", "id": "a4242424242424242"}'
    assert published(cloned()) == {SNAPSHOT: kept}


@pytest.mark.parametrize(
    "options", [["--depth=1"], ["--filter=blob:none", "--depth=1"], []]
)
def test_every_sort_of_clone_keeps_its_sort(
    tmp_path: Path, remote: Path, cloned: Make, options: list[str]
) -> None:
    git(remote, "config", "uploadpack.allowFilter", "true")
    publish(cloned(), {SNAPSHOT: b"one", "plan.md": b"p"}, now=NOW)
    root = clone(remote, tmp_path / "other", *options)
    other = store(root, "origin")
    shallow = git(root, "rev-parse", "--is-shallow-repository")
    assert published(other) == {SNAPSHOT: b"one", "plan.md": b"p"}
    assert publish(other, {SNAPSHOT: b"two"}, now=NOW)
    assert published(cloned()) == {SNAPSHOT: b"two", "plan.md": b"p"}
    assert git(root, "rev-parse", "--is-shallow-repository") == shallow
    assert git(root, "status", "--short") == ""


def test_the_journal_beside_it_knows_nothing_of_it(cloned: Make) -> None:
    one = cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    one.commit(lease, Batch([intent()]), now=NOW)
    publish(one, {SNAPSHOT: b"one"}, now=NOW)
    assert set(cloned().read().open) == {intent().id}
    assert verify(one) == []


def test_a_remote_that_says_no_or_is_away_is_an_error(
    tmp_path: Path, remote: Path, cloned: Make
) -> None:
    one = cloned()
    hooks = remote / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-receive").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-receive").chmod(0o755)
    with pytest.raises(AuditError, match="did not take the commit"):
        publish(one, {SNAPSHOT: b"one"}, now=NOW)
    shutil.move(remote, tmp_path / "gone")
    with pytest.raises(AuditError, match="cannot be read"):
        published(one)


def test_a_heartbeat_remembers_the_last_complete_run() -> None:
    good = Heartbeat(run="1", at=NOW, commit=None, complete=True, exit=0)
    bad = good.model_copy(
        update={"run": "2", "at": NOW + HOUR, "complete": False, "exit": 3}
    )
    first = heartbeat({HEARTBEAT: beaten(good, None)})
    assert first is not None
    assert first.last_complete == NOW
    second = heartbeat({HEARTBEAT: beaten(bad, first)})
    assert second is not None
    assert (second.run, second.exit, second.last_complete) == ("2", 3, NOW)
    never = heartbeat({HEARTBEAT: beaten(bad, None)})
    assert never is not None
    assert never.last_complete is None


def test_a_heartbeat_remembers_the_runs_of_a_day_and_the_one_before() -> None:
    beat = Heartbeat(run="1", at=NOW, commit=None, complete=True, exit=0)
    before = None
    for hours in (0, 5, 29, 30, 31):
        one = beat.model_copy(update={"at": NOW + hours * HOUR})
        before = heartbeat({HEARTBEAT: beaten(one, before)})
    assert before is not None
    assert before.runs == tuple(NOW + hours * HOUR for hours in (5, 29, 30, 31))
    old = beat.model_copy(update={"run": "0"})  # written before runs were kept
    first = heartbeat({HEARTBEAT: beaten(one, old)})
    assert first is not None
    assert first.runs == (NOW, one.at)


def test_runs_of_ten_minutes_are_one_and_a_day_is_kept_of_them() -> None:
    beat = Heartbeat(run="1", at=NOW, commit=None, complete=True, exit=0)
    before = None
    for minutes in range(0, 26 * 60, 5):
        one = beat.model_copy(update={"at": NOW + minutes * HOUR / 60})
        before = heartbeat({HEARTBEAT: beaten(one, before)})
    assert before is not None
    assert len(before.runs) == 145  # the one before the day, too
    assert pace(before.runs, before.at) == HOUR


def test_who_could_do_nothing_is_no_run() -> None:
    beat = Heartbeat(run="1", at=NOW, commit=None, complete=False, exit=1)
    failed = heartbeat({HEARTBEAT: beaten(beat, None)})
    assert failed is not None
    assert failed.runs == ()
    partly = heartbeat({HEARTBEAT: beaten(beat.model_copy(update={"exit": 3}), None)})
    assert partly is not None
    assert partly.runs == (NOW,)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b'{"format": "x"}', b"\xff"])
def test_a_heartbeat_that_is_broken_is_none(raw: bytes) -> None:
    assert heartbeat({HEARTBEAT: raw}) is None
