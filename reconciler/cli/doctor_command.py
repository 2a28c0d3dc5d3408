"""``reconciler doctor``: what is wrong around the inventory, and how to mend it."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.doctor.check import Check, data, lines, mend, ok
from reconciler.cli.project import Project
from reconciler.engine import Exit, dumps
from reconciler.errors import InventoryErrors, ReconcilerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AGE = re.compile(r"(\d{1,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


@click.command("doctor", help="Look for what is wrong around it, and say how to mend.")
@click.option("--last-run", is_flag=True, help="Only the age of the last complete run.")
@click.option("--max-age", default="26h", help="How old that may be, as in 26h.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def doctor_command(ctx: click.Context, /, **options: Any) -> None:
    """Look, and end with 1 where something is to be mended."""
    from reconciler.cli.doctor.schedule import last_run

    project = Project.of(ctx)
    most = parsed_age(options["max_age"])
    found: list[Check] = []
    for check in _all(project, last_run=options["last_run"]):
        if check in found:
            continue
        found.append(check)
        if options["form"] == "text":
            for line in lines([check]):
                click.echo(line)
    last = last_run(project, most)
    found.append(last)
    if options["form"] == "json":
        sys.stdout.write(dumps(data(found)))
    else:
        for line in lines([last]):
            click.echo(line)
    bad = any(check.level == "FIX" for check in found)
    ctx.exit(Exit.ERROR if bad else Exit.DONE)


COMMAND = doctor_command


def parsed_age(given: str) -> timedelta:
    """Return ``26h`` or ``2d`` as a duration; raises UsageError."""
    found = _AGE.fullmatch(given)
    if not found:
        raise UsageError(f"{given!r} is no age", hint="write hours or days, as in 26h")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


def _all(project: Project, *, last_run: bool) -> Iterator[Check]:
    """Yield everything that is found, part by part; one broken part hides no other."""
    if last_run:
        return
    from reconciler.cli.doctor import (
        accounts,
        books,
        clock,
        inbox,
        keys,
        reach,
        remote,
        schedule,
    )

    parts: list[Callable[[Project], Iterator[Check]]] = [
        _inventory, keys.checks, accounts.checks, clock.checks, remote.checks,
        books.checks, reach.checks, inbox.checks, schedule.checks,
    ]  # fmt: skip
    for part in parts:
        try:
            yield from part(project)
        except InventoryErrors:
            continue  # said once, by the first part
        except ReconcilerError as error:
            yield mend(part.__module__.rpartition(".")[2], error.what, error.hint or "")


def _inventory(project: Project) -> Iterator[Check]:
    try:
        yield ok("inventory", f"{len(project.inventory)} documents")
    except InventoryErrors as error:
        said = f"{len(error.errors)} errors: {error.errors[0].what}"
        yield mend("inventory", said, "reconciler validate shows them all")
    try:
        policies = project.policies
    except InventoryErrors as error:
        said = f"{len(error.errors)} errors: {error.errors[0].what}"
        yield mend("policies", said, "reconciler validate shows them all")
        return
    if policies:
        yield ok("policies", f"{len(policies)} documents")
    else:
        yield mend(
            "policies",
            "there are none: nothing but the ceilings in the inventory limits it",
            "begin with a Budget and an ApprovalRule (docs/policies.md)",
        )
