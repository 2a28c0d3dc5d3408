"""Who approved a plan, and how that is known: nobody is believed on their word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.engine import Given
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.cli.project import Project


def approvals(
    project: Project,
    approved: Mapping[str, str] | None,
    *,
    source: str,
    reason: str | None,
) -> tuple[Given, ...]:
    """
    Return who approved the actions of *approved* (action id -> digest).

    Args:
        project: Where it is to count.
        approved: None where nothing was approved.
        source: ``actor``: whoever runs this, which proves nothing, and counts on
            loopback alone; ``github``: the reviewers that let this job run.
        reason: Why the glass is broken; None for an approval like any other.

    Raises:
        ReconcilerError: Nobody is proven to have approved, or this actor may not
            break the glass.
        UsageError: The options do not fit together.
    """
    if approved is None:
        if reason is not None or source != "actor":
            raise UsageError("--approve DIGEST says what is approved")
        return ()
    digests = tuple(sorted(set(approved.values())))
    if reason is not None:
        _refuse_outsiders(project, reason)
        return (Given(project.actor, digests, "break-glass", reason),)
    if source == "github":
        from reconciler.cli.reviewers import reviewed

        return reviewed(project, digests)
    if not project.loopback:
        raise ReconcilerError(
            "nothing proves who approves",
            hint="approve in the job of a protected environment (--approver-from "
            "github), by a signed commit, or in an emergency with --break-glass",
            code="E207",
        )
    return (Given(project.actor, digests, "actor"),)


def _refuse_outsiders(project: Project, reason: str) -> None:
    from reconciler.policy import breaks_glass

    if not reason.strip():
        raise UsageError("--break-glass needs a reason: it goes into the log")
    if not breaks_glass(project.policies, project.actor):
        raise ReconcilerError(
            f"{project.actor} may not break the glass",
            hint="a BreakGlass document in policies/ names the groups that may",
            code="E208",
        )
