"""Which commit may act (DESIGN section 3): never a dirty, stale or rewritten one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.audit import Base
from reconciler.errors import UnsafeCommit
from reconciler.model import Risk

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.model import Plan


def check_commit(
    project: Project, head: str | None, base: Base, folders: tuple[str, ...]
) -> None:
    """
    Refuse to act from *head*, the commit that was read, where it must not.

    An environment on loopback is exempt from the first two rules, never from the
    third: a commit that does not descend from the base is an old or another history.

    Raises:
        UnsafeCommit: The tree is dirty, the commit is not the tip of the protected
            branch as it is on the remote now, or it does not descend from the base.
    """
    git = project.git
    if head is None:
        raise UnsafeCommit(
            "there is no commit to apply",
            hint="commit the inventory first: git add . && git commit",
        )
    if not project.loopback:
        _current(project, head, folders)
    if base.commit and not git.descends(head, base.commit):
        raise UnsafeCommit(
            f"commit {head[:12]} does not descend from what was applied last "
            f"({base.commit[:12]})",
            hint="merge the protected branch and fetch the whole history; "
            "an old commit is never applied again",
        )


def _current(project: Project, head: str, folders: tuple[str, ...]) -> None:
    git = project.git
    if git.dirty(*folders):
        raise UnsafeCommit(
            "the inventory has changes that are in no commit",
            hint="commit them and open a pull request; only reviewed commits act",
        )
    branch = git.protected_branch()
    tip = git.fetched_tip(branch)
    if tip is None:
        raise UnsafeCommit(
            f"the tip of {branch} cannot be fetched",
            hint="check the remote and the network; nothing was done",
        )
    if tip != head:
        raise UnsafeCommit(
            f"commit {head[:12]} is not the tip of {branch} ({tip[:12]})",
            hint=f"git pull origin {branch}, then apply again",
        )


def check_money(project: Project, plan: Plan, *, single_writer: bool) -> None:
    """
    Refuse to spend where two machines could both hold a local lock.

    Raises:
        UnsafeCommit: There is no remote to lock on, and money would be spent.
    """
    if project.git.remote or project.loopback or single_writer:
        return
    if any(action.change.risk is Risk.MONEY for action in plan.allowed()):
        raise UnsafeCommit(
            "there is no remote to hold the lock, and money would be spent",
            hint="add a remote, or say --single-writer if no other copy ever runs",
        )
