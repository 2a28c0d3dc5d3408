"""Readings on a branch of a remote: two writers, a kill at every step, foreign files."""

from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import count
from threading import Thread

import pytest

from reconciler.audit.git import Git
from reconciler.audit.layout import kept
from reconciler.audit.shelf import Shelf
from reconciler.audit.usage_spool import Spool
from reconciler.audit.usage_store import Archive, Measured, UsageStore, refusal
from reconciler.errors import AuditError
from reconciler.model.ref import Ref
from reconciler.model.usage import Reading
from tests.support.crash import Killed, Steps
from tests.unit.audit.readings import CAFE, MIB, SHOP, at, disk
from tests.unit.audit.world import AUTHOR, clone, git, store

NOW = at("2026-11-28T10:00")
HOUR = timedelta(hours=1)
BRANCH = "refs/heads/reconciler/usage/main"


def usage(journal, folder):
    return UsageStore(Shelf(journal, kept("usage", "main")), Spool(folder))


def mibs(one, ref=SHOP):
    found = Archive(one.files(), NOW - timedelta(days=2)).of(ref).get("disk", [])
    return [int(hour.mean / MIB) for hour in found]


def test_what_was_measured_is_there_for_every_clone(remote, cloned, tmp_path):
    one = usage(cloned(), tmp_path / "spool")
    assert one.files().names == frozenset()
    assert one.add([disk(NOW, 5), disk(NOW, 7, CAFE)], NOW)
    two = usage(cloned(), tmp_path / "other")
    assert (mibs(two), mibs(two, CAFE)) == ([5], [7])
    assert two.add([disk(NOW + HOUR, 6)], NOW + HOUR)
    assert mibs(one) == [5, 6]
    assert git(remote, "rev-list", "--count", BRANCH) == "1"  # whatever was added
    assert git(remote, "log", "-1", "--format=%an %ae", BRANCH) == " ".join(AUTHOR)


def test_the_same_twice_is_one_and_no_commit(remote, cloned, tmp_path):
    one = usage(cloned(), tmp_path / "spool")
    one.add([disk(NOW, 5)], NOW)
    before = git(remote, "rev-parse", BRANCH)
    assert not one.add([disk(NOW, 5)], NOW + timedelta(minutes=1))
    assert git(remote, "rev-parse", BRANCH) == before


def test_nothing_measured_on_a_new_day_folds_what_is_there(cloned, tmp_path):
    one = usage(cloned(), tmp_path / "spool")
    one.add([disk(NOW, 5)], NOW)
    assert one.add([], NOW + timedelta(days=1))
    assert one.files().names == {"raw/2026-11-28.txt"}
    assert mibs(one) == [5]


def test_without_a_remote_it_is_kept_here(journal, tmp_path):
    one = usage(journal(), tmp_path / "spool")
    one.add([disk(NOW, 5)], NOW)
    one.add([disk(NOW + HOUR, 6)], NOW + HOUR)
    assert mibs(usage(journal(), tmp_path / "other")) == [5, 6]


def test_a_clone_stays_what_it_is(remote, tmp_path):
    """A full one full, a shallow one shallow, a partial one reads what it needs."""
    first = store(clone(remote, tmp_path / "full"), "origin")
    usage(first, tmp_path / "a").add([disk(NOW, 5)], NOW)
    assert git(first.root, "rev-parse", "--is-shallow-repository") == "false"
    git(remote, "config", "uploadpack.allowFilter", "true")
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    partial = store(
        clone(remote, tmp_path / "partial", "--depth=1", "--filter=blob:none"), "origin"
    )
    two = usage(partial, tmp_path / "b")
    two.add([disk(NOW + timedelta(days=1), 6)], NOW + timedelta(days=1))
    two.add(
        [disk(NOW + timedelta(days=1, hours=1), 7)], NOW + timedelta(days=1, hours=1)
    )
    assert mibs(two) == [5, 6, 7]
    assert mibs(usage(first, tmp_path / "a")) == [5, 6, 7]
    git(partial.root, "fsck")


def test_four_writers_at_once_lose_nothing(cloned, tmp_path):
    journals = [cloned() for _ in range(4)]
    failed = []

    def write(number):
        one = usage(journals[number], tmp_path / f"spool{number}")
        ref = Ref("HostingAccount", f"s{number}.example")
        try:
            one.add([disk(NOW + number * timedelta(minutes=1), number + 1, ref)], NOW)
        except AuditError as error:
            failed.append(error)

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):  # who lost every race left it for the next run
        usage(journals[number], tmp_path / f"spool{number}").add([], NOW)
    archive = Archive(usage(cloned(), tmp_path / "x").files(), NOW)
    assert len(archive.refs()) == 4


class Stepping(Git):
    """git, each of whose processes is a step before it begins and after it ended."""

    def __init__(self, root, steps):
        super().__init__(root, {})
        self._steps = steps

    def run(self, *args, data=b""):
        self._steps(f"before {args[0]}")
        answer = super().run(*args, data=data)
        self._steps(f"after {args[0]}")
        return answer

    def keep(self, objects):
        self._steps("before keep")
        super().keep(objects)
        self._steps("after keep")

    def move(self, script):
        self._steps("before move")
        answer = super().move(script)
        self._steps("after move")
        return answer


def test_a_kill_at_any_step_loses_nothing(templates, tmp_path):
    """Of the first run of a day: it adds, and folds the day before."""
    first = usage(_store(templates, tmp_path / "first"), tmp_path / "first" / "spool")
    first.add([disk(NOW, 5)], NOW)
    later = NOW + timedelta(days=1)
    for number in count(1):
        folder = shutil.copytree(tmp_path / "first", tmp_path / str(number))
        steps = Steps(number)
        one = usage(_store(None, folder, steps), folder / "spool")
        try:
            one.add([disk(later, 6)], later)
        except Killed:
            again = usage(_store(None, folder), folder / "spool")
            again.add([disk(later + HOUR, 7)], later + HOUR)
            assert mibs(again) == [5, 6, 7], steps.names
            assert again.files().names >= {"raw/2026-11-28.txt"}
            assert not [*(folder / "spool").glob("*")]
            git(folder / "remote.git", "fsck", "--no-dangling")
            continue
        assert {"after keep", "after push", "after move"} <= set(steps.names)
        break


def _store(templates, folder, steps=None):
    if templates is not None:
        shutil.copytree(templates / "remote.git", folder / "remote.git")
        shutil.copytree(templates / "clone", folder / "clone")
    root = folder / "clone"
    more = {"git": Stepping(root, steps)} if steps else {}
    return store(root, f"file://{folder / 'remote.git'}", **more)


def test_a_remote_that_is_away_leaves_it_waiting(remote, cloned, tmp_path):
    one = usage(cloned(), tmp_path / "spool")
    remote.rename(tmp_path / "away")
    with pytest.raises(AuditError):
        one.add([disk(NOW, 5)], NOW)
    (tmp_path / "away").rename(remote)
    one.add([disk(NOW + HOUR, 6)], NOW + HOUR)
    assert mibs(one) == [5, 6]


def test_half_a_file_that_waits_is_none(cloned, tmp_path):
    """A machine that lost its power while it wrote: the half has no name yet."""
    one = usage(cloned(), tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "now_2026-11-28_0600-0123456789abcdef.txt.7.half").write_text(
        "x"
    )
    one.add([disk(NOW, 5)], NOW)
    assert mibs(one) == [5]


@pytest.mark.parametrize(
    "name", ["now_2026-11-28_0600-0123456789abcdef.txt", "now_x.txt"]
)
def test_a_file_that_waits_and_is_none_is_named(cloned, tmp_path, name):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / name).write_text("hello\n")
    with pytest.raises(AuditError) as stopped:
        usage(cloned(), tmp_path / "spool").add([disk(NOW, 5)], NOW)
    assert stopped.value.shown_code == "E660"


def test_a_foreign_file_stops_before_anything_is_written(remote, cloned, tmp_path):
    journal = cloned()
    one = usage(journal, tmp_path / "spool")
    one.add([disk(NOW, 5)], NOW)
    shelf = Shelf(journal, kept("usage", "main"))
    shelf.change(lambda _: {"notes.md": b"hello\n"}, now=NOW, message="foreign\n")
    before = git(remote, "rev-parse", BRANCH)
    with pytest.raises(AuditError, match=r"notes\.md") as stopped:
        one.add([disk(NOW + HOUR, 6)], NOW + HOUR)
    assert stopped.value.shown_code == "E660"
    assert git(remote, "rev-parse", BRANCH) == before
    shelf.change(lambda _: {"notes.md": None}, now=NOW, message="gone\n")
    one.add([], NOW + HOUR)
    assert mibs(one) == [5, 6]  # it waited


def test_what_stays_on_a_shelf_is_not_read_or_written_again(remote, cloned):
    shelf = Shelf(cloned(), kept("health", "main"))
    shelf.change(
        lambda _: {"a/one.txt": b"1\n", "two.txt": b"2\n"}, now=NOW, message="a\n"
    )
    before = git(remote, "rev-parse", "reconciler/health/main:a")
    changed = shelf.change(
        lambda _: {"two.txt": None, "b.txt": b"3\n"}, now=NOW, message="b\n"
    )
    assert changed
    assert shelf.files().names == {"a/one.txt", "b.txt"}
    assert git(remote, "rev-parse", "reconciler/health/main:a") == before
    same = {"b.txt": b"3\n", "never.txt": None}
    assert not shelf.change(lambda _: same, now=NOW, message="c\n")


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (Reading("luck", NOW, 1.0), "is not measured"),
        (Reading("cpu", NOW, float("nan")), "is no amount"),
        (Reading("cpu", NOW, float("inf")), "is no amount"),
        (Reading("cpu", NOW, -1.0), "is no amount"),
        (Reading("cpu", NOW, 1.0, -5.0), "is no amount"),
        (Reading("cpu", NOW + HOUR, 1.0), "in the future"),
        (Reading("cpu", NOW.replace(tzinfo=None), 1.0), "in no zone"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason(reading, why):
    assert why in refusal(reading, NOW)
    assert refusal(Reading("cpu", NOW, 0.0, None), NOW) is None


def test_an_amount_comes_out_as_it_went_in(cloned, tmp_path):
    one = usage(cloned(), tmp_path / "spool")
    amounts = {
        "cpu": 12.3,
        "memory": 512.0 * MIB,
        "inodes": 1234.0,
        "io": 2048.0,
        "load": 0.25,
    }
    one.add(
        [Measured(SHOP, "whm-1", Reading(m, NOW, v)) for m, v in amounts.items()], NOW
    )
    found = Archive(one.files(), NOW).of(SHOP)
    assert {metric: hours[0].mean for metric, hours in found.items()} == amounts
    assert {hours[0].limit for hours in found.values()} == {None}
