"""``reconciler usage``: what is used, what will be, and since when anybody knows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli import narrowed
from reconciler.cli.plan_command import parsed_time
from reconciler.cli.project import Project
from reconciler.engine import Exit
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.model import Ref

_FORM = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text"
)
_AS_OF = click.option("--as-of", metavar="TIME", help="As it was known then.")


@click.group("usage", help="Measure what is used, and show what will be.")
def usage_command() -> None:
    """Hold the commands about what is used."""


@usage_command.command("probe", help="Measure, keep it, and foresee what is scaled.")
@click.option("--local", is_flag=True, help="Keep it in this repository alone.")
@_FORM
@click.pass_context
def probe_command(ctx: click.Context, local: bool, form: str) -> None:  # noqa: FBT001
    """Ask every source once; 3 where one did not answer or is not believed."""
    from reconciler.cli.show_usage import probed_data, probed_lines, write
    from reconciler.cli.usage_forecast import predict
    from reconciler.cli.usage_probing import run

    project = Project.of(ctx)
    wants = [want for want in project.scope().wants() if want.probes()]
    if not wants and project.partial:
        raise UsageError("nothing that was selected is measured by anybody")
    if not wants:
        project.say("nothing in the inventory is measured by anybody")
        return
    result = run(project, wants, predict, local=local)
    if form == "json":
        write(probed_data(result))
    else:
        lines = probed_lines(result, full=project.verbose)
        click.echo("\n".join(lines), color=ctx.color)
    ctx.exit(Exit.DONE if result.whole else Exit.PARTLY)


@usage_command.command("show", help="Show what one resource uses, and will use.")
@click.argument("address", metavar="KIND/NAME")
@click.option("--metric", help="Only this one.")
@_AS_OF
@_FORM
@click.pass_context
def show_command(
    ctx: click.Context, address: str, metric: str | None, as_of: str | None, form: str
) -> None:
    """Show what is kept; nobody is asked."""
    from reconciler.cli.show_usage import shown_data, shown_lines, write
    from reconciler.cli.usage_shown import resource

    project = Project.of(ctx)
    ref = _declared(project, address)
    seen = resource(project, ref, metric, _time(as_of))
    if form == "json":
        write(shown_data(seen))
        return
    click.echo("\n".join(shown_lines(seen)), color=ctx.color)


@usage_command.command("list", help="Show what fills up soonest.")
@click.option(
    "--most", type=click.IntRange(min=0), default=20, help="How many lines; 0: all."
)
@_AS_OF
@_FORM
@click.pass_context
def list_command(ctx: click.Context, most: int, as_of: str | None, form: str) -> None:
    """List what is kept, the most urgent first; nobody is asked."""
    from reconciler.cli.show_usage import listed_data, listed_lines, write
    from reconciler.cli.usage_shown import everything

    project = Project.of(ctx)
    found = everything(project, _time(as_of))
    if form == "json":
        write(listed_data(found))
        return
    click.echo("\n".join(listed_lines(found, most)), color=ctx.color)


for _one in (probe_command, list_command):
    narrowed(_one)
COMMAND = usage_command


def _time(text: str | None) -> datetime | None:
    return parsed_time(text) if text else None


def _declared(project: Project, address: str) -> Ref:
    from reconciler.model import Ref

    kind, slash, name = address.partition("/")
    ref = Ref(kind, name)
    if not slash or ref not in project.inventory:
        raise UsageError(f"there is no {address} in the inventory")
    if not project.inventory.get(ref).probes():
        raise ReconcilerError(f"nobody measures {address}", code="E662")
    return ref
