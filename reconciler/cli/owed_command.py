"""``reconciler owed``: what is invoiced and not paid, by the records alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.project import Project
from reconciler.engine import dumps
from reconciler.report.visible import visible

if TYPE_CHECKING:
    from datetime import datetime


@click.command("owed", help="Show what is invoiced and not paid, by the records.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def owed_command(ctx: click.Context, form: str) -> None:
    """List what is owed, the longest first; no gateway is asked."""
    project = Project.of(ctx)
    rows = sorted(_owed(project, project.clock()), key=lambda row: row["due"])
    if form == "json":
        sys.stdout.write(dumps({"format": "reconciler.owed/v1", "owed": rows}))
        return
    for row in rows:
        late = f"{row['days']} d late" if row["days"] > 0 else f"due {row['due'][:10]}"
        number = row["number"] or row["provider"]
        said = f"{late:<14} {row['total']:>16}  {row['name']}  {number}"
        click.echo(visible(f"{said}  {row['period']}  {row['customer']}"))
    if not rows:
        click.echo("nothing is owed")


COMMAND = owed_command


def _owed(project: Project, now: datetime) -> Iterator[dict[str, Any]]:
    from reconciler.kinds.subscription import Subscription

    for want in project.scope().leaders():
        if not isinstance(want, Subscription):
            continue
        case = want.case({}, now)
        for one in case.unpaid() if case else ():
            due = case.due_at(one.begins) if case else now
            yield {
                "name": str(want.ref),
                "customer": want.spec.customer,
                "period": one.of.period,
                "number": one.number,
                "provider": one.provider,
                "total": str(one.total),
                "due": due.isoformat(),
                "days": max(0, (now - due).days),
            }
