"""``reconciler audit``: read the log, prove it, make its derived records again."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from reconciler.audit import Query, log, rebuild, show, verify
from reconciler.cli.found_out import verdict
from reconciler.cli.plan_command import parsed_time
from reconciler.cli.project import Project
from reconciler.cli.show_plan import fitted
from reconciler.cli.terminal import columns
from reconciler.engine import dumps
from reconciler.engine.exits import Exit
from reconciler.model import Risk
from reconciler.report.visible import visible

_COLUMNS = (
    "time", "type", "run", "kind", "name", "verb", "status", "how", "cost", "paid",
    "charge", "charged", "provider", "attempt", "actor", "approvers", "id", "key",
    "request_id", "error",
)  # fmt: skip


@click.group("audit", help="Read, verify and rebuild the audit log.")
def audit_command() -> None:
    """Hold the commands about the audit log."""


@audit_command.command("log", help="List what was begun and what came of it.")
@click.option("--since", metavar="TIME", help="From then on, as in 2026-11-22.")
@click.option("--until", metavar="TIME", help="Before then.")
@click.option("--risk", type=click.Choice(list(map(str, Risk))), help="Only this.")
@click.option("--verb", help="Only this verb, as in renew.")
@click.option("--run", help="Only this run.")
@click.option(
    "--format", "form", type=click.Choice(["text", "jsonl", "csv"]), default="text"
)
@click.option(
    "--select", "names", multiple=True, metavar="Kind/name", help="Only these."
)
@click.pass_context
def log_(ctx: click.Context, /, **options: Any) -> None:
    """Print the log, oldest first."""
    project = Project.of(ctx)
    selected = (*ctx.find_root().obj["select"], *options["names"])
    query = Query(
        select=tuple(selected),
        since=parsed_time(options["since"]) if options["since"] else None,
        until=parsed_time(options["until"]) if options["until"] else None,
        risk=options["risk"],
        verb=options["verb"],
        run=options["run"],
    )
    if not _print(log(project.store, query), options["form"]):
        project.say("nothing in the log is like that")


def _print(lines: Iterator[dict[str, Any]], form: str) -> int:
    """Print *lines* and return how many there were."""
    number = 0
    writer = csv.writer(sys.stdout)
    if form == "csv":
        writer.writerow(_COLUMNS)
    for number, line in enumerate(lines, 1):  # noqa: B007  (it is returned)
        if form == "csv":
            writer.writerow([_cell(line.get(column)) for column in _COLUMNS])
        elif form == "jsonl":
            click.echo(json.dumps(line, sort_keys=True))
        else:
            click.echo(fitted([said(line)], columns()))
    return number


def _cell(value: Any) -> str:
    """Return *value* for a spreadsheet, which must not run it as a formula."""
    said = " ".join(value) if isinstance(value, list) else str(value or "")
    return f"'{said}" if said[:1] in {"=", "+", "-", "@"} else said


def said(line: dict[str, Any]) -> str:
    """Return one line of the log for a person."""
    when = str(line["time"])[:19].replace("T", " ")
    if line["type"] == "note":
        return f"{when}  note     {_noted(line['event'], line['data'])}"
    what = f"{line['verb']} {line['kind']}/{line['name']}"
    if line["type"] == "intent":
        cost = f"  {line['cost']}" if line["cost"] else ""
        cost += _charge(line)
        by = (
            f"  approved by {', '.join(line['approvers'])}" if line["approvers"] else ""
        )
        return f"{when}  intent   {what}{cost}{by}  {line['id'][:12]}"
    paid = f"  {line['paid']}" if line["paid"] else ""
    if charged := line.get("charged"):
        paid += f"  client paid {charged}"
    error = f"  {line['error']}" if line["error"] else ""
    found = verdict(line.get("evidence") or {}) if line["status"] == "applied" else ""
    how = f"{visible(found) or line['status']} ({line['how']})"
    return f"{when}  outcome  {what}  {how}{paid}{error}  {line['id'][:12]}"


def _noted(event: str, data: dict[str, Any]) -> str:
    """Say what was noted; of what a person did, whose it is and who did it."""
    if not ("by" in data and "name" in data):
        return f"{event}  {json.dumps(data)[:_CUT]}"
    hidden = {"kind", "name", "uid", "by", "facts"}
    rest = {key: value for key, value in data.items() if key not in hidden}
    about = f"{data.get('kind')}/{data['name']}"
    return f"{event} {about}  by {data['by']}  {json.dumps(rest)[:_CUT]}"


def _charge(line: dict[str, Any]) -> str:
    """Say what a client would pay; older lines know nothing of that."""
    if charge := line.get("charge"):
        return f"  client pays {charge}"
    held = line["change"].get("charge")
    return f"  held of client {held}" if held else ""


#: So much of what was noted is shown; `audit show` and JSON have all of it.
_CUT = 80


@audit_command.command("show", help="Show one run or one action, whole.")
@click.argument("what")
@click.pass_context
def show_(ctx: click.Context, what: str) -> None:
    """Print everything the log has on one run or action."""
    story = show(Project.of(ctx).store, what)
    sys.stdout.write(dumps(story._asdict()))


@audit_command.command("verify", help="Prove that the log is what was written.")
@click.option("--since", metavar="HEAD", help="A head of the chain you remember.")
@click.pass_context
def verify_(ctx: click.Context, since: str | None) -> None:
    """Check chain, order, history and derived records; name what is wrong."""
    project = Project.of(ctx)
    problems = verify(project.store, since)
    for problem in problems:
        click.echo(str(problem))
    ledger = project.store.read()
    said = f"{len(problems)} problems" if problems else "chain whole"
    click.echo(
        f"{ledger.lines} lines, {said}, {len(ledger.open)} open intents, "
        f"head {ledger.head or 'none'}"
    )
    ctx.exit(Exit.ERROR if problems else Exit.DONE)


@audit_command.command("rebuild", help="Make the derived records again from the log.")
@click.pass_context
def rebuild_(ctx: click.Context) -> None:
    """Rebuild, under the lock, and say what differed."""
    project = Project.of(ctx)
    run = project.run(project.git.head)
    mended = rebuild(
        project.journal(), run, now=project.clock(), lease=timedelta(minutes=30)
    )
    for path in mended:
        click.echo(f"mended {path}")
    click.echo(f"{len(mended)} derived files differed from the log")


COMMAND = audit_command
