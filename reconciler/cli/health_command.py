"""``reconciler health``: look whether our things answer, and say how they did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from reconciler.cli.project import Project
from reconciler.engine import Exit, dumps, exits

_FORM = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text"
)


def _narrowing(command: Any) -> Any:
    for name, said in (("exclude", "All but these."), ("select", "Only these.")):
        command = click.option(f"--{name}", multiple=True, metavar="SEL", help=said)(
            command
        )
    return command


@click.group("health", help="Look whether our things answer, and say how they did.")
def health_command() -> None:
    """Hold the commands about health checks."""


@health_command.command("check", help="Look, keep what is seen, tell what is down.")
@_narrowing
@click.option("--detailed-exitcode", is_flag=True, help="2 where something is down.")
@_FORM
@click.pass_context
def check_command(ctx: click.Context, /, **options: Any) -> None:
    """Look at everything once; 3 where nobody can tell of something."""
    from reconciler.cli import show_health as show
    from reconciler.cli.health_notices import tell
    from reconciler.cli.health_run import run
    from reconciler.errors import Locked

    project = Project.of(ctx)
    project.narrow(options["select"], options["exclude"])
    result = run(project, project.health)
    codes = {Exit.DONE} if result.whole else {Exit.PARTLY}
    down = any(state.ill for state in result.states.values())
    if down and options["detailed_exitcode"]:
        codes.add(Exit.CHANGES)
    post = None
    try:
        post = tell(project, project.health, result)
    except Locked as error:
        project.say(f"nobody is told now: {error.what}; the next run does it")
        codes.add(Exit.LOCKED)
    if post is not None and not post.arrived:
        codes.add(Exit.ERROR)
    if options["form"] == "json":
        data = show.checked_data(result, project.health)
        sys.stdout.write(dumps({**data, "notices": post.report() if post else []}))
    else:
        lines = show.checked_lines(result, project.health, full=project.verbose)
        for line in (*lines, *(post.lines() if post else ())):
            click.echo(line, color=ctx.color)
    ctx.exit(exits.first(codes))


@health_command.command("status", help="Show how everything is, as it was seen last.")
@_FORM
@click.pass_context
def status_command(ctx: click.Context, form: str) -> None:
    """Show what is kept; nobody is asked."""
    from reconciler.cli import show_health as show

    books = Project.of(ctx).health
    if form == "json":
        sys.stdout.write(dumps(show.status_data(books)))
        return
    for line in show.status_lines(books):
        click.echo(line, color=ctx.color)


@health_command.command("incidents", help="Show what was down, when, and how long.")
@click.option("--open", "only", is_flag=True, help="Only what is down now.")
@click.option("--most", default=20, show_default=True, help="How many lines; 0: all.")
@_FORM
@click.pass_context
def incidents_command(ctx: click.Context, /, **options: Any) -> None:
    """Show what is kept, the latest first."""
    from reconciler.cli import show_health as show

    books = Project.of(ctx).health
    found = show.known(books, only=options["only"])
    if options["form"] == "json":
        sys.stdout.write(dumps(show.incidents_data(found)))
        return
    for line in show.incidents_lines(found, options["most"]):
        click.echo(line, color=ctx.color)


@health_command.command("export", help="Write summaries and badges for a status site.")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder; files in it are replaced.",
)
@click.pass_context
def export_command(ctx: click.Context, out: Path) -> None:
    """Write what is kept, as others read it; nobody is asked."""
    from reconciler.cli.show_health import exported

    files = exported(Project.of(ctx).health)
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {len(files)} files to {out}", err=True)


COMMAND = health_command
