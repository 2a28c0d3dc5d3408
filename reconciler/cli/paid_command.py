"""``reconciler paid``: a person says that an invoice was paid."""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple, cast
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError

from reconciler.audit import Batch, Note
from reconciler.cli.project import Project
from reconciler.cli.treasury import refuse_outsiders
from reconciler.engine import Journal, observe
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model import OWN, Money, Ref

if TYPE_CHECKING:
    from pydantic import JsonValue

    from reconciler.audit import Ledger
    from reconciler.kinds.subscription import Case, Invoiced, Subscription

_EVIDENCE = 500
_UNDER_WAY = {
    "processing": "being paid",
    "action": "waiting for the customer to confirm a payment",
}


class _Said(NamedTuple):
    """What a person says of a payment."""

    period: str
    amount: Money
    day: date | None
    evidence: str


@click.command("paid", help="Say that an invoice was paid by transfer.")
@click.argument("subscription")
@click.option("--period", required=True, metavar="DATE", help="Its first day.")
@click.option("--amount", required=True, help='All of it, as in "12.10 EUR".')
@click.option("--evidence", required=True, help="How they know; goes into the log.")
@click.option("--date", "day", metavar="DATE", help="When it came in; today if not.")
@click.pass_context
def paid_command(
    ctx: click.Context,
    subscription: str,
    period: str,
    amount: str,
    evidence: str,
    day: str | None,
) -> None:
    """Record one payment, which closes its period."""
    said = _Said(
        _date(period).isoformat(),
        _money(amount),
        _date(day) if day else None,
        evidence[:_EVIDENCE],
    )
    if not evidence.strip():
        raise UsageError("say how you know, as in the line of the bank's statement")
    project = Project.of(ctx)
    ref = _subscription(project, subscription)
    refuse_outsiders(project)
    # Whose secrets are resolved is known before the journal is opened: it masks them.
    with (
        closing(project.accounts([project.scope().get(ref)])) as accounts,
        Journal(project.journal(), project.run(project.git.head), project.clock) as j,
    ):
        found = project.scope().recalling(lambda: j.ledger).get(ref)
        want = cast("Subscription", found)
        have = observe([want], accounts).have(want)
        case = want.case(have, project.clock())
        if case is None:
            raise _refused(f"{ref} has no terms")
        one = _payable(want, case, j.ledger, said)
        at = _moment(case, said.day)
        j.record(Batch(entries=(_note(project, want, one, at, said),), phase="paid"))
    number = one.number or one.id
    click.echo(f"paid {ref}  {said.period}  {number}  {said.amount} on {at.date()}")
    if one.provider != OWN:
        where = f"{number} is still open at {one.provider}"
        click.echo(f"{where}: mark it as paid there, or it may be paid again", err=True)


COMMAND = paid_command


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is no date", hint="write it as in 2026-12-31"
        ) from None


def _money(text: str) -> Money:
    try:
        return Money.model_validate(text)
    except ValidationError:
        raise UsageError(
            f"{text!r} is no amount", hint='write it with its currency: "12.50 EUR"'
        ) from None


def _subscription(project: Project, text: str) -> Ref:
    kind, _, name = text.partition("/")
    ref = Ref(kind, name)
    if kind != "Subscription" or ref not in project.inventory:
        raise UsageError(f"there is no {text}", hint="write it as in Subscription/acme")
    return ref


def _payable(want: Subscription, case: Case, ledger: Ledger, said: _Said) -> Invoiced:
    """
    Return what *said* pays, and nothing else pays now.

    Raises:
        ReconcilerError: It is not open, another amount is left of it, or a gateway is
            being asked for it.
    """
    here = [one for one in case.invoiced if one.of.period == said.period]
    made = [one for one in here if not case.books.voided(one.of)]
    if not made:
        known = ", ".join(one.of.period for one in case.unpaid()) or "nothing"
        raise _refused(f"{said.period} was not invoiced", f"what is owed: {known}")
    one = made[-1]
    if case.paid(one.of):
        raise _refused(f"{said.period} is paid already")
    for begun in ledger.open.values():
        if (begun.intent.kind, begun.intent.uid) == (want.kind, want.uid):
            what = f"{begun.intent.verb} was begun, and its end is not known"
            raise _refused(what, "run apply, or settle it, and look again")
    bill = case.bill(one)
    if bill is None:
        raise _refused(f"{one.provider} does not show {one.number or one.id}")
    if bill.state != "open" or bill.payment not in {"none", "failed"}:
        under_way = _UNDER_WAY.get(bill.payment, bill.state)
        what = f"{one.provider} says that {bill.number or bill.id} is {under_way}"
        raise _refused(what, "wait until it is decided there, and run apply")
    if bill.left != said.amount:
        what = f"{bill.left} is left of {bill.number or bill.id}, not {said.amount}"
        hint = "only the whole amount closes a period: settle the rest with the payer"
        raise _refused(what, hint)
    return one


def _refused(what: str, hint: str | None = None) -> ReconcilerError:
    return ReconcilerError(what, hint=hint, code="E614")


def _moment(case: Case, day: date | None) -> datetime:
    """Return when it was paid: now, or on the morning of *day*, the payer's."""
    from reconciler.kinds.subscription.period import moment

    zone = case.terms.time_zone
    today = case.now.astimezone(ZoneInfo(zone)).date()
    if day is None or day == today:
        return case.now
    if day > today:
        raise _refused(f"{day} is still to come", "say when the money came in")
    return moment(day, zone)


def _note(
    project: Project, want: Subscription, one: Invoiced, at: datetime, said: _Said
) -> Note:
    fact: dict[str, JsonValue] = {
        "at": at.isoformat(),
        "amount": str(said.amount),
        "provider": one.provider,
        "method": None,
        "how": "transfer",
    }
    return Note(
        event="paid",
        data={
            "kind": want.kind,
            "uid": want.uid,
            "name": want.name,
            "facts": {f"{one.of.fact}/paid": fact},
            "said": said.evidence,
            "by": project.actor,
        },
    )
