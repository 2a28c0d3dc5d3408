"""
What a customer is told of each period, each thing once. Pure.

Of a series only the latest is said: what was missed is not sent afterwards, and nothing
that was overtaken by a payment is sent at all. What a customer did not ask for waits
for a time of the day, and a day, at which somebody may be disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.facts import Invoiced, told
from reconciler.kinds.subscription.period import allowed
from reconciler.kinds.subscription.state import BILLING, Bill, Of
from reconciler.kinds.subscription.suspension import (
    ACTIVE,
    SUSPENDED,
    WARNING,
    suspended_from,
    warning,
)
from reconciler.kinds.subscription.words import (
    charged,
    charges,
    day,
    named,
    period,
    suspendable,
    when,
    written,
)
from reconciler.model import Letter, Ref, Share, duration_text

#: The texts there are.
TEXTS: Final = (
    *("invoice", "invoice-replaced", "renewal-reminder"),
    *("first-failure", "reminder", "update-card", "confirm"),
    *(WARNING, "suspended", "lifted", "receipt"),
)
#: A payment that is longer ago was told, or is no news.
RECENT: Final = timedelta(days=14)
#: Two letters before the due date are not closer together than this.
APART: Final = timedelta(hours=12)


def letters(case: Case) -> Iterator[Letter]:
    """Yield what the customer has to be told now."""
    terms = case.terms
    if terms.invoicing.collector != "reconciler" or terms.collect == "none":
        return  # whoever collects tells
    if not _awake(case, weekends=True):
        return
    yield from _receipts(case)
    if not case.ours or not case.readable:
        return  # held; or it may be paid by now, and nobody could see
    yield from _lifted(case)
    workday = _awake(case, weekends=not terms.dunning.skip_weekends)
    for one in case.open():
        bill = case.bill(one)
        if bill is None or bill.payment == "processing":
            continue  # nobody knows what is left, or it is being paid
        yield from _owed(case, one, bill, workday=workday)
    for one in case.fenced():
        if case.failed_at(one) is not None:
            yield from _dunned(case, one, None, workday=workday)
    if workday:
        yield from _before_it_is_made(case)


def _owed(case: Case, one: Invoiced, bill: Bill, *, workday: bool) -> Iterator[Letter]:
    new = case.failed_at(one) is None or _replaces(case, one)
    if bill.state == "authorized" and new:
        yield from _made(case, one, bill)  # a run died before it could be told
    elif bill.state == "open" and new:
        yield from _ahead(case, one, bill, workday=workday)
    elif bill.state == "open":
        yield from _dunned(case, one, bill, workday=workday)


def _awake(case: Case, *, weekends: bool) -> bool:
    quiet = case.terms.dunning.quiet_hours
    zone = case.terms.time_zone
    return allowed(case.now, zone, quiet, weekends=weekends) == case.now


# -- it is paid ------------------------------------------------------------------


class _Payment(NamedTuple):
    at: datetime
    amount: str
    token: str


def _receipts(case: Case) -> Iterator[Letter]:
    """Yield a receipt for each period that was paid just now, however it was."""
    done: set[Of] = set()
    for one in case.invoiced:
        of = one.of._replace(leg=0)
        found = _payment(case, one)
        if found is None or of in done or "receipt" in case.books.said(of):
            continue
        done.add(of)
        if case.now - found.at > RECENT:
            continue
        method = next((m for m in case.terms.methods if m.token == found.token), None)
        values = period(case, of, one, found.amount)
        yield Letter(
            told(of, "receipt"),
            "receipt",
            case.terms.customer,
            values | {"paid": day(case, found.at)},
            (Share(one.provider, BILLING), one.id),
            names=named(method),
        )


def _payment(case: Case, one: Invoiced) -> _Payment | None:
    """Return how *this* object was paid, by the records or at its gateway."""
    fact = case.books.fact(f"{one.of.fact}/paid")
    if fact:
        at = datetime.fromisoformat(str(fact["at"]))
        return _Payment(at, str(fact["amount"]), str(fact.get("method") or ""))
    bill = case.bill(one)
    if bill is None or bill.state != "paid":
        return None
    return _Payment(bill.at or case.now, str(bill.paid), bill.method or "")


def _lifted(case: Case) -> Iterator[Letter]:
    """Yield that it is back, once nothing that is unpaid keeps it off the net."""
    from_when = (suspended_from(case, one) for one in case.unpaid())
    if any(at is not None and at <= case.now for at in from_when):
        return
    done: set[Of] = set()
    for one in case.invoiced:
        of, said = one.of._replace(leg=0), case.books.said(one.of)
        if of in done or "suspended" not in said or "lifted" in said:
            continue
        if case.paid(of):
            done.add(of)
            yield Letter(
                told(of, "lifted"),
                "lifted",
                case.terms.customer,
                period(case, of, one, str(one.total)),
                shown=tuple((ref, ACTIVE) for ref in suspendable(case)),
            )


# -- before it is due --------------------------------------------------------------


def _ahead(case: Case, one: Invoiced, bill: Bill, *, workday: bool) -> Iterator[Letter]:
    """Yield the invoice; or else the latest reminder that it is charged, or due."""
    said = case.books.said(one.of)
    ends = _asked_at(case, one.begins, one.provider)
    if made := [*_made(case, one, bill)]:
        yield from made  # it says all that a reminder would say
    elif workday and case.now < ends and bill.left.amount:
        lead = _lead(case, ends, said)
        if lead is not None:
            yield written(case, one, bill, lead, "renewal-reminder")


def _made(case: Case, one: Invoiced, bill: Bill) -> Iterator[Letter]:
    """Yield the invoice itself, where the customer does not have it."""
    said = case.books.said(one.of)
    if _invoice(one) not in said and _mails(case):
        text = "invoice-replaced" if one.of.leg and "invoice" in said else "invoice"
        yield written(case, one, bill, _invoice(one), text)


def _invoice(one: Invoiced) -> str:
    return f"invoice-{one.of.leg}" if one.of.leg else "invoice"


def _mails(case: Case) -> bool:
    return "email" in case.terms.invoicing.deliver


def _replaces(case: Case, one: Invoiced) -> bool:
    """Say whether *one* took another's place, and the customer does not know it."""
    return (
        bool(one.of.leg)
        and _mails(case)
        and _invoice(one) not in case.books.said(one.of)
    )


def _before_it_is_made(case: Case) -> Iterator[Letter]:
    """Yield a reminder of the coming period, where it comes before the invoice."""
    span = case.coming
    if span is None or case.late or case.create_at(span) <= case.now:
        return
    terms = case.terms
    if not terms.price.amount or (terms.collect == "auto" and not charges(case, "")):
        return
    ends = _asked_at(case, span.begins, "")
    lead = _lead(case, ends, case.books.said(span.of))
    if lead is not None:
        taxed = "extra" if terms.invoicing.tax != "none" else ""
        values = period(case, span.of, span, str(terms.price)) | {"tax": taxed}
        primary = case.primary() if terms.collect == "auto" else None
        values |= when(case, span.begins, "")
        yield Letter(
            told(span.of, lead),
            "renewal-reminder",
            terms.customer,
            values,
            names=named(primary),
        )


def _lead(case: Case, ends: datetime, said: Mapping[str, datetime]) -> str | None:
    """Return the step of the latest reminder that is reached, if it is still news."""
    leads = case.terms.invoicing.remind_at
    reached = [x for x in leads if case.after(ends, -x) <= case.now]
    if not reached or ends <= case.now:
        return None
    step = f"remind-{duration_text(min(reached))}"
    since = case.after(ends, -min(reached)) - APART
    fresh = step not in said and all(at <= since for at in said.values())
    return step if fresh else None


def _asked_at(case: Case, begins: date, provider: str) -> datetime:
    taken = charges(case, provider)
    return case.charge_at(begins) if taken else case.due_at(begins)


# -- it is not paid ------------------------------------------------------------------


class _Said(NamedTuple):
    """
    Something to say about an unpaid bill; the greatest is the latest.

    Attributes:
        at: From when on.
        rank: Of two at once the more pressing one is said.
        asks: It asks for another payment method.
        apart: How long before it nothing else may have been said.
    """

    at: datetime
    rank: int
    step: str
    text: str
    asks: bool = False
    apart: timedelta = APART


_RANKS: Final = {"first-failure": 0, "reminder": 1, "update-card": 2, "confirm": 3}
_GONE: Final = 9
_AT_ONCE: Final = timedelta(microseconds=1)


def _dunned(
    case: Case, one: Invoiced, bill: Bill | None, *, workday: bool
) -> Iterator[Letter]:
    said = case.books.said(one.of)
    reached = [x for x in _sayings(case, one) if x.at <= case.now]
    # Whose site is gone wants to know why, on a Saturday too.
    new = [x for x in reached if x.step not in said and (workday or x.rank == _GONE)]
    pressing = [x for x in new if x.text in {WARNING, "suspended"}]
    # What something newer was said after is no news; a warning always is.
    fresh = [x for x in new if all(at <= x.at - x.apart for at in said.values())]
    chosen = max(pressing, default=max(fresh, default=None))
    if chosen is None:
        return
    shown: tuple[tuple[Ref, str], ...] = ()
    if chosen.text == "suspended":
        shown = tuple((ref, SUSPENDED) for ref in suspendable(case))
    letter = written(case, one, bill, chosen.step, chosen.text)
    update = _update(case, one) if chosen.asks else None
    yield letter._replace(shown=shown, update=update)


def _sayings(case: Case, one: Invoiced) -> Iterator[_Said]:
    """Yield everything that is ever said about *one* while it is not paid."""
    first = case.failed_at(one)
    assert first is not None  # noqa: S101  (who calls has looked)
    once: set[str] = set()
    for step in case.terms.dunning.steps:
        at, after = case.after(first, step.after), duration_text(step.after)
        texts: list[str] = [*step.notices]
        asks = step.does("request-card-update") and charged(case, one)
        if asks and not texts:
            texts = ["update-card"]
        for text in texts:
            name = text if text not in {*once, *_OFTEN} else f"{text}-{after}"
            name = warning(case, one) if text == WARNING else name
            once.add(text)
            apart = APART if text in _OFTEN else _AT_ONCE
            yield _Said(at, _RANKS.get(text, 8), name, text, asks, apart)
    yield from _declines(case, one)
    since = suspended_from(case, one)
    if since is not None and suspendable(case):
        yield _Said(since, _GONE, "suspended", "suspended")


#: These may come several times, each with its own name.
_OFTEN: Final = frozenset({"reminder", "update-card"})


def _declines(case: Case, one: Invoiced) -> Iterator[_Said]:
    """Yield what only the customer can mend about the last attempt."""
    tries = [t for t in case.books.tries(one.of) if t.declined]
    if not tries or not charged(case, one):
        return
    last, same = tries[-1], [t for t in tries if t.kind == tries[-1].kind]
    number = f"-{len(same)}" if len(same) > 1 else ""
    if last.kind == "hard":
        text, rank = "update-card", _RANKS["update-card"]
        step = f"{text}{number}"
        yield _Said(last.at, rank, step, text, asks=True, apart=_AT_ONCE)
    elif last.kind == "action":
        step = f"confirm{number}"
        yield _Said(last.at, _RANKS["confirm"], step, "confirm", apart=_AT_ONCE)


def _update(case: Case, one: Invoiced) -> tuple[Share, str] | None:
    method = next(iter(case.at(one.provider)), None)
    return (Share(one.provider, BILLING), method.token) if method else None
