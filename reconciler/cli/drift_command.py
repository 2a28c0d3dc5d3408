"""``reconciler drift``: what moved in the world; with ``--write-back``, into git."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.plan_command import survey
from reconciler.cli.progress import reading
from reconciler.cli.project import Project
from reconciler.cli.terminal import columns
from reconciler.engine import dumps, observe
from reconciler.engine.drift import Drifted, Past, drift_document, drifted
from reconciler.engine.exits import Exit, first
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.engine import World


@click.command("drift", help="Show what moved in the world and not in git.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
)
@click.option("--detailed-exitcode", is_flag=True, help="2 where there is drift.")
@click.option(
    "--write-back", is_flag=True, help="Make the YAML say what is live; edits files."
)
@click.option(
    "--force", is_flag=True, help="With --write-back: also files that git sees changed."
)
@click.option("--select", multiple=True, metavar="SEL", help="Only these.")
@click.option("--exclude", multiple=True, metavar="SEL", help="All but these.")
@click.pass_context
def drift_command(ctx: click.Context, /, **options: Any) -> None:
    """Look and show; write only files, and only where it is asked for."""
    if options["force"] and not options["write_back"]:
        raise UsageError("--force goes with --write-back")
    project = Project.of(ctx)
    project.narrow(options["select"], options["exclude"])
    found, world = look(project)
    if options["write_back"]:
        from reconciler.cli.write_back import report, write_back

        written = write_back(project, found, world, force=options["force"])
        click.echo(report(written))
        ctx.exit(first({*_codes(found), *written.codes}))
    click.echo(_shown(project, found, options["form"]), nl=False)
    codes = _codes(found)
    if options["detailed_exitcode"] and found:
        codes.add(Exit.CHANGES)
    ctx.exit(first(codes))


COMMAND = drift_command


def look(project: Project) -> tuple[Drifted, World]:
    """Ask the accounts, and return what moved and all that they said."""
    scope, _, was, now = survey(project)
    wants = scope.wants()
    with closing(project.accounts(wants)) as accounts:
        with reading(project, accounts):
            world = observe(wants, accounts, known=was.resources)
        project.cache.close()
    past = Past(project.store.read().base.commit, was.resources)
    found = drifted(
        wants,
        scope.desired,
        past,
        world,
        accounts.drivers,
        env=project.env,
        now=now,
    )
    return found, world


def _codes(found: Drifted) -> set[Exit]:
    return {Exit.DONE} if found.complete else {Exit.DONE, Exit.PARTLY}


def _shown(project: Project, found: Drifted, form: str) -> str:
    if form == "json":
        return dumps(drift_document(found, project.inventory))
    from reconciler.cli import show_drift

    if form == "markdown":
        return show_drift.markdown(found, project.inventory)
    return show_drift.text(found, project.inventory, columns())
