"""``reconciler books``: what gateways took, and whether that is what is recorded."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import click

from reconciler.cli.project import Project
from reconciler.engine import Accounts, dumps
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError, Unsupported, UsageError
from reconciler.report.visible import visible
from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.cli.reckoning import Taken
    from reconciler.kinds.subscription.reckoning import Reckoning, Row, Window
    from reconciler.model import Money

_BACK: Final = timedelta(days=35)
_FORMAT: Final = "reconciler.books/v1"
_COLUMNS: Final = (
    "time", "account", "capture", "amount", "refunded", "currency", "status",
    "subscription", "customer", "period", "purpose", "number", "object", "operation",
)  # fmt: skip


@click.command(
    "books", help="Compare what gateways took with what is recorded as paid."
)
@click.option("--since", metavar="DATE", help="From that day on.  [default: 35 days]")
@click.option("--until", metavar="DATE", help="Before that day.  [default: now]")
@click.option("--month", metavar="YYYY-MM", help="That month.")
@click.option(
    "--zone",
    default="UTC",
    metavar="ZONE",
    help="Whose days those are.  [default: UTC]",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "csv"]), default="text"
)
@click.pass_context
def books_command(ctx: click.Context, /, **options: Any) -> None:
    """Ask every gateway, compare, and print; nothing is written anywhere."""
    from reconciler.cli import reckoning

    project = Project.of(ctx)
    window = _window(project, options)
    with closing(_accounts(project)) as accounts:
        names = reckoning.names_of(accounts)
        if not names and not accounts.failed:
            raise ReconcilerError("no account here takes money", code="E630")
        project.say(f"asking {', '.join(names) or 'nobody'} …")
        ledger = project.ledger
        found = reckoning.taken(accounts, window.asked_since, names, ledger)
    found = found._replace(failed={**accounts.failed, **found.failed})
    compared = reckoning.compared(ledger, found, window)
    match options["form"]:
        case "json":
            sys.stdout.write(dumps(_data(project, compared, found, window)))
        case "csv":
            _csv(project, compared)
        case _:
            for line in _lines(compared, found, window):
                click.echo(visible(line))
    ctx.exit(_code(compared, found))


COMMAND = books_command


# -- what is asked -----------------------------------------------------------------


def _window(project: Project, options: dict[str, Any]) -> Window:
    from reconciler.kinds.subscription.reckoning import Window

    now = project.clock()
    zone = _zone(options["zone"])
    if options["month"] and (options["since"] or options["until"]):
        raise UsageError("--month says both: leave --since and --until out")
    if options["month"]:
        first = _day(f"{options['month']}-01", "write it as in 2026-11")
        last = (first + timedelta(days=31)).replace(day=1)
        return Window(_start(first, zone), _start(last, zone), now)
    # What is taken in this very second is part of what was taken until now.
    until = now + timedelta(seconds=1)
    if options["until"]:
        until = _start(_day(options["until"]), zone)
    since = until - _BACK
    if options["since"]:
        since = _start(_day(options["since"]), zone)
    if since >= until:
        raise UsageError("--since is not before --until")
    return Window(since, until, now)


def _day(text: str, hint: str = "write it as in 2026-12-31") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date", hint=hint) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = "write it as in Europe/Amsterdam"
        raise UsageError(f"{name!r} is no time zone", hint=hint) from None


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _accounts(project: Project) -> Accounts:
    """Return every declared account that has a driver for billing, wanted or not."""
    from reconciler.cli.accounts import account
    from reconciler.kinds.subscription import BILLING
    from reconciler.model import AnyDriver, Share
    from reconciler.providers import driver_class

    drivers: dict[Share, AnyDriver] = {}
    failed: dict[str, str] = {}
    for name, provider in sorted(project.accounts_declared.items()):
        try:
            kind = driver_class(provider.spec.type, BILLING)
        except Unsupported:
            continue
        try:
            opened = kind(account(project, provider, kind.credentials))
        except ReconcilerError as error:
            failed[name] = error.what
        else:
            drivers[Share(name, BILLING)] = opened
    declared = project.accounts_declared
    return Accounts(drivers, {n: p.spec.account for n, p in declared.items()}, failed)


# -- what is said ------------------------------------------------------------------


def _code(compared: Reckoning, found: Taken) -> Exit:
    from reconciler.model import Severity

    wrong = {Severity.CRITICAL, Severity.ERROR}
    if any(remark.severity in wrong for remark in compared.remarks):
        return Exit.ERROR
    return Exit.PARTLY if found.failed or found.unheld else Exit.DONE


def _lines(compared: Reckoning, found: Taken, window: Window) -> Iterator[str]:
    last = window.until - timedelta(seconds=1)
    asked = ", ".join(sorted(found.captures)) or "no account could be read"
    yield f"books of {asked}, {window.since.date()} to {last.date()}"
    ours = [row for row in compared.rows if row.of is not None]
    periods = {(row.name, row.of.period, row.of.purpose) for row in ours if row.of}
    money = _joined(compared.sums(lambda row: row.of is not None))
    payments, paid = count(len(ours), "payment"), count(len(periods), "period")
    yield f"  {payments} for {paid}  {money}"
    others = len(compared.rows) - len(ours)
    if others:
        money = _joined(compared.sums(lambda row: row.of is None))
        yield f"  {count(others, 'payment')} for something else, left alone  {money}"
    for remark in compared.remarks:
        kind = "Subscription" if remark.name else "Provider"
        about = f"{kind}/{remark.name or remark.account}"
        yield f"{remark.severity.upper():<9}{about}  {remark.code}"
        yield f"         {remark.message}"
    if not compared.remarks:
        yield "What was taken is what is recorded as paid."


def _joined(sums: list[Money]) -> str:
    return " + ".join(map(str, sums)) or "nothing"


def _row(payers: Mapping[str, str], row: Row) -> dict[str, str]:
    capture = row.capture
    amount, currency = str(capture.amount).split()
    return {
        "time": capture.at.isoformat(),
        "account": row.account,
        "capture": capture.id,
        "amount": amount,
        "refunded": str(capture.refunded).split()[0],
        "currency": currency,
        "status": row.status,
        "subscription": row.name,
        "customer": payers.get(capture.subscription or "", ""),
        "period": row.of.period if row.of else "",
        "purpose": row.of.purpose if row.of else "",
        "number": row.number or "",
        "object": capture.object or "",
        "operation": capture.operation or "",
    }


def _payers(project: Project) -> dict[str, str]:
    """Return who pays, by the uid of each subscription that is still wanted."""
    from reconciler.model.billing import hashed

    wants = project.inventory.of("Subscription")
    known = {want.uid: str(want.payer or "") for want in wants}
    return known | {hashed(uid): payer for uid, payer in known.items()}


def _csv(project: Project, compared: Reckoning) -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    payers = _payers(project)
    for row in compared.rows:
        cells = _row(payers, row).items()
        writer.writerow({name: _cell(text) for name, text in cells})


def _cell(text: str) -> str:
    """Return *text* for a spreadsheet, which must not run it as a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _data(
    project: Project, compared: Reckoning, found: Taken, window: Window
) -> dict[str, Any]:
    payers = _payers(project)
    remarks = [
        {**one._asdict(), "severity": str(one.severity)} for one in compared.remarks
    ]
    return {
        "format": _FORMAT,
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "accounts": sorted(found.captures),
        "unread": {**found.unheld, **found.failed},
        "captures": [_row(payers, row) for row in compared.rows],
        "findings": remarks,
    }
