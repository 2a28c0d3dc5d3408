"""``reconciler observe``: a dated snapshot of what the accounts have."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import click

from reconciler.audit.published import SNAPSHOT, publish, published
from reconciler.cli.progress import reading
from reconciler.cli.project import Project
from reconciler.cli.publish import seen, whole
from reconciler.engine import Exit, observe, unread
from reconciler.errors import UsageError


@click.command("observe", help="Write what the accounts have to a file.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--publish", "shared", is_flag=True, help="Publish it beside the journal."
)
@click.option(
    "--published",
    "fetched",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Ask no account: write what the last run published to DIR.",
)
@click.pass_context
def observe_command(
    ctx: click.Context,
    out: Path | None,
    shared: bool,  # noqa: FBT001
    fetched: Path | None,
) -> None:
    """Observe, write, and say how much could not be read."""
    if bool(fetched) == bool(out or shared):
        raise UsageError(
            "observe needs --out FILE or --publish, or --published DIR alone"
        )
    project = Project.of(ctx)
    if fetched:
        _fetch(project, fetched)
        return
    if shared:
        whole(project)
    wants = project.scope().wants()
    with closing(project.accounts(wants)) as accounts, reading(project, accounts):
        world = observe(wants, accounts)
    project.cache.close()
    now = project.clock()
    data = seen(world, now, partial=project.partial)
    states = sum(len(one.states) for one in world.shares.values())
    unknown = sum(1 for want in wants for _ in unread(want, world.have(want)))
    if out:
        out.write_bytes(data)
    if shared:
        publish(project.journal(), {SNAPSHOT: data}, now=now)
    where = out or "the published snapshot"
    project.say(f"{states} states, {unknown} unknown, in {where}")
    ctx.exit(Exit.PARTLY if unknown else Exit.DONE)


COMMAND = observe_command
#: The branch is a cache that others may write to: no name leads out of the folder.
_NAME = re.compile(r"[a-z][a-z0-9-]*\.(json|md)")


def _fetch(project: Project, folder: Path) -> None:
    found = {n: d for n, d in published(project.store).items() if _NAME.fullmatch(n)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in found.items():
        (folder / name).write_bytes(data)
    project.say(f"{', '.join(sorted(found)) or 'nothing is published yet'}")
