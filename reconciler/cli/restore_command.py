"""``reconciler restore``: bring back what was backed up, by hand and beside it."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from reconciler.cli import show_restore
from reconciler.cli.project import Project
from reconciler.cli.restore_choice import Choice
from reconciler.cli.restored import look, restore
from reconciler.cli.restoring import asked, production
from reconciler.cli.show_plan import fitted
from reconciler.cli.terminal import columns
from reconciler.errors import UsageError
from reconciler.providers._restore import fresh


@click.command(
    "restore", help="Bring back what was backed up, into an empty folder; or list it."
)
@click.argument("address", metavar="Backup/NAME")
@click.option("--copy", metavar="NAME", help="From this BackupRepository.")
@click.option("--at", metavar="TIME", help="As it was then, or the last before.")
@click.option(
    "--snapshot",
    "snapshots",
    multiple=True,
    metavar="ID",
    help="These snapshots, whatever speaks against them.",
)
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only these.")
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only files like this: * in a folder, ** across; or a whole folder.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder that is empty, or not there; without it, what there is is listed.",
)
@click.option(
    "--key",
    type=click.Choice(["password", "escrow"]),
    default="password",
    help="Which of the two secrets opens it.",
)
@click.option("--rev", metavar="REV", help="As git described it in that commit.")
@click.option("--offline", is_flag=True, help="Ask no git remote, and record nothing.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def restore_command(ctx: click.Context, /, **options: Any) -> None:
    """List what there is, or restore it and say what became of it."""
    if options["at"] and options["snapshots"]:
        raise UsageError("--at and --snapshot say two different things: write one")
    choice = Choice(
        options["copy"],
        _time(options["at"]) if options["at"] else None,
        options["snapshots"],
        options["sources"],
        options["only"],
        "escrow" if options["key"] == "escrow" else "drill",
    )
    project = Project.of(ctx)
    offline, into = options["offline"], options["into"]
    one = asked(project, options["address"], options["rev"], offline=offline)
    if into is None:
        found = look(project, one, choice)
        command = _command(str(one.want.ref), options)
        _print(options["form"], show_restore.listing(found, command))
        ctx.exit(found.code)
    where = fresh(Path.cwd() / into, production(project, one.tree))
    done = restore(project, one, choice, where, offline=offline)
    _print(options["form"], show_restore.outcome(done))
    ctx.exit(done.code)


COMMAND = restore_command


def _command(ref: str, options: dict[str, Any]) -> str:
    """Return what restores what was listed: with every word that chose it."""
    words = ["reconciler", "restore", ref]
    for name in ("copy", "at", "rev"):
        words += [f"--{name}", options[name]] if options[name] else []
    for name, flag in (("snapshots", "snapshot"), ("sources", "source")):
        words += [word for one in options[name] for word in (f"--{flag}", one)]
    words += [word for one in options["only"] for word in ("--only", one)]
    words += ["--key", "escrow"] if options["key"] == "escrow" else []
    words += ["--offline"] if options["offline"] else []
    return shlex.join([*words, "--into", "DIR"])


def _time(given: str) -> datetime:
    from reconciler.cli.plan_command import parsed_time

    return parsed_time(given)


def _print(form: str, shown: show_restore.Shown) -> None:
    if form == "json":
        sys.stdout.write(json.dumps(shown.data, indent=2, sort_keys=True) + "\n")
    else:
        click.echo(fitted(shown.lines, columns()))
