"""Remotes that lose the answer, say no, are away, shallow or rewritten."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.audit import Batch, GitStore, log, verify
from reconciler.errors import AuditError, LostLock, Tampered
from tests.unit.audit.world import NOW, TERM, clone, git, intent, outcome, run, store

Make = Callable[..., GitStore]
AUDIT = "refs/heads/reconciler/audit/main"
TRACKED = "refs/reconciler-remote/main/audit"


def hook(remote: Path, name: str, script: str) -> None:
    file = remote / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_push_whose_answer_is_lost_is_looked_up(remote: Path, cloned: Make) -> None:
    one = cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    # Everything is accepted and written, then the connection dies without a word.
    hook(remote, "post-receive", "echo x >> pushes; kill -9 $PPID")
    _, lease = one.commit(lease, Batch([intent()]), now=NOW)
    ledger, lease = one.commit(lease, Batch([outcome(intent())]), now=NOW)
    one.release(lease)
    assert (remote / "pushes").read_text() == "x\n" * 3
    assert ledger.open == {}
    (remote / "hooks/post-receive").unlink()
    other = cloned()
    assert other.read().head == ledger.head
    assert verify(other) == []
    assert [line["seq"] for line in log(other)] == [1, 2, 3]


def test_a_push_that_never_arrived_is_sent_again(remote: Path, cloned: Make) -> None:
    waits: list[float] = []
    one = cloned(sleep=waits.append)
    lease = one.acquire(run(), now=NOW, lease=TERM)
    hook(
        remote,
        "pre-receive",
        "test -e seen && exit 0; touch seen; kill -9 $PPID",
    )
    ledger, _ = one.commit(lease, Batch([intent()]), now=NOW)
    assert cloned().read().head == ledger.head
    assert len(waits) == 1


def test_a_lost_answer_after_which_the_lock_was_taken(
    remote: Path, cloned: Make
) -> None:
    one, two = cloned(), cloned()
    lease = one.acquire(run(1), now=NOW, lease=TERM)
    two.acquire(run(2), now=NOW + TERM, lease=TERM)
    hook(remote, "pre-receive", "kill -9 $PPID")
    with pytest.raises(LostLock):
        one.commit(lease, Batch([intent()]), now=NOW)
    assert two.read().tip is None


def test_a_remote_that_says_no_is_not_asked_again(remote: Path, cloned: Make) -> None:
    waits: list[float] = []
    one = cloned(sleep=waits.append)
    lease = one.acquire(run(), now=NOW, lease=TERM)
    hook(remote, "pre-receive", "echo no audit branches here >&2; exit 1")
    with pytest.raises(AuditError, match="hook declined") as error:
        one.commit(lease, Batch([intent()]), now=NOW)
    assert not isinstance(error.value, LostLock)
    assert waits == []


def test_a_remote_that_is_away(tmp_path: Path, remote: Path, cloned: Make) -> None:
    waits: list[float] = []
    one = cloned(sleep=waits.append)
    lease = one.acquire(run(), now=NOW, lease=TERM)
    one.read()
    remote.rename(tmp_path / "gone")
    for action in (
        one.read,
        lambda: one.commit(lease, Batch([intent()]), now=NOW),
        lambda: one.acquire(run(2), now=NOW, lease=TERM),
    ):
        waits.clear()
        with pytest.raises(AuditError) as error:
            action()
        assert type(error.value) is AuditError
        assert len(waits) == 3
    shutil.move(tmp_path / "gone", remote)
    ledger, _ = one.commit(lease, Batch([intent()]), now=NOW)
    assert set(ledger.open) == {intent().id}


def test_credentials_in_an_address_are_not_shown(cloned: Make) -> None:
    root = cloned().root
    for bad in ("https://user:t0ken@127.0.0.1:9/x.git", "file://u:t0ken@/nowhere"):
        away = store(root, bad)
        with pytest.raises(AuditError) as error:
            away.read()
        assert "t0ken" not in str(error.value)


def test_a_shallow_clone_stays_shallow_and_can_do_everything(
    remote: Path, cloned: Make
) -> None:
    full = cloned()
    for number in range(1, 4):
        lease = full.acquire(run(number), now=NOW, lease=TERM)
        name = f"{number}.example"
        _, lease = full.commit(lease, Batch([intent(name)]), now=NOW)
        full.release(lease)
    shallow = cloned("shallow")
    assert set(shallow.read().open) == {intent(f"{n}.example").id for n in (1, 2, 3)}
    assert count(shallow, TRACKED) == 1
    lease = shallow.acquire(run(4), now=NOW, lease=TERM)
    _, lease = shallow.commit(lease, Batch([outcome(intent("1.example"))]), now=NOW)
    shallow.release(lease)
    assert count(full, full.read().tip) == 4
    assert verify(full) == []
    # Only who verifies needs the history, and gets it without the inventory's.
    assert verify(shallow) == []
    assert count(shallow, TRACKED) == 4


def count(of: GitStore, rev: str | None) -> int:
    assert rev
    return int(of.git.ask("rev-list", "--count", rev))


def test_a_full_clone_stays_full(cloned: Make) -> None:
    one = cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    one.commit(lease, Batch([intent()]), now=NOW)
    cloned().read()
    assert one.git.ask("rev-parse", "--is-shallow-repository") == b"false\n"
    assert one.git.ask("for-each-ref", "--format=%(refname)").decode().split() == [
        "refs/heads/main",
        "refs/reconciler-remote/main/audit",
        "refs/reconciler-remote/main/lock",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
    ]


def test_a_clone_remembers_what_it_has_seen(remote: Path, cloned: Make) -> None:
    one = cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    for name in ("a.example", "b.example"):
        _, lease = one.commit(lease, Batch([intent(name)]), now=NOW)
    git(remote, "update-ref", AUDIT, f"{AUDIT}~1")
    with pytest.raises(Tampered, match="lost commits this clone has seen"):
        one.read()
    git(remote, "update-ref", "-d", AUDIT)
    with pytest.raises(Tampered, match="lost commits this clone has seen"):
        one.read()


def died_with(root: Path, name: str) -> None:
    """Leave the lock of a ref, as a git does whose machine loses its power."""
    held = root / ".git" / "refs/reconciler-remote/main" / f"{name}.lock"
    held.parent.mkdir(parents=True, exist_ok=True)
    held.touch()


@pytest.mark.parametrize("name", ["audit", "lock"])
@pytest.mark.parametrize("kind", ["clone", "shallow"])
def test_a_git_that_died_at_a_ref_stops_nobody(
    cloned: Make, name: str, kind: str
) -> None:
    one, other = cloned(), cloned(kind)
    other.release(other.acquire(run(1), now=NOW, lease=TERM))
    died_with(other.root, name)
    for number in (2, 3):
        lease = one.acquire(run(number), now=NOW, lease=TERM)
        again = intent(f"{number}.example")
        ledger, lease = one.commit(lease, Batch([again]), now=NOW)
        one.release(lease)
        assert other.read().head == ledger.head
    lease = other.acquire(run(4), now=NOW, lease=TERM)
    ledger, lease = other.commit(lease, Batch([intent()]), now=NOW)
    other.release(lease)
    assert one.read().head == ledger.head
    assert verify(one) == []


def test_a_history_that_was_rewritten_is_seen_beside_a_lock_too(
    remote: Path, cloned: Make
) -> None:
    one, other = cloned(), cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    one.commit(lease, Batch([intent()]), now=NOW)
    other.read()
    died_with(other.root, "audit")
    git(remote, "update-ref", AUDIT, "main")
    with pytest.raises(Tampered, match="lost commits"):
        other.read()


def test_a_linked_work_tree_shares_the_journal(tmp_path: Path, journal: Make) -> None:
    main = journal()
    git(main.root, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    linked = store(tmp_path / "linked")
    lease = linked.acquire(run(), now=NOW, lease=TERM)
    ledger, lease = linked.commit(lease, Batch([intent()]), now=NOW)
    assert main.read().head == ledger.head
    assert git(tmp_path / "linked", "status", "--short") == ""


def test_a_named_remote_and_a_user_with_odd_settings(
    tmp_path: Path, remote: Path
) -> None:
    root = clone(remote, tmp_path / "mine")
    for name, value in (
        ("push.followTags", "true"),
        ("fetch.prune", "true"),
        ("core.hooksPath", str(tmp_path / "hooks")),
        ("diff.renames", "copies"),
        ("log.showSignature", "true"),
        ("core.quotePath", "true"),
        ("i18n.logOutputEncoding", "latin1"),
    ):
        git(root, "config", name, value)
    git(root, "tag", "-a", "v1", "-m", "v1")
    (tmp_path / "hooks").mkdir()
    for name in ("pre-push", "reference-transaction"):
        (tmp_path / "hooks" / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "hooks" / name).chmod(0o755)
    one = store(root, "origin", environ={"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "x"})
    lease = one.acquire(run(1, "Zoë"), now=NOW, lease=TERM)
    one.commit(lease, Batch([intent()]), now=NOW)
    assert verify(one) == []
    assert git(remote, "tag") == ""
    assert "Reconciler-Actor: Zoë" in git(remote, "log", "-1", "--format=%B", AUDIT)


def test_a_git_that_hangs_is_ended(tmp_path: Path, cloned: Make) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 60\n")
    slow.chmod(0o755)
    environ = {"GIT_SSH": str(slow), "GIT_SSH_VARIANT": "simple"}
    away = store(cloned().root, "ssh://nowhere/x.git", environ=environ, timeout=1.0)
    with pytest.raises(AuditError, match=r"no answer within 1 s"):
        away.read()
    # Its helpers are ended with it.
    helper = Path("/proc", (tmp_path / "pid").read_text().strip())
    deadline = time.monotonic() + 10
    while (helper / "exe").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not (helper / "exe").exists()


def test_a_partial_clone_fetches_only_what_it_needs(
    tmp_path: Path, remote: Path, cloned: Make
) -> None:
    git(remote, "config", "uploadpack.allowFilter", "true")
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    names = [f"{number}.example" for number in range(4)]
    full = cloned()
    lease = full.acquire(run(), now=NOW, lease=TERM)
    _, lease = full.commit(lease, Batch([intent(n) for n in names]), now=NOW)
    full.release(lease)

    root = clone(remote, tmp_path / "partial", "--filter=blob:none", "--depth=1")
    partial = store(root, "origin")
    assert len(partial.read().open) == len(names)
    objects = ("rev-list", "--objects", "--missing=print", TRACKED)
    missing = [o for o in git(root, *objects).splitlines() if o.startswith("?")]
    # The log, the records, the spend and the head are still there and not here.
    assert len(missing) == 2 + len(names) + 2
    lease = partial.acquire(run(2), now=NOW, lease=TERM)
    done = [outcome(intent(n)) for n in names]
    ledger, lease = partial.commit(lease, Batch(done), now=NOW)
    partial.release(lease)
    assert full.read().head == ledger.head
    assert verify(partial) == []


def test_a_lost_object_never_looks_like_nothing(cloned: Make) -> None:
    one = cloned()
    lease = one.acquire(run(), now=NOW, lease=TERM)
    one.commit(lease, Batch([intent()]), now=NOW)
    other = store(one.root, one.remote)
    name = f"{other.read().tip}:records/Domain/a.example.json"
    oid = git(one.root, "rev-parse", name)
    (one.root / ".git/objects" / oid[:2] / oid[2:]).unlink()
    for read in (
        lambda: other.read().record("Domain", "a.example"),
        lambda: other.read().records(),
    ):
        with pytest.raises(AuditError, match=r"a.example.json of \w+ cannot be read"):
            read()
