"""What a letter about a period says: its placeholders, as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from reconciler.kinds.subscription.case import Case, Span
from reconciler.kinds.subscription.coming import coming
from reconciler.kinds.subscription.facts import Invoiced, promised, told
from reconciler.kinds.subscription.state import BILLING, Bill, Of
from reconciler.kinds.subscription.suspension import (
    WARNING,
    foreseen,
    suspended_from,
)
from reconciler.model import Letter, Ref, Share
from reconciler.model.terms import Method

#: What every text can say; what does not apply is empty. Days are ISO 8601, and amounts
#: are those of Money.
PLACEHOLDERS: Final = (
    *("covers", "period", "ends", "number", "amount", "total", "tax", "collect"),
    *("method", "charge", "due", "since", "retry", "suspends", "paid"),
)
DAYS: Final = frozenset(
    {"period", "ends", "charge", "due", "since", "retry", "suspends", "paid"}
)
#: What a suspension takes off the net.
_SUSPENDABLE: Final = "HostingAccount"
_DAY: Final = timedelta(days=1)


def written(
    case: Case, one: Invoiced, bill: Bill | None, step: str, text: str
) -> Letter:
    """Return the letter *step* about *one*, of which *bill* says what is left."""
    first, ends = case.failed_at(one), None
    values = period(case, one.of, one, str(bill.left if bill else one.total))
    values |= {"total": str(bill.total if bill else one.total)}
    values |= when(case, one.begins, one.provider)
    if first is not None:
        if suspendable(case):
            ends = suspended_from(case, one) or foreseen(case, one)
        values |= {
            "since": day(case, first),
            "retry": _retry(case, one),
            "suspends": day(case, ends) if ends else "",
        }
    warns = text == WARNING
    facts: dict[str, JsonValue] = {}
    if warns and ends:
        facts = {promised(one.of): {"suspends": ends.isoformat()}}
    tried = case.books.tries(one.of)
    token = tried[-1].method if tried else ""
    method = next((m for m in case.at(one.provider) if token in {"", m.token}), None)
    return Letter(
        told(one.of, step),
        text,
        case.terms.customer,
        values,
        (Share(one.provider, BILLING), bill.id) if bill else None,
        names=named(method if charged(case, one) else None),
        facts=facts,
        firm=warns,
    )


def named(method: Method | None) -> Mapping[str, Ref]:
    """Return the placeholder that says what *method* is called."""
    return {"method": Ref("PaymentMethod", method.name)} if method else {}


def period(case: Case, of: Of, span: Span | Invoiced, amount: str) -> dict[str, str]:
    """Return what every letter about a period says."""
    names = dict.fromkeys(each.partition("/")[2] for each in case.spec.covers)
    number = span.number if isinstance(span, Invoiced) else None
    return dict.fromkeys(PLACEHOLDERS, "") | {
        "covers": ", ".join(names),
        "period": of.period,
        "ends": (span.ends - _DAY).isoformat(),
        "number": number or "",
        "amount": amount,
        "total": amount,
        "collect": case.terms.collect,
    }


def when(case: Case, begins: date, provider: str) -> dict[str, str]:
    """Return when a period is charged or due; *provider* "" is whoever will collect."""
    taken = charges(case, provider)
    return {
        "collect": "auto" if taken else "invoice",
        "charge": day(case, case.charge_at(begins)) if taken else "",
        "due": day(case, case.due_at(begins)),
    }


def charges(case: Case, provider: str) -> bool:
    """Say whether it is charged, and not paid by the customer's own doing."""
    terms = case.terms
    methods = case.at(provider) if provider else list(terms.methods)
    return terms.collect == "auto" and terms.agreed is not None and bool(methods)


def charged(case: Case, one: Invoiced) -> bool:
    """Say whether *one* is, or was, charged."""
    return charges(case, one.provider) or bool(case.books.tries(one.of))


def _retry(case: Case, one: Invoiced) -> str:
    """Return the day of the next attempt; empty where there is none by itself."""
    tries = case.books.tries(one.of)
    if not charges(case, one.provider) or not tries or tries[-1].kind != "soft":
        return ""
    again = (step.at for step in coming(case, one) if "retry" in step.deeds)
    return next((day(case, at) for at in again), "")


def suspendable(case: Case) -> list[Ref]:
    """Return what would be taken off the net."""
    pairs = (each.partition("/") for each in case.spec.covers)
    return [Ref(kind, name) for kind, _, name in pairs if kind == _SUSPENDABLE]


def day(case: Case, at: datetime) -> str:
    """Return the customer's day of *at*."""
    return at.astimezone(ZoneInfo(case.terms.time_zone)).date().isoformat()
