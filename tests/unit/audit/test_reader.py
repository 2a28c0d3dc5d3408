"""Objects are read by a git that is kept; whatever becomes of it, they are read."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.audit.git import Git
from reconciler.audit.objects import list_folder
from reconciler.audit.reader import Broken, Reader
from reconciler.audit.writer import Author, Draft, write, write_alone
from reconciler.errors import AuditError

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AUTHOR = Author("reconciler", "reconciler@agency.example")
BIG = bytes(range(256)) * 4096


@pytest.fixture
def git(tmp_path: Path) -> Iterator[Git]:
    made = Git(tmp_path, os.environ)
    made.ask("init", "-q")
    yield made
    made.close()


def blob(git: Git, data: bytes) -> str:
    return git.ask("hash-object", "-w", "--stdin", data=data).decode().strip()


def test_what_is_there_is_read_and_the_rest_is_left_out(git: Git) -> None:
    names = {blob(git, data): data for data in (b"", b"one\n", b"\n\n", BIG)}
    nowhere = "0" * 40
    assert git.objects([nowhere, *names, nowhere]) == names
    assert git.objects([]) == {}
    many = {blob(git, b"%d" % n): b"%d" % n for n in range(20)}
    assert git.objects([*many, *names] * 40) == {**many, **names}


def test_what_is_written_later_is_seen(git: Git) -> None:
    first = blob(git, b"first")
    assert git.objects([first])
    later = blob(git, b"later")
    assert git.objects([later]) == {later: b"later"}


def test_one_process_serves_all_questions(git: Git) -> None:
    name = blob(git, b"x")
    git.objects([name])
    kept = git._reader
    git.objects([name])
    assert git._reader is kept
    assert kept is not None
    git.close()
    assert kept._process.returncode == 0  # it was not killed
    assert git.objects([name]) == {name: b"x"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_dies_is_asked_no_more(git: Git, how: signal.Signals) -> None:
    name = blob(git, b"x")
    git.objects([name])
    assert git._reader is not None
    os.kill(git._reader._process.pid, how)
    git._reader._process.wait()
    assert git.objects([name]) == {name: b"x"}
    assert git._reader is None  # the next question begins anew
    assert git.objects([name]) == {name: b"x"}


def test_one_that_does_not_answer_is_given_up(git: Git, tmp_path: Path) -> None:
    sleeper = tmp_path / "git"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    reader = Reader([str(sleeper)], os.environ, 0.05)
    with pytest.raises(Broken):
        reader.read(["0" * 40])
    reader._process.kill()
    reader.close()


def test_without_a_repository_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="cat-file"):
        Git(tmp_path / "nowhere", os.environ).objects(["0" * 40])


def test_the_members_of_a_folder_are_named_and_those_of_none_are_none(git: Git) -> None:
    files = {"a/b/one": b"1", "a/b/c/two": b"2", "a/three": b"3"}
    (tip,) = write(git, AUTHOR, NOW, [Draft("x", files=files)])
    assert list_folder(git, tip, "a/b/") == ["c", "one"]
    assert list_folder(git, tip, "a") == ["b", "three"]
    assert list_folder(git, tip, "a/nowhere/b") == []
    assert list_folder(git, tip, "a/three/x") == []


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    git: Git, tmp_path: Path
) -> None:
    (tip,) = write(git, AUTHOR, NOW, [Draft("x", files={"a/b": b"1"})])
    tree = git.ask("rev-parse", f"{tip}:a").decode().strip()
    (tmp_path / ".git/objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(AuditError, match="cannot be read"):
        list_folder(git, tip, "a")


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_commit_of_its_own_is_the_same_whichever_way_it_is_made(
    tmp_path: Path, form: str
) -> None:
    git = Git(tmp_path, os.environ)
    git.ask("init", "-q", f"--object-format={form}")
    (usual,) = write(git, AUTHOR, NOW, [Draft('{"a":1}')])
    (tmp_path / ".git/objects" / usual[:2] / usual[2:]).unlink()
    alone = write_alone(git, AUTHOR, NOW, '{"a":1}', like=usual)
    assert alone == usual
    assert git.objects([alone])[alone].endswith(b'\n\n{"a":1}')
    git.close()
