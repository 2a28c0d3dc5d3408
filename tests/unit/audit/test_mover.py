"""Refs are moved by a git that is kept; whatever becomes of it, all or none move."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.audit.git import Git
from reconciler.audit.layout import names
from reconciler.audit.origin import Local, Move
from reconciler.audit.writer import Author, Draft, write
from reconciler.errors import AuditError

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
AUTHOR = Author("reconciler", "reconciler@agency.example")
ONE, TWO = "refs/heads/one", "refs/reconciler/main/two"


@pytest.fixture
def git(tmp_path: Path) -> Iterator[Git]:
    made = Git(tmp_path, os.environ)
    made.ask("init", "-q")
    yield made
    made.close()


@pytest.fixture
def tips(git: Git) -> list[str]:
    return [write(git, AUTHOR, NOW, [Draft(name)])[0] for name in "abc"]


def local(git: Git) -> Local:
    return Local(git, names("main"))


def test_one_process_makes_many_transactions(git: Git, tips: list[str]) -> None:
    origin, (a, b, c) = local(git), tips
    assert origin.move([Move(ONE, None, a), Move(TWO, None, b)])
    kept = git._mover
    assert origin.move([Move(ONE, a, b), Move(TWO, b, c)])
    assert git.refs([ONE, TWO]) == {ONE: b, TWO: c}
    assert git._mover is kept
    git.close()
    assert kept is not None
    assert kept._process.returncode == 0


def test_what_is_refused_moves_nothing_and_the_next_goes_on(
    git: Git, tips: list[str]
) -> None:
    origin, (a, b, c) = local(git), tips
    assert origin.move([Move(ONE, None, a)])
    assert not origin.move([Move(TWO, None, b), Move(ONE, b, c)])
    assert git.refs([ONE, TWO]) == {ONE: a}
    assert not origin.move([Move(ONE, None, b)])
    assert origin.move([Move(ONE, a, c)])
    # Another one of the same repository sees it at once, and is seen.
    beside = Git(git._root, os.environ)
    assert local(beside).move([Move(ONE, c, b)])
    assert not origin.move([Move(ONE, c, a)])
    assert git.refs([ONE]) == {ONE: b}
    beside.close()


def test_why_it_is_refused_is_said(git: Git, tips: list[str], tmp_path: Path) -> None:
    (tmp_path / ".git" / f"{ONE}.lock").write_text("")
    with pytest.raises(AuditError, match=r"cannot be moved: .*cannot lock ref"):
        local(git).move([Move(ONE, None, tips[0])])
    with pytest.raises(AuditError, match="nonexistent object"):
        local(git).move([Move(TWO, None, "1" * 40)])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_dies_or_hangs_is_asked_no_more(
    tmp_path: Path, how: signal.Signals
) -> None:
    git = Git(tmp_path, os.environ, timeout=0.5)
    git.ask("init", "-q")
    origin = local(git)
    a, b = (write(git, AUTHOR, NOW, [Draft(name)])[0] for name in "ab")
    assert origin.move([Move(ONE, None, a)])
    assert git._mover is not None
    process = git._mover._process
    os.kill(process.pid, how)
    assert origin.move([Move(ONE, a, b)])
    assert git.refs([ONE]) == {ONE: b}
    # One that hangs is ended, so that it does not do later what it was told.
    assert process.returncode == -signal.SIGKILL
    git.close()


def test_a_git_of_one_transaction_will_do(
    git: Git, tips: list[str], tmp_path: Path
) -> None:
    """Before 2.30 ``update-ref`` ended after the first."""
    real = git.ask("--exec-path").decode().strip()
    old = tmp_path / "git"
    old.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"update-ref --stdin") while read -r line; do echo "$line"; '
        f'[ "$line" = commit ] && break; done | "{real}/git" "$@";; '
        f'*) exec "{real}/git" "$@";; esac\n'
    )
    old.chmod(0o700)
    git._start[0] = str(old)
    origin, (a, b, c) = local(git), tips
    assert origin.move([Move(ONE, None, a)])
    assert origin.move([Move(ONE, a, b)])
    assert not origin.move([Move(ONE, a, c)])
    assert origin.move([Move(ONE, b, c)])
    assert git.refs([ONE]) == {ONE: c}


def test_a_ref_to_what_is_not_here_is_one_all_the_same(
    git: Git, tips: list[str]
) -> None:
    a, b, _ = tips
    assert local(git).move([Move(ONE, None, a), Move(TWO, None, b)])
    assert git.refs([ONE, TWO]) == git.refs([TWO, ONE]) == {ONE: a, TWO: b}
    (git._objects / a[:2] / a[2:]).unlink()
    git.close()
    assert git.refs([ONE, TWO, "refs/heads/none"]) == {ONE: a, TWO: b}


def test_a_longer_ref_of_that_name_is_another_one(git: Git, tips: list[str]) -> None:
    a, b, _ = tips
    local(git).move([Move(f"refs/heads/{ONE}", None, a), Move(f"{ONE}s/x", None, b)])
    assert git.refs([ONE]) == {}
    assert git.refs([f"{ONE}s"]) == {}
