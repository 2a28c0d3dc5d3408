"""What a subscription will do by itself, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.subscription.case import Case
from reconciler.model import Due, Ref
from reconciler.model.resource import By


def due(case: Case, ref: Ref) -> Iterator[Due]:
    """Yield when the next invoice is made, and when the open ones are charged."""
    if not case.ours:
        return
    auto = case.terms.collect == "auto"
    for one in case.open():
        at = case.charge_at(one.begins) if auto else case.due_at(one.begins)
        if at > case.now:
            what = f"{one.of.period} is {'charged' if auto else 'to be paid'}"
            by: By = "auto" if auto else "nobody"
            yield Due(at, *ref, what, by=by, charge=str(one.total))
    span = case.coming
    if span and case.create_at(span) > case.now:
        what = f"{span.begins} to {span.ends} is invoiced"
        charge = str(case.terms.price)
        yield Due(case.create_at(span), *ref, what, by="auto", charge=charge)
