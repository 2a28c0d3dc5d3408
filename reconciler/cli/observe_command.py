"""``reconciler observe``: a dated snapshot of what the accounts have."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from reconciler.cli.project import Project
from reconciler.engine import Exit, observe, snapshot, unread, written


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
    states = sum(len(seen.states) for seen in world.shares.values())
    unknown = sum(1 for want in wants for _ in unread(want, world.have(want)))
    project.say(f"{states} states, {unknown} unknown, in {out}")
    ctx.exit(Exit.PARTLY if unknown else Exit.DONE)


COMMAND = observe_command
