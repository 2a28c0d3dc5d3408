"""
The next step of each period, from git, records and gateways. Pure.

There is one object per period that can be paid, and one gateway that has it. Another
gateway takes over only after the first object was made impossible to pay (the fence).
What an unknown outcome means is not decided here: the engine holds whatever would be
paid a second time until a read, or a replay of the same key, has told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.subscription.case import Case, Span
from reconciler.kinds.subscription.changes import (
    Authorize,
    BillingChange,
    Capture,
    Charge,
    Invoice,
    SubscriptionChange,
    Void,
)
from reconciler.kinds.subscription.facts import Invoiced, Try
from reconciler.kinds.subscription.state import BILLING, Bill, BillingState, Of
from reconciler.model import OWN, FieldChange, Share
from reconciler.model.terms import Method, Step

#: At most one attempt at one invoice in this time, whatever a policy says.
GAP: Final = timedelta(hours=24)
#: So long a customer has to confirm a payment before it is tried again.
CONFIRM: Final = timedelta(days=3)


def steps(case: Case, uid: str) -> Iterator[SubscriptionChange]:
    """Yield the next step of every period of *case*, at most one for each."""
    if not case.ours or not case.readable:
        return
    suspended = False
    for one in case.unpaid():
        suspended = suspended or _past(case, one, "suspend")
        step = _collected(case, one)
        if step is not None:
            yield _of(step, uid)
    span = case.coming
    if span and not suspended and case.create_at(span) <= case.now:
        made = _invoice(case, span, span.of, _first_provider(case))
        if made is not None:
            yield _of(made, uid)


def _of(change: SubscriptionChange, uid: str) -> SubscriptionChange:
    of = change.of
    more: dict[str, JsonValue] = {"uid": uid, **of._asdict()}
    return change.model_copy(update={"details": {**change.details, **more}})


def _first_provider(case: Case) -> str:
    method = case.primary()
    return method.provider if method else OWN


# -- making the object ----------------------------------------------------------


def _invoice(case: Case, span: Span, of: Of, provider: str) -> Invoice | None:
    terms = case.terms
    if terms.collect == "auto" and not (case.agreed and terms.methods):
        return None  # said as a finding: there is no leave, or no way, to charge
    token = next((m.token for m in case.at(provider)), None)
    if terms.price.amount == 0:
        return None
    hold = "its period began before it was known here: was it paid elsewhere?"
    return Invoice(
        share=Share(provider, BILLING),
        fields=(FieldChange(field="spec.since", after=span.begins.isoformat()),),
        because=f"{span.begins} to {span.ends} costs {terms.price}",
        generation=of.generation,
        hold=hold if case.late else None,
        ceiling=case.most,
        due=case.due_at(span.begins),
        details={
            "amount": str(terms.price),
            "begins": span.begins.isoformat(),
            "ends": span.ends.isoformat(),
            "due": case.due_at(span.begins).isoformat(),
            "collect": terms.collect,
            "tax": _tax(case),
            "token": token,
            "covers": list(case.spec.covers),
        },
    )


def _tax(case: Case) -> JsonValue:
    dumped = case.terms.invoicing.model_dump(mode="json", by_alias=False)
    tax: JsonValue = dumped["tax"]
    return tax


# -- paying it ------------------------------------------------------------------


def _collected(case: Case, one: Invoiced) -> SubscriptionChange | None:
    """Return the next step towards the money of *one*."""
    if case.terms.collect != "auto" or case.agreed is None:
        return None
    if case.books.voided(one.of):
        return _second_leg(case, one)
    state = case.state(one.provider)
    bill = case.bill(one)
    if state is None or bill is None:
        return None
    if bill.state == "authorized":
        return None if _refused(case, one) else _capture(case, one, bill, state)
    if bill.state != "open" or bill.payment == "processing":
        return None
    if case.books.authorized(one.of) and bill.payment != "failed":
        return None  # held already; the next look shows it
    method = _method(case, one)
    if method is not None:
        return _pay(case, one, bill, state, method)
    return _fence(case, one, bill)


def _method(case: Case, one: Invoiced) -> Method | None:
    """Return what to charge now; None where nothing is, or not yet."""
    methods = case.at(one.provider)
    tries = case.books.tries(one.of)
    if not methods or _used_up(case, tries):
        return None
    first = case.failed_at(one)
    if first is None:
        lost = [t.at for t in tries]
        ready = case.charge_at(one.begins) <= case.now
        waits = bool(lost) and case.now - max(lost) < GAP
        return methods[0] if ready and not waits else None
    last = tries[-1].at
    if case.now - last < GAP:
        return None
    primary = methods[0]
    if _can_retry(primary, tries, case.now):
        new = all(t.method != primary.token for t in tries)
        if new or any(last < at for at in _reached(case, first, "retry")):
            return primary
    if not _may_use_backup(case, first):
        return None
    untried = (m for m in methods[1:] if all(t.method != m.token for t in tries))
    return next(untried, None)


def _used_up(case: Case, tries: list[Try]) -> bool:
    return len(tries) >= case.terms.dunning.max_attempts


def _can_retry(method: Method, tries: list[Try], now: datetime) -> bool:
    """Say whether *method* may be charged again: never after a hard decline."""
    same = [t for t in tries if t.method == method.token]
    if any(t.kind == "hard" for t in same):
        return False
    asked = [t.at for t in same if t.kind == "action"]
    return not asked or now - max(asked) >= CONFIRM


def _reached(case: Case, first: datetime, deed: str) -> list[datetime]:
    """Return the moments of the steps with *deed* that are over."""
    moments = [
        case.after(first, step.after)
        for step in case.terms.dunning.steps
        if deed in step.do
    ]
    return [at for at in moments if at <= case.now]


def _may_use_backup(case: Case, first: datetime) -> bool:
    agreed = case.agreed
    allowed = agreed is not None and agreed.backup
    return allowed and bool(_reached(case, first, "backup-gateway"))


def _past(case: Case, one: Invoiced, deed: str) -> bool:
    first = case.failed_at(one)
    return first is not None and bool(_reached(case, first, deed))


def _pay(
    case: Case, one: Invoiced, bill: Bill, state: BillingState, method: Method
) -> Charge | Authorize | None:
    kind = Authorize if state.way == "authorize" else Charge
    before = len(case.books.tries(one.of))
    again = f", attempt {before + 1}" if before else ""
    return kind(
        share=Share(one.provider, BILLING),
        fields=(FieldChange(field="spec.customer", after=f"{one.of.period} paid"),),
        because=f"{bill.left} of {bill.number or bill.id} by {method.name}{again}",
        generation=one.of.generation,
        charge=bill.left,
        ceiling=case.most,
        due=case.due_at(one.begins),
        details={"bill": bill.id, "token": method.token, "number": bill.number},
    )


def _refused(case: Case, one: Invoiced) -> bool:
    """Say whether taking what is held was refused, and is not to be tried yet."""
    held, tries = case.books.authorized(one.of).get("at"), case.books.tries(one.of)
    if not held:
        return False
    begun = datetime.fromisoformat(str(held))
    since = [t.at for t in tries if t.at >= begun]
    return bool(since) and (case.now - max(since) < GAP or _used_up(case, tries))


def _capture(
    case: Case, one: Invoiced, bill: Bill, state: BillingState
) -> Capture | None:
    if state.way != "authorize":
        return None
    return Capture(
        share=Share(one.provider, BILLING),
        fields=(FieldChange(field="spec.customer", after=f"{one.of.period} paid"),),
        because=f"{bill.left} is held for it",
        generation=one.of.generation,
        charge=bill.left,
        ceiling=case.most,
        due=case.due_at(one.begins),
        details={"bill": bill.id, "number": bill.number},
    )


# -- another gateway --------------------------------------------------------------


def _fence(case: Case, one: Invoiced, bill: Bill) -> Void | None:
    """Return the fence, where another gateway may and shall take over."""
    first = case.failed_at(one)
    if first is None or one.of.leg or not _other(case, one):
        return None
    if not _may_use_backup(case, first) or _used_up(case, case.books.tries(one.of)):
        return None
    last = case.books.tries(one.of)[-1:]
    if last and case.now - last[0].at < GAP:
        return None
    return Void(
        share=Share(one.provider, BILLING),
        fields=(FieldChange(field="spec.customer", before="open", after="void"),),
        because=f"{bill.number or bill.id} is unpaid; {_other(case, one)} takes over",
        generation=one.of.generation,
        details={"bill": bill.id},
    )


def _other(case: Case, one: Invoiced) -> str | None:
    """Return the gateway of the first backup method that is somewhere else."""
    others = (m.provider for m in case.terms.methods[1:] if m.provider != one.provider)
    return next(others, None)


def _second_leg(case: Case, one: Invoiced) -> Invoice | None:
    provider = _other(case, one)
    if provider is None:
        return None
    span = Span(one.begins, one.ends)
    return _invoice(case, span, one.of._replace(leg=1), provider)


def reached(case: Case, one: Invoiced, step: Step) -> datetime | None:
    """Return when *step* is reached for *one*; None where nothing failed yet."""
    first = case.failed_at(one)
    return None if first is None else case.after(first, step.after)


__all__ = ["BillingChange", "reached", "steps"]
