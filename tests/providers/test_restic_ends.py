"""What the ends of restic mean: recorded ones, and those of one that lies."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.backup import CopyOver, DrillIt
from reconciler.model import Unknown
from reconciler.providers import _restic_run
from reconciler.providers._restic import Repo
from reconciler.providers._restic_program import Program
from reconciler.providers._restic_run import Said
from tests.support.archives import backup, later, site
from tests.support.restics import ResticPlace, ended, locked, stand_in

HERE = Repo("near", {"RESTIC_PASSWORD": "hush-hush"}, ("hush-hush",))
FAR = HERE._replace(hosts=(("127.0.0.1", 9),))
NONE_14 = (
    "Fatal: unable to open config file: stat /x/config: no such file or directory\n"
    "Is there a repository at the following location?\n/x"
)
LOCKED_14 = (
    "unable to create lock in backend: repository is already locked exclusively by "
    "PID 7 on vm by root (UID 0, GID 0)"
)
DOWN_14 = (
    'Fatal: unable to open config file: Get "http://127.0.0.1:9/config": dial tcp '
    "127.0.0.1:9: connect: connection refused\n"
    "Is there a repository at the following location?"
)
FORBIDDEN = (
    "Fatal: unable to open config file: unexpected HTTP response (403): 403 Forbidden\n"
    "Is there a repository at the following location?\nrest:http://127.0.0.1:1/"
)
LOCKED_18 = (
    '{"message_type":"exit_error","code":11,"message":"unable to create lock in backend: '
    "repository is already locked by PID 27222 on vm by root (UID 0, GID 0)\\nlock was "
    "created at 2026-11-28 23:22:37 (2.704682775s ago)\\nstorage ID cbe8fc95\\nthe "
    '`unlock` command can be used to remove stale locks"}'
)
WRONG_18 = (
    '{"message_type":"exit_error","code":12,'
    '"message":"Fatal: wrong password or no key found"}'
)


EFBIG = "ignoring error for /a: write /o/a: file too large"
#: As 0.14 and 0.18 die where they may have little memory, and as 0.19 does.
DIED = (
    "fatal error: out of memory allocating heap arena map\n\nruntime stack:\n"
    "runtime.throw({0xee4288?, 0x0?})\n\truntime/panic.go:1047 +0x5d fp=0x7ffc2b8b"
)
DIED_19 = (
    "runtime: out of memory: cannot allocate 4194304-byte block (0 in use)\n"
    "fatal error: out of memory\n\nruntime stack:\n"
    "runtime.throw({0x18dc461?, 0x7ffc7b5cc8d0?})\n\truntime/panic.go:1229 +0x48"
)


@pytest.fixture
def place(tmp_path):
    return ResticPlace(tmp_path / "kept").ready()


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "home")


@pytest.mark.parametrize(
    ("repo", "code", "told", "kind", "text"),
    [
        (HERE, 1, "Fatal: wrong password or no key found", Rejected, "does not open"),
        (HERE, 1, NONE_14, Rejected, "there is no repository"),
        (HERE, 1, LOCKED_14, Transient, "is locked: unable to create lock"),
        (FAR, 1, DOWN_14, Transient, "dial tcp"),
        (FAR, 1, FORBIDDEN, Rejected, "403 Forbidden"),
        (FAR, 1, "Fatal: pack x does not exist", Rejected, "pack x does not"),
        (HERE, 1, "Fatal: no matching ID found", Rejected, "no matching ID"),
        (HERE, 11, LOCKED_18, Transient, "is locked"),
        (HERE, 12, WRONG_18, Rejected, "does not open"),
        (HERE, 10, "", Rejected, "there is no repository"),
        (HERE, 130, "", Rejected, r"failed \(130\): it does not say why"),
        (HERE, 77, "something new", Rejected, r"failed \(77\): something new"),
        (HERE, 0, "", Rejected, r"failed \(0\)"),
        (HERE, 1, "Fatal: write x: no space left on device", Transient, "no space"),
        (HERE, 1, f"{EFBIG}\nFatal: There were 9 errors", Transient, "There were 9"),
        (HERE, 1, "create target: mkdir /x: read-only file system", Transient, "read-"),
        (HERE, 1, "Fatal: open /x: too many open files", Transient, "too many open"),
        (HERE, 1, "Fatal: fork: cannot allocate memory", Transient, "allocate memory"),
        (HERE, 1, "Fatal: file too large.jpg is damaged", Rejected, "is damaged"),
        (HERE, 2, DIED, Transient, "fatal error: out of memory allocating heap"),
        (HERE, 2, DIED_19, Transient, "cannot allocate 4194304-byte block"),
        (HERE, 2, "panic: runtime error\n\ngoroutine 1 [running]:", Transient, "panic"),
        (HERE, 2, "Fatal: something else", Rejected, r"failed \(2\): something else"),
        (HERE, 1, "the file panic: is damaged", Rejected, "is damaged"),
        (HERE, -9, "", Transient, "ended by signal 9"),
        (HERE, 1, "Fatal: the password is hush-hush", Rejected, r"is \*\*\*"),
        (FAR, 1, "Fatal: Get: 403 Access Denied", Rejected, "Access Denied"),
    ],
)
def test_an_end_is_told_in_our_words(repo, code, told, kind, text):
    error = repo.failure("snapshots", Said(code, "", told))
    assert type(error) is kind
    with pytest.raises(kind, match=text):
        raise error
    assert "hush-hush" not in error.what + repr(repo)


@pytest.mark.parametrize(
    ("version", "codes", "figures", "missing", "refused"),
    [
        ((0, 14, 0), False, False, False, False),
        ((0, 16, 5), False, False, False, False),
        ((0, 17, 0), True, True, False, False),
        ((0, 18, 1), True, True, False, False),
        ((0, 19, 0), True, True, True, True),
        ((1, 0, 0), True, True, True, True),
    ],
)
def test_what_differs_by_version(version, codes, figures, missing, refused):
    found = Program("restic", version).quirks
    assert found[1:] == (codes, figures, missing, refused)


def test_the_doctor_says_that_there_is_no_restic_or_an_old_one(
    place, tmp_path, monkeypatch
):
    assert [*place.driver.examine()] == []
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", "", "0.9.6"))
    (old,) = place.driver.examine()
    assert old.said == "restic 0.9.6 is too old"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "mute", "version) exit 0;;"))
    (mute,) = place.driver.examine()
    assert "does not say which version" in mute.said
    monkeypatch.setenv("PATH", str(tmp_path))
    (none,) = place.driver.examine()
    assert none.said == "restic is not installed on this machine"
    assert "apt-get install restic" in none.fix
    seen = place.again().observe([place.repository()]).states
    assert "not installed" in seen["near"].why


def test_it_gets_nothing_of_our_environment(place, tmp_path, monkeypatch):
    monkeypatch.setenv("RESTIC_REPOSITORY", "elsewhere")
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    told = tmp_path / "told"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", f"cat) env > {told};;"))
    place.run("cat", "config")
    names = {line.partition("=")[0] for line in told.read_text().splitlines()}
    assert "AWS_PROFILE" not in names
    assert names >= {"RESTIC_REPOSITORY", "RESTIC_PASSWORD", "TZ"}
    assert "elsewhere" not in told.read_text()


def test_what_takes_too_long_is_interrupted_and_then_killed(
    place, tmp_path, monkeypatch
):
    kind, mark = "kind) sleep 60 & wait;;", tmp_path / "mark"
    deaf = f"deaf) trap '' INT; echo $$ > {mark}; sleep 60; sleep 60;;"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", f"{kind}\n{deaf}"))
    monkeypatch.setattr(_restic_run, "_GRACE", 0.3)
    for verb in ("kind", "deaf"):
        begun = time.monotonic()
        done = place.repo.said(verb, seconds=0.3)
        assert done.late
        assert time.monotonic() - begun < 20
        with pytest.raises(Transient, match="took too long"):
            raise place.repo.failure(verb, done)
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


# -- one that lies ---------------------------------------------------------------------


def test_a_forget_that_was_refused_is_seen(place, root, tmp_path, monkeypatch):
    """Up to 0.18 it ends with 0; the server deleted nothing."""
    want = backup(root)
    place.back_up(want, "one")
    place.back_up(want, "two")
    first, second = place.ids(want)
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", "forget) exit 0;;"))
    with pytest.raises(Rejected, match="shows something else"):
        place.prune(want, [first], [second])
    assert place.ids(want) == [first, second]


def test_a_prune_that_fails_has_forgotten(place, root, tmp_path, monkeypatch):
    want = backup(root)
    place.back_up(want, "one")
    place.back_up(want, "two")
    first, second = place.ids(want)
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", "prune) exit 1;;"))
    done = place.prune(want, [first], [second]).details
    assert "restic prune failed" in done["unfreed"]
    assert place.ids(want) == [second]


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("backup) exit 0;;", "it does not say why"),
        ("backup) exit 77;;", r"failed \(77\)"),
        ('backup) "$real" "$@"; exit 3;;', "not everything could be read"),
        ('backup) shift; exec "$real" backup --exclude=index.php "$@";;', "minFiles"),
        (
            'backup) rm -r ROOT/mail; exec "$real" "$@";;',
            "mail is not in|could be read",
        ),
        ('backup) rm .reconciler-canary; exec "$real" "$@";;', "canary|be read"),
    ],
)
def test_what_ends_well_may_be_no_backup(place, root, tmp_path, monkeypatch, deed, why):
    (root / "mail").mkdir()
    sources = {"files": {"paths": ["public_html", "mail"], "minFiles": 15}}
    want = backup(root, sources)
    path = os.environ["PATH"]
    lies = stand_in(tmp_path / "bin", deed.replace("ROOT", str(root)))
    monkeypatch.setenv("PATH", lies)
    with pytest.raises(Rejected, match=why):
        place.back_up(want)
    monkeypatch.setenv("PATH", path)
    (root / "mail").mkdir(exist_ok=True)
    row = place.back_up(want).details["sources"]["files"]
    assert row["files"] == 15
    assert row["snapshot"] in place.ids(want)


@pytest.mark.parametrize("end", ["exit 1", "kill -9 $$"])
def test_a_snapshot_is_no_receipt(place, root, tmp_path, monkeypatch, end):
    want, path = backup(root), os.environ["PATH"]
    deed = f'backup) "$real" "$@"; {end};;'
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    with pytest.raises(Ambiguous, match="there is a snapshot"):
        place.back_up(want)
    monkeypatch.setenv("PATH", path)
    (made,) = place.ids(want)
    received = place.back_up(want).details["sources"]["files"]
    assert received["snapshot"] == made  # it has everything that is there


def test_nobody_knows_where_nothing_can_be_listed_any_more(
    place, root, tmp_path, monkeypatch
):
    want, mark = backup(root), tmp_path / "mark"
    deeds = f"backup) touch {mark}; exit 1;;\nsnapshots) [ ! -e {mark} ] || exit 1;;"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deeds))
    with pytest.raises(Ambiguous):
        place.back_up(want)


def test_a_lost_answer_is_settled_by_a_look(place, root):
    want = backup(root)
    driver, change = place.driver, place.due()
    since = place.now
    assert driver.happened(want, change, "k", since) is None  # it may still come
    later(place, 1)
    assert driver.happened(want, change, "k", since) is False
    place.back_up(want)
    assert driver.happened(want, change, "k", since) is None  # what it has, a run says
    drill = place.change(DrillIt)
    assert driver.happened(want, drill, "k", since) is None
    copy = place.change(CopyOver)
    assert driver.happened(want, copy, "k", since) is False


def test_a_damaged_pack_is_asked_for_twice(place, root, tmp_path, monkeypatch):
    """Somebody may prune while it is read: what is wrong has to be wrong twice."""
    want, mark = backup(root), tmp_path / "mark"
    place.back_up(want)
    once = f"check) [ -e {mark} ] || {{ touch {mark}; exit 1; }};;"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", once))
    assert place.check(want, 1, 1)["verdict"] == "passed"
    assert mark.exists()


# -- a machine that has too little, and one that lies of what it gives back --------------


@pytest.mark.parametrize(
    ("deed", "verdict", "why"),
    [
        (
            'restore) ulimit -v 300000; exec "$real" "$@";;',
            "inconclusive",
            "fatal error",
        ),
        ('restore) ulimit -f 2; exec "$real" "$@";;', "inconclusive", "errors"),
        ("restore) exit 0;;", "failed", "files"),
        ("restore) exit 77;;", "failed", "77"),
    ],
)
def test_what_a_drill_says_of_it(
    place, root, tmp_path, monkeypatch, deed, verdict, why
):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    done = place.drill(want, said)
    assert done["verdict"] == verdict
    assert why in done["why"]


@pytest.mark.parametrize(
    "row",
    [
        {"id": "x"},
        {"id": "x", "time": None},
        {"id": "x", "time": "2026-11-22T02:15:00"},  # by whose clock?
        {"time": "2026-11-22T02:15:00Z"},
        {"id": "x", "time": "2026-11-22T02:15:00Z", "tags": 7},
        {"id": "x", "time": "2026-11-22T02:15:00Z", "summary": [1]},
    ],
)
def test_a_list_that_nobody_understands_is_no_list(
    place, root, tmp_path, monkeypatch, row
):
    want = backup(root)
    place.back_up(want)
    deed = f"snapshots) echo '[{json.dumps(row)}]'; exit 0;;"
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    with pytest.raises(Rejected, match="cannot be read"):
        place.back_up(want, "next")
    assert isinstance(place.again().observe([want]).states[want.name], Unknown)


@pytest.mark.parametrize(
    "node",
    [
        {"path": "/x", "type": "file", "size": None},
        {"path": "/x", "type": "file", "size": "7"},
        {"type": "file", "size": 7},
        {"path": None, "type": "file"},
    ],
)
def test_what_is_in_a_snapshot_is_said_whole(place, root, tmp_path, monkeypatch, node):
    want, row = backup(root), {"struct_type": "node", **node}
    deed = f"""ls) echo '{json.dumps(row)}'; exec "$real" "$@";;"""
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    with pytest.raises(Rejected, match="what is in a snapshot cannot be read"):
        place.back_up(want)


def test_figures_that_nobody_understands_are_none(place, root, tmp_path, monkeypatch):
    row = {
        "message_type": "verbose_status", "data_size_in_repo": None,
        "metadata_size_in_repo": "7",
    }  # fmt: skip
    deed = f"""backup) echo '{json.dumps(row)}'; exec "$real" "$@";;"""
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    received = place.back_up(backup(root)).details["sources"]["files"]
    assert received["files"] == 15
    assert received["packed"] > 0


# -- locks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "alive", "minutes"),
    [("another", False, 90), (None, True, 90), (None, False, 20)],
)
def test_a_foreign_or_young_lock_stays(place, root, host, alive, minutes):
    want = backup(root)
    place.back_up(want, "one")
    place.back_up(want, "two")
    first, second = place.ids(want)
    pid = os.getpid() if alive else ended()
    here = os.uname().nodename
    lock = locked(place, host or here, pid, timedelta(minutes=minutes))
    state = place.again().observe([want, place.repository()]).states
    assert len(state[want.name].locks) == len(state["near"].locks) == 1
    assert f"by {host or here}, process {pid}" in state["near"].locks[0]
    with pytest.raises(Transient, match="locked"):
        place.prune(want, [first], [second])
    with pytest.raises(Transient, match="locked"):
        place.back_up(want, "three")
    assert lock.exists()
    assert place.ids(want) == [first, second]


def test_what_a_dead_process_of_ours_locked_goes_half_an_hour_later(place, root):
    want = backup(root)
    place.back_up(want, "one")
    here = os.uname().nodename
    lock = locked(place, here, ended(), timedelta(minutes=31))
    assert place.again().observe([want]).states[want.name].locks == ()
    place.back_up(want, "two")
    assert not lock.exists()
    first, second = place.ids(want)
    lock = locked(place, here, ended(), timedelta(minutes=31))
    assert place.prune(want, [first], [second]).details["left"] == 1
    assert not lock.exists()
