"""What a subscription will do by itself, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from reconciler.kinds.subscription import native
from reconciler.kinds.subscription.amounts import expected
from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.coming import coming
from reconciler.kinds.subscription.facts import Invoiced
from reconciler.kinds.subscription.suspension import suspended_from
from reconciler.model import Due, Ref


def due(case: Case, ref: Ref) -> Iterator[Due]:
    """
    Yield when the next invoice is made, and when what is open is paid or follows.

    Money is named once: when it is charged, or to be paid, and not when the invoice
    of it is made.
    """
    if not case.ours:
        yield from native.due(case, ref)
        return
    for one in case.unpaid():
        yield from _owed(case, ref, one)
    span = case.coming
    if span is None or case.terms.price.amount == 0:
        return
    days = f"{span.begins} to {span.ends}"
    if case.create_at(span) > case.now:
        yield Due(case.create_at(span), *ref, f"{days} is invoiced", by="auto")
    much = str(expected(case.terms))
    yield from _collected(case, ref, span.of.period, much, span.begins)


def _owed(case: Case, ref: Ref, one: Invoiced) -> Iterator[Due]:
    first, period = case.failed_at(one), one.of.period
    if first is None:
        yield from _collected(case, ref, period, str(one.total), one.begins)
        return
    again = next((step for step in coming(case, one) if step.charges), None)
    if again is not None:
        charge = str(one.total)
        yield Due(again.at, *ref, f"{period} is tried again", by="auto", charge=charge)
    stops = suspended_from(case, one)
    if stops is not None and stops > case.now:
        yield Due(stops, *ref, f"{period} is unpaid: suspends", by="auto")


def _collected(
    case: Case, ref: Ref, period: str, much: str, begins: date
) -> Iterator[Due]:
    auto = case.terms.collect == "auto"
    if auto and case.agreed is None:
        return  # said as a finding: there is no leave to charge
    at = case.charge_at(begins) if auto else case.due_at(begins)
    if at > case.now:
        what = f"{period} is {'charged' if auto else 'to be paid'}"
        yield Due(at, *ref, what, by="auto", charge=much)
