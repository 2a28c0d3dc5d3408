"""Leave for others what a run has seen: the snapshot, what waits, the heartbeat."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

import click

from reconciler.audit.published import (
    HEARTBEAT,
    HELD,
    PLAN,
    SNAPSHOT,
    Heartbeat,
    beaten,
    heartbeat,
    latest,
    publish,
)
from reconciler.cli.render import rendered
from reconciler.engine import Exit, document, dumps, exits, held, snapshot, written
from reconciler.errors import AuditError, UsageError
from reconciler.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.cli.project import Project
    from reconciler.engine import Result, World
    from reconciler.model import Plan
    from reconciler.report.plan_document import PlanDocument

#: With one of these the run has left something half-known, or has not looked.
_HALF = frozenset(
    {Exit.ERROR, Exit.LOCKED, Exit.UNKNOWN, Exit.STALE, Exit.PARTLY, Exit.USAGE}
)


def whole(project: Project) -> None:
    """
    Refuse to publish a part of the inventory as if it were all of it.

    Raises:
        UsageError: ``--select`` or ``--exclude`` was given.
    """
    if project.partial:
        raise UsageError(
            "--publish needs the whole inventory",
            hint="leave out --select and --exclude",
        )


def publish_run(
    project: Project, result: Result, codes: Collection[Exit], *, scheduled: bool
) -> bool:
    """
    Publish what *result* left, and say so; False where the remote did not take it.

    A run that could read no account at all leaves the old snapshot, whose age tells.
    Only a scheduled run is a pulse: an approval says nothing about the schedule.
    """
    store, now = project.journal(), project.clock()
    files: dict[str, bytes | None] = {}
    if _looked(result.world):
        files[SNAPSHOT] = seen(result.world, now)
        waits = held(result.left)
        files[HELD] = dumps(document(waits)).encode()
        files[PLAN] = _markdown(result.left)
    try:
        there = latest(store)
        if scheduled:
            beat = Heartbeat(
                run=result.run,
                at=now,
                commit=result.left.commit,
                complete=complete(result),
                exit=exits.first(codes),
            )
            files[HEARTBEAT] = beaten(beat, heartbeat(there.files))
        newer = not publish(store, files, now=now, above=there)
    except AuditError as error:
        click.echo(f"not published: {error}", err=True)
        return False
    project.say("a newer run has published already" if newer else "published")
    return True


def complete(result: Result) -> bool:
    """
    Say whether a run could read everything and left nothing half-known or undone.

    Holds and denials are known: who has to be told of them is told.
    """
    return not (_HALF & set(result.codes) or result.left.allowed())


def seen(world: World, now: datetime, *, partial: bool = False) -> bytes:
    """Return *world* as the file of a snapshot; *partial* where not all was asked."""
    return written(snapshot(world, now, partial=partial)).encode()


def _looked(world: World) -> bool:
    states = [state for one in world.shares.values() for state in one.states.values()]
    return not states or any(not isinstance(state, Unknown) for state in states)


def _markdown(plan: Plan) -> bytes:
    return rendered(cast("PlanDocument", document(plan)), "markdown", "").encode()
