"""A small commit is written without git, and is the one that git would have made."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.audit import writer
from reconciler.audit.git import Git
from reconciler.audit.loose import Loose
from reconciler.audit.writer import Author, Draft, write
from reconciler.errors import AuditError

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AUTHOR = Author("reconciler <x>", "reconciler@agency.example")
BEGUN = {"a/b/one": b"1", "a/b/two": b"2", "a.b": b"3", "a0": b"4", "c/d/e/f": b""}
CHANGES: Mapping[str, Mapping[str, bytes | None]] = {
    "one more, and its folder": {"log/2026/11/run/010.jsonl": b"{}\n"},
    "beside a folder that begins the same": {"a-": b"x", "a/": None, "a/z": b"y"},
    "another text": {"a/b/one": b"\0\n1"},
    "one less": {"a/b/one": None},
    "the last one of its folder": {"c/d/e/f": None, "c/d/e/g": None},
    "a whole folder": {"a/b": None},
    "what never was": {"a/b/three": None, "x/y": None},
    "everything": dict.fromkeys(BEGUN),
    "a folder in the place of a file": {"a0/x": b"1"},
    "a file in the place of a folder": {"c": b"1"},
    "more letters": {"c/d/é": b"1", "c/d/z": b"2"},
    "a file and what lies in it": {"n": b"1", "n/o": b"2"},
    "nothing": {},
}


@pytest.fixture(params=["sha1", "sha256"])
def git(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Git]:
    made = Git(tmp_path, os.environ)
    made.ask("init", "-q", f"--object-format={request.param}")
    yield made
    made.close()


@pytest.fixture
def begun(git: Git) -> str:
    (tip,) = write(git, AUTHOR, NOW, [Draft("begin", files=BEGUN)])
    return tip


def imported(git: Git, drafts: list[Draft]) -> tuple[str, ...]:
    return writer._imported(git, drafts, writer._who(AUTHOR, NOW))


def loose(git: Git) -> list[Path]:
    return [p for p in git._objects.glob("??/*") if p.is_file()]


@pytest.mark.parametrize("change", CHANGES)
def test_it_has_the_name_that_git_would_give_it(
    git: Git, begun: str, change: str
) -> None:
    files = {p: b for p, b in CHANGES[change].items() if not p.endswith("/")}
    tree = git.ask("rev-parse", f"{begun}^{{tree}}").decode().strip()
    drafts = [
        Draft("says é\n\nmore", begun, files),
        Draft("on nothing but a tree", None, files, tree),
        Draft('{"a":1}'),
    ]
    made = write(git, AUTHOR, NOW, drafts)
    git.ask("update-ref", "refs/heads/made", made[0])
    git.ask("fsck", "--strict", "--no-dangling")
    git.close()
    for path in loose(git):
        path.unlink()
    imported(git, [Draft("begin", files=BEGUN)])
    assert imported(git, drafts) == made
    git.ask("fsck", "--strict", "--no-dangling")


def test_small_ones_cost_no_process_and_large_ones_are_a_pack(
    git: Git, begun: str
) -> None:
    asked: list[str] = []
    run = git.run
    git.run = lambda *argv, **more: asked.append(argv[0]) or run(*argv, **more)  # type: ignore[method-assign,func-returns-value]
    (tip,) = write(git, AUTHOR, NOW, [Draft("few", begun, {"x": b"1"})])
    assert asked == []
    many = {f"m/{n}": b"%d" % n for n in range(200)}
    before = len(loose(git))
    (tip,) = write(git, AUTHOR, NOW, [Draft("many", tip, many)])
    assert asked == ["fast-import"]
    assert len(loose(git)) == before
    # A folder of many is not read and written here for the sake of one.
    wide = {f"m/{'x' * 200}{n}": b"" for n in range(1500)}
    (tip,) = write(git, AUTHOR, NOW, [Draft("wide", tip, wide)])
    write(git, AUTHOR, NOW, [Draft("one", tip, {"m/0": b"2"})])
    assert asked == ["fast-import"] * 3


def test_nothing_has_its_name_before_all_is_on_the_disk(
    git: Git, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, waited = set(loose(git)), []
    real = os.fsync

    def fsync(number: int) -> None:
        waited.append(os.fstat(number).st_ino)
        here = set(loose(git)) - before
        assert all(path.name.startswith("tmp_obj_") for path in here)
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    files = {"log/1": b"new 1", "log/2": b"new 2"}
    write(git, AUTHOR, NOW, [Draft("x", begun, files), Draft("y")])
    made = set(loose(git)) - before
    assert len(made) == 7  # two blobs, two trees, the empty one, two commits
    assert {path.stat().st_ino for path in made} == set(waited)
    assert {path.stat().st_mode & 0o777 for path in made} == {0o444}


def test_a_disk_that_fails_leaves_nothing_behind(
    git: Git, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(loose(git))

    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(AuditError, match="cannot be written: No space left"):
        write(git, AUTHOR, NOW, [Draft("x", begun, {"log/1": b"new"})])
    assert set(loose(git)) == before


def test_half_a_file_of_that_name_is_written_anew(git: Git, begun: str) -> None:
    """A machine that lost its power: git takes what has the name for what it is."""
    new = Loose(len(begun))
    name = new.add("blob", b"whole")
    half = git._objects / name[:2] / name[2:]
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"")
    (tip,) = write(git, AUTHOR, NOW, [Draft("x", begun, {"log/1": b"whole"})])
    assert git.ask("cat-file", "blob", f"{tip}:log/1") == b"whole"


def test_a_folder_that_cannot_be_read_is_not_written_as_an_empty_one(
    git: Git, begun: str
) -> None:
    with pytest.raises(AuditError, match="cannot be read"):
        write(git, AUTHOR, NOW, [Draft("x", "0" * len(begun), {"a/b/c": b"1"})])
    (tip,) = write(git, AUTHOR, NOW, [Draft("x", begun, {"own/one": b"1"})])
    tree = git.ask("rev-parse", f"{tip}:own").decode().strip()
    (git._objects / tree[:2] / tree[2:]).unlink()
    with pytest.raises(AuditError, match=r"own of .* cannot be read"):
        write(git, AUTHOR, NOW, [Draft("x", tip, {"own/two": b"1"})])


def test_it_is_found_wherever_the_repository_is_asked_from(tmp_path: Path) -> None:
    def said(*argv: object) -> str:
        done = subprocess.run(["git", *argv], check=True, capture_output=True)
        return done.stdout.decode().strip()

    plain, bare, linked = (tmp_path / n for n in ("plain", "bare.git", "linked"))
    said("init", "-q", "--bare", "-b", "main", bare)
    said("clone", "-q", bare, plain)
    (plain / "below").mkdir()
    who = ("-c", "user.name=t", "-c", "user.email=t@agency.example")
    said("-C", plain, *who, "commit", "-q", "--allow-empty", "-m", "begin")
    said("-C", plain, "push", "-q", "origin", "HEAD:main")
    said("-C", plain, "worktree", "add", "-q", linked)
    tip = said("-C", plain, "rev-parse", "HEAD")
    names = set()
    for root in (plain, plain / "below", linked, bare):
        git = Git(root, os.environ)
        names.add(write(git, AUTHOR, NOW, [Draft("x", tip, {"a": b"1"})]))
        git.close()
        for home in (plain / ".git", bare):
            there = home / "objects" / min(names)[0][:2] / min(names)[0][2:]
            assert there.exists() == (home == bare if root == bare else home != bare)
            there.unlink(missing_ok=True)
    assert len(names) == 1


def test_others_of_the_group_may_read_and_add_where_they_could(tmp_path: Path) -> None:
    git = Git(tmp_path, os.environ)
    before = os.umask(0o077)
    try:
        git.ask("init", "-q", "--shared=group")
        (tip,) = write(git, AUTHOR, NOW, [Draft("begin", files=BEGUN)])
        theirs = {p.parent.stat().st_mode for p in loose(git)}
        read = {p.stat().st_mode for p in loose(git)}
        old = set(loose(git))
        for _, _ in pairwise(range(20)):
            (tip,) = write(git, AUTHOR, NOW, [Draft("x", tip, {"a": tip.encode()})])
        new = set(loose(git)) - old
        assert {p.parent.stat().st_mode for p in new} == theirs
        assert {p.stat().st_mode for p in new} == read
    finally:
        os.umask(before)
        git.close()


def test_what_was_not_finished_is_gathered_up_by_git(git: Git, begun: str) -> None:
    """A run that died before its record had a name."""
    git.ask("update-ref", "refs/heads/x", begun)
    left = git._objects / begun[:2] / "tmp_obj_4711_0"
    left.write_bytes(b"half")
    git.ask("gc", "--quiet", "--prune=now")
    assert not left.exists()


def test_a_partial_clone_is_known_by_its_packs_or_those_it_borrows(
    remote: Path, tmp_path: Path
) -> None:
    def cloned(name: str, source: object, *options: str) -> Git:
        argv = [
            "git",
            "clone",
            "-q",
            "--no-checkout",
            *options,
            source,
            tmp_path / name,
        ]
        subprocess.run([str(one) for one in argv], check=True, capture_output=True)
        return Git(tmp_path / name, os.environ)

    whole = cloned("whole", f"file://{remote}")
    part = cloned("part", f"file://{remote}", "--filter=blob:none")
    borrows = cloned("borrows", tmp_path / "part", "--shared")
    borrows.ask("config", "remote.origin.promisor", "true")
    assert (whole.promisor, part.promisor, borrows.promisor) == (
        None,
        "origin",
        "origin",
    )
