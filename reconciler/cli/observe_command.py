"""``reconciler observe``: a dated snapshot of what the accounts have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from reconciler.cli.project import Project
from reconciler.engine import Exit, observe, snapshot, written
from reconciler.model import Unknown


@click.command("observe", help="Write what the accounts have to a file.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.pass_context
def observe_command(ctx: click.Context, out: Path) -> None:
    """Observe, write, and say how much could not be read."""
    project = Project.of(ctx)
    wants = project.scope().wants()
    with closing(project.accounts(wants)) as accounts:
        world = observe(wants, accounts)
    out.write_text(written(snapshot(world, project.clock())), encoding="utf-8")
    project.cache.close()
    states = [s for seen in world.shares.values() for s in seen.states.values()]
    unread = sum(isinstance(state, Unknown) for state in states)
    project.say(f"{len(states)} states, {unread} unknown, in {out}")
    ctx.exit(Exit.PARTLY if unread else Exit.DONE)


COMMAND = observe_command
