"""
The next step of each period, from git, records and gateways. Pure.

There is one object per period that can be paid, and one gateway that has it. Another
gateway takes over only after the first object was made impossible to pay (the fence).
What an unknown outcome means is not decided here: the engine holds whatever would be
paid a second time until a read, or a replay of the same key, has told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from reconciler.kinds.subscription.coming import used_up
from reconciler.kinds.subscription.facts import Invoiced, Try
from reconciler.kinds.subscription.proration import lines, total
from reconciler.kinds.subscription.state import BILLING, Bill, BillingState, Of
from reconciler.model import OWN, FieldChange, Money, Share
from reconciler.model.terms import Method, Step

#: At most one attempt at one invoice in this time, whatever a policy says.
GAP: Final = timedelta(hours=24)
#: What is refused again and again, by no bank, is tried once in so many days.
_PATIENCE: Final = 7
#: So long a customer has to confirm a payment before it is tried again.
CONFIRM: Final = timedelta(days=3)


def steps(case: Case, uid: str) -> Iterator[SubscriptionChange]:
    """Yield the next step of every period of *case*, at most one for each."""
    if not case.ours or not case.readable:
        return
    for one in case.needless():
        bill = case.bill(one)
        if bill and bill.payment != "processing" and one.provider != OWN:
            yield _of(_void(one, bill, "must not be paid any more"), uid)
    suspended = False
    for one in case.unpaid():
        suspended = suspended or _past(case, one, "suspend")
        step = _collected(case, one)
        if step is not None:
            yield _of(step, uid)
    span = case.coming
    if span and not suspended and case.create_at(span) <= case.now:
        made = _invoice(case, span, span.of, _first_provider(case), _doubt(case, span))
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


def _doubt(case: Case, span: Span) -> str | None:
    """Say why a person has to look before *span* is made to be paid."""
    if case.late:
        return "its period began before it was known here: was it paid elsewhere?"
    days = f"{span.begins} to {span.ends}"
    if span.ends <= case.today:
        return f"{days} is over, and was never invoiced: move since on, or approve it"
    if not case.whole(span):
        return f"since was moved: {days} is no whole term, and costs as much as one"
    return None


def _invoice(
    case: Case,
    span: Span,
    of: Of,
    provider: str,
    hold: str | None = None,
    net: Money | None = None,
) -> Invoice | None:
    terms = case.terms
    if terms.collect == "auto" and not (case.agreed and terms.methods):
        return None  # said as a finding: there is no leave, or no way, to charge
    token = next((m.token for m in case.at(provider)), None)
    if (net or terms.price).amount == 0:
        return None
    listed = lines(case, span) if of.leg == 0 else []
    amount = net or total(listed, terms.price)
    return Invoice(
        share=Share(provider, BILLING),
        fields=(FieldChange(field="spec.since", after=span.begins.isoformat()),),
        because=f"{span.begins} to {span.ends} costs {amount}",
        generation=of.generation,
        hold=hold,
        ceiling=case.most,
        due=case.due_at(span.begins),
        details={
            "amount": str(amount),
            **({"lines": listed} if listed else {}),
            "begins": span.begins.isoformat(),
            "ends": span.ends.isoformat(),
            "due": case.due_at(span.begins).isoformat(),
            "collect": terms.collect,
            "tax": _tax(case),
            "token": token,
            "customer": terms.customer,
            "price": str(terms.price),
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
    if case.books.voided(one.of):
        return _second_leg(case, one)
    if case.terms.collect != "auto" or case.agreed is None:
        return None
    state = case.state(one.provider)
    bill = case.bill(one)
    if state is None or bill is None:
        return None
    if bill.state == "authorized":
        return _taken(case, one, bill, state)
    if bill.state != "open" or bill.payment == "processing":
        return None
    if case.books.authorized(one.of) and not case.lapsed(one):
        return None  # held already, or lost just now; the next look shows it
    method = _method(case, one)
    if method is not None:
        return _pay(case, one, bill, state, method)
    return _fence(case, one, bill)


def _taken(
    case: Case, one: Invoiced, bill: Bill, state: BillingState
) -> SubscriptionChange | None:
    """Return what becomes of money that is held; it is only taken with leave."""
    if not _chargeable(case, one):
        return _fence(case, one, bill)
    return None if _refused(case, one) else _capture(case, one, bill, state)


def _chargeable(case: Case, one: Invoiced) -> list[Method]:
    """Return the methods of its gateway that there is leave to charge for *one*."""
    first, primary = case.failed_at(one), case.primary()
    backup = first is not None and _may_use_backup(case, first)
    return [m for m in case.at(one.provider) if backup or m == primary]


def _method(case: Case, one: Invoiced) -> Method | None:
    """
    Return what to charge now; None where nothing is, or not yet.

    An attempt that nobody heard of is made up for: nobody said no to its method.
    """
    methods, tries = _chargeable(case, one), case.books.tries(one.of)
    if not methods or used_up(case, tries):
        return None
    if _too_soon(tries, case.now):
        return None
    first = case.failed_at(one)
    if first is None:
        return methods[0] if case.charge_at(one.begins) <= case.now else None
    asked = [t for t in tries if t.declined]
    last, lead = asked[-1].at, methods[0]
    if _can_retry(lead, tries, case.now):
        new = all(t.method != lead.token for t in asked)
        if new or any(last < at for at in _reached(case, first, "retry")):
            return lead
    untried = (m for m in methods[1:] if all(t.method != m.token for t in asked))
    return next(untried, None)


def _too_soon(tries: Sequence[Try], now: datetime) -> bool:
    """Say whether to wait: a day, and longer after each refusal that is no bank's."""
    if not tries:
        return False
    refused = 0
    for one in reversed(tries):
        if one.kind != "refused":
            break
        refused += 1
    return now - tries[-1].at < GAP * min(max(refused, 1), _PATIENCE)


def _can_retry(method: Method, tries: Sequence[Try], now: datetime) -> bool:
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
    held = case.books.authorized(one.of).get("id")
    return kind(
        share=Share(one.provider, BILLING),
        fields=(FieldChange(field="spec.customer", after=f"{one.of.period} paid"),),
        because=f"{bill.left} of {bill.number or bill.id} by {method.name}{again}",
        generation=one.of.generation,
        charge=bill.left,
        ceiling=case.most,
        hold=_another(case, one),
        due=case.due_at(one.begins),
        details={
            "bill": bill.id,
            "token": method.token,
            "number": bill.number,
            **({"after": held} if held else {}),
        },
    )


def _another(case: Case, one: Invoiced) -> str | None:
    """Say that *one* is somebody else's debt."""
    if case.theirs(one):
        return None
    return (
        f"{one.number or one.id} was invoiced to Customer/{one.customer}: "
        f"shall Customer/{case.terms.customer} pay it?"
    )


def _refused(case: Case, one: Invoiced) -> bool:
    """Say whether taking what is held was refused, and is not to be tried yet."""
    held, tries = case.books.authorized(one.of).get("at"), case.books.tries(one.of)
    if not held:
        return False
    begun = datetime.fromisoformat(str(held))
    since = [t.at for t in tries if t.at >= begun]
    return bool(since) and (case.now - max(since) < GAP or used_up(case, tries))


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
        hold=_another(case, one),
        ceiling=case.most,
        due=case.due_at(one.begins),
        details={"bill": bill.id, "number": bill.number},
    )


# -- another gateway --------------------------------------------------------------


def _fence(case: Case, one: Invoiced, bill: Bill) -> Void | None:
    """Return the fence, where another gateway may and shall take over."""
    other, tries = _other(case, one), case.books.tries(one.of)
    if one.of.leg or other is None or one.provider == OWN or used_up(case, tries):
        return None
    if _too_soon(tries, case.now) or case.charge_at(one.begins) > case.now:
        return None
    return _void(one, bill, f"is unpaid; {other} takes over")


def _void(one: Invoiced, bill: Bill, why: str) -> Void:
    return Void(
        share=Share(one.provider, BILLING),
        fields=(FieldChange(field="spec.customer", before="open", after="void"),),
        because=f"{bill.number or bill.id} {why}",
        generation=one.of.generation,
        details={"bill": bill.id},
    )


def _other(case: Case, one: Invoiced) -> str | None:
    """
    Return the gateway that shall take over from that of *one*; None where none may.

    Where the primary method is somewhere else by now, that; or else that of a backup.
    """
    primary, first = case.primary(), case.failed_at(one)
    if primary is not None and primary.provider != one.provider:
        return primary.provider
    if first is None or not _may_use_backup(case, first):
        return None
    others = (m.provider for m in case.terms.methods[1:] if m.provider != one.provider)
    return next(others, None)


def _second_leg(case: Case, one: Invoiced) -> Invoice | None:
    """
    Return what takes the place of what was fenced off; where it was, if need be.

    It comes to what the first came to, whatever a period costs by now.
    """
    provider = _other(case, one) or _first_provider(case)
    span = Span(one.begins, one.ends)
    return _invoice(case, span, one.of._replace(leg=1), provider, net=one.net)


def reached(case: Case, one: Invoiced, step: Step) -> datetime | None:
    """Return when *step* is reached for *one*; None where nothing failed yet."""
    first = case.failed_at(one)
    return None if first is None else case.after(first, step.after)


__all__ = ["BillingChange", "reached", "steps"]
