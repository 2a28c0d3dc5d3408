"""Which facts are kept of how a step ended, and of what a look showed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pydantic import JsonValue

from reconciler.kinds.subscription.amounts import amounts
from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.changes import (
    Authorize,
    Capture,
    Charge,
    Invoice,
    SubscriptionChange,
    Void,
)
from reconciler.kinds.subscription.facts import COVERS, ENDED, HELD, KNOWN, PASSED
from reconciler.kinds.subscription.proration import price_fact
from reconciler.kinds.subscription.state import BILLING, Bill, BillingState
from reconciler.model import Absent, Ended, Have, Money, Share

Facts = dict[str, JsonValue]


def facts(change: SubscriptionChange, ended: Ended, have: Have) -> Facts:
    """Return what is recorded of *change*, in the same commit as its outcome."""
    state = have.get(change.share)
    bill = state.bill(change.of) if isinstance(state, BillingState) else None
    at, start = ended.at.isoformat(), change.of.fact
    if ended.status != "applied":
        return _failed(change, ended)
    match change:
        case Invoice():
            return {f"{start}/invoice": _invoiced(change, ended, bill)}
        case Charge() | Capture():
            shown = str(bill.paid) if bill and bill.state == "paid" else None
            paid = ended.evidence.get("amount") or shown
            return {
                f"{start}/paid": {
                    "at": at,
                    "amount": str(paid or change.charge),
                    "provider": change.share.provider,
                    "method": change.details.get("token"),
                    "how": change.verb,
                }
            }
        case Authorize():
            named = ended.evidence.get("id") or (bill.id if bill else None)
            held: Facts = {"at": at, "id": named, "amount": str(change.charge)}
            return {f"{start}/authorized": held} if named else {}
        case Void():
            return {f"{start}/void": {"at": at, "provider": change.share.provider}}


def _invoiced(change: Invoice, ended: Ended, bill: Bill | None) -> Facts:
    told = ended.evidence
    total = told.get("total") or (bill.total if bill else _expected(change))
    number = told.get("number") or (
        bill.number if bill else change.details.get("number")
    )
    return {
        "at": ended.at.isoformat(),
        "provider": change.share.provider,
        "id": told.get("id") or (bill.id if bill else number or ""),
        "number": number,
        "total": str(total),
        **_lines(change),
        "begins": change.details["begins"],
        "ends": change.details["ends"],
        "due": change.details["due"],
        "covers": change.details.get("covers", []),
        "customer": change.details.get("customer"),
        "net": change.details["amount"],
        "price": change.details.get("price"),
    }


def _lines(change: Invoice) -> Facts:
    """Return what our own document of it lists; a gateway has one itself."""
    if "series" not in change.details:
        return {}
    return {"lines": [line.fact() for line in amounts(change).lines]}


def _expected(change: Invoice) -> JsonValue:
    """Return what it comes to; without tax where a gateway works that out."""
    try:
        return str(amounts(change).total)
    except ValueError:
        return change.details["amount"]


def _failed(change: SubscriptionChange, ended: Ended) -> Facts:
    """
    Keep an attempt that was no payment.

    One that was never sent is none. One that nobody heard of counts against the
    attempts, but not as a decline: what its bill shows may be of an attempt before.
    """
    if not isinstance(change, (Charge, Authorize, Capture)):
        return {}
    kind, code = ended.evidence.get("declined"), ended.evidence.get("code")
    if kind is None and ended.status == "not_applied":
        if ended.evidence.get("not_sent"):
            return {}
        kind = "lost"
    told: Facts = {
        "at": ended.at.isoformat(),
        "kind": kind or "refused",
        "code": code or "",
        "method": change.details.get("token") or "",
    }
    # What was held takes the count of attempts along; their facts stay apart.
    after = f"{change.details['after']}-" if change.details.get("after") else ""
    return {f"{change.of.fact}/try/{change.verb}-{after}{ended.attempt}": told}


def noticed(case: Case, now: datetime) -> Facts:
    """
    Return what a look has shown: that it is known, and what was paid elsewhere.

    A customer may pay on the gateway's page, or a person at the gateway's desk.
    """
    found: Facts = {**price_fact(case, now), **_known(case, now)}
    covers: Facts = {"names": [*case.spec.covers]}
    if case.books.fact(COVERS) != covers:
        found[COVERS] = covers
    if case.ended != case.books.ended:
        found[ENDED] = {"at": case.ended.isoformat() if case.ended else None}
    if (until := _passed(case)) is not None:
        found[PASSED] = {"until": until.isoformat()}
    found |= _held(case, now) | _lapsed(case, now)
    for share in case.shares:
        state = case.state(share.provider)
        for bill in state.bills if state else ():
            if bill.state != "paid" or case.books.paid(bill.of):
                continue
            if not case.books.fact(f"{bill.of.fact}/invoice"):
                continue  # nothing of ours: the books say so
            found[f"{bill.of.fact}/paid"] = {
                "at": (bill.at or now).isoformat(),
                "amount": str(bill.paid),
                "provider": share.provider,
                "method": bill.method,
                "how": "elsewhere",
            }
    return found


def _known(case: Case, now: datetime) -> Facts:
    """
    Return since when it is known, and who collects since: that decides what is ours.

    While a gateway's own engine collects it, that is who does, whatever the policy
    says; and until that engine was seen to have ended, it has not.
    """
    known, collector = case.books.known, case.terms.invoicing.collector
    engine, native = next(iter(case.engines.items()), (None, None))
    if native is not None:
        collector = native.collector
    elif known and known.engine and not case.state(known.engine):
        gone = case.have.get(Share(known.engine, BILLING))
        if not isinstance(gone, Absent):
            return {}
    if known and (known.collector, known.engine) == (collector, engine):
        return {}
    fact: Facts = {"at": now.isoformat(), "collector": collector}
    return {KNOWN: fact | ({"engine": engine} if engine else {})}


def _held(case: Case, now: datetime) -> Facts:
    """Return that its customer is held from now on, or no more, where it is news."""
    last = case.books.held
    was = last is not None and last.until is None
    if was == bool(case.terms.holds):
        return {}
    since = last.since if last is not None and was else now
    until = now.isoformat() if was else None
    return {HELD: {"since": since.isoformat(), "until": until}}


def _lapsed(case: Case, now: datetime) -> Facts:
    """
    Return the attempts whose money was held, and is lost before it was taken.

    Where only its time ran out, nobody declined anything.
    """
    found: Facts = {}
    for one in case.invoiced:
        held, bill = case.books.authorized(one.of).get("id"), case.bill(one)
        if not held or bill is None or bill.payment != "failed" or case.lapsed(one):
            continue
        code = bill.code or ""
        found[f"{one.of.fact}/try/held-{held}"] = {
            "at": now.isoformat(),
            "kind": "lost" if code.endswith("EXPIRED") else "soft",
            "code": code,
            "method": bill.method or "",
        }
    return found


def _passed(case: Case) -> date | None:
    """
    Return until when days pass without being paid for; None where none do.

    A period that begins while it costs nothing, or is collected by nobody, is never
    billed afterwards; nor one that was over before it was wanted again.
    """
    free = case.terms.collect == "none" or case.terms.price.amount == 0
    if not free and case.spec.state == "active":
        return None
    until, span = None, case.unbilled
    while span and (span.begins if free else span.ends) <= case.today:
        until, span = span.ends, case.span(span.ends)
    return until


def money(raw: JsonValue) -> Money:
    """Return an amount of a fact."""
    return Money.model_validate(raw)


Evidence = Mapping[str, JsonValue]
