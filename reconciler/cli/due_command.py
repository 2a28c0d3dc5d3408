"""``reconciler due``: what is coming, who sees to it, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from reconciler.cli.plan_command import make, parsed_days, parsed_time
from reconciler.cli.project import Project
from reconciler.cli.show_due import Row, table
from reconciler.cli.show_plan import incomplete
from reconciler.cli.terminal import columns
from reconciler.engine import document, dumps, exits
from reconciler.report.agenda import Day, agenda, agenda_data, coming
from reconciler.report.visible import visible
from reconciler.report.words import BY, count, total, when

if TYPE_CHECKING:
    from reconciler.report.plan_document import PlanDocument


@click.command("due", help="Show what is coming due, by day; also as a calendar.")
@click.option("--horizon", default="7d", help="How far to look.")
@click.option("--as-of", metavar="TIME", help="Look as if it were then.")
@click.option(
    "--observed",
    type=click.Path(path_type=Path, exists=True),
    help="Look at a snapshot instead of the accounts.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "ics"]), default="text"
)
@click.pass_context
def due_command(ctx: click.Context, /, **options: Any) -> None:
    """Plan, and print what the plan says is due."""
    project = Project.of(ctx)
    horizon = parsed_days(options["horizon"])
    planned = make(
        project,
        as_of=parsed_time(options["as_of"]) if options["as_of"] else None,
        horizon=horizon,
        observed=options["observed"],
    )
    plan = cast("PlanDocument", document(planned))
    match options["form"]:
        case "json":
            sys.stdout.write(dumps(agenda_data(plan)))
        case "ics":
            from reconciler.report.ics import ics

            click.echo(ics(plan), nl=False)
        case _:
            full = project.verbose
            shown = lines(plan, horizon, full=full, width=columns())
            click.echo("\n".join(shown), color=ctx.color)
    ctx.exit(exits.first(exits.of_plan(planned, detailed=False)))


COMMAND = due_command


def lines(
    plan: PlanDocument, horizon: timedelta, *, full: bool, width: int | None = None
) -> Iterator[str]:
    """Yield what is due as text; with *full* every name has its own line."""
    days = agenda(plan, few=len(plan["due"])) if full else agenda(plan)
    yield from table([row for day in days for row in _rows(plan, day)], width)
    if not plan["complete"]:
        yield incomplete(plan)
    found = coming(plan)
    until = when(plan["as_of"]) + horizon
    if not found:
        known = "" if plan["complete"] else " of what could be read"
        yield f"Nothing{known} is due until {until:%Y-%m-%d}."
        return
    cost = total(one.amount for one in found if one.by != "nobody")
    mine = sum(1 for one in found if one.by == "you")
    parts = [f"{count(len(found), 'thing')} until {until:%Y-%m-%d}"]
    parts += [f"we pay {cost}"] if cost else []
    charge = total(one.charge for one in found)
    parts += [f"clients pay {charge}"] if charge else []
    parts += [f"{mine} for YOU"] if mine else ["nothing for you"]
    yield f"\n{' · '.join(parts)}"


def _rows(plan: PlanDocument, day: Day) -> Iterator[Row]:
    late = day.date < when(plan["as_of"]).date()
    for number, line in enumerate(day.lines):
        yield Row(
            f"{day.date:%a %Y-%m-%d}" if number == 0 else "",
            visible(line.who),
            visible(line.what),
            visible(line.cost),
            "YOU" if line.by == "you" else BY[line.by],
            line.by == "you",
            late,
            visible(line.charge),
        )
