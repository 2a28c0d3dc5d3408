"""
What a gateway's own engine collects: never by this tool as well. Pure.

Two engines that collect the same period are how somebody pays twice. While one of a
gateway is alive, this tool does nothing about the subscription, whatever its policy
says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.spec import SubscriptionSpec
from reconciler.kinds.subscription.state import BillingState, Native
from reconciler.model import (
    Absent,
    Adoption,
    AnyResource,
    Beside,
    Choice,
    Due,
    Finding,
    Have,
    Left,
    Money,
    Period,
    Ref,
    Refuse,
    Severity,
    Share,
    Terms,
)
from reconciler.model.terms import Invoicing, Method

_OURS: Final = "reconciler"
_INVOICING: Final = "spec.invoicing"
_LANGUAGES: Final = (2, 3)
_YEAR: Final = 12
#: In the place of what somebody has to write.
_SITE: Final = "HostingAccount/SITE"


def findings(want: AnyResource, case: Case) -> Iterator[Finding]:
    """Yield what a gateway's own engine says that git does not, or otherwise."""
    ours = case.terms.invoicing.collector == _OURS
    for share in case.shares:
        state = case.have.get(share)
        if isinstance(state, Absent) and not ours:
            message = (
                f"is collected by nobody: {share.provider} has no subscription "
                f"{want.uid} (its uid)"
            )
            yield want.found("collected-by-nobody", Severity.ERROR, message, _INVOICING)
        native = state.native if isinstance(state, BillingState) else None
        if native is None:
            continue
        if ours:
            message = (
                f"{share.provider} collects it too ({native.id}): nothing is invoiced "
                f"here until that is ended there, or its policy says {native.collector}"
            )
            yield want.found("two-collectors", Severity.CRITICAL, message, _INVOICING)
            continue
        yield from _differs(want, case, share, native)


def _differs(
    want: AnyResource, case: Case, share: Share, native: Native
) -> Iterator[Finding]:
    if native.status == "late":
        message = f"{share.provider} could not collect it ({native.id})"
        yield want.found("payment-failed", Severity.ERROR, message, "spec.customer")
    if native.price is not None and native.price != case.terms.price:
        message = (
            f"costs {case.terms.price} here, and {share.provider} collects "
            f"{native.price}"
        )
        yield want.found("price-differs", Severity.WARNING, message, "spec.price")
    if native.months is not None and native.months != case.terms.term.months:
        message = (
            f"has periods of {case.terms.term} here, and of {native.months} months at "
            f"{share.provider}"
        )
        yield want.found("term-differs", Severity.WARNING, message, "spec.term")


def due(case: Case, ref: Ref) -> Iterator[Due]:
    """Yield when a gateway collects the next time."""
    for native in case.engines.values():
        running = native.status == "active"
        if native.until is None or native.until <= case.now or not running:
            continue
        if native.ending:
            yield Due(native.until, *ref, "ends at its gateway", by="nobody")
        else:
            charge = str(native.price) if native.price else None
            what = "is collected by its gateway"
            yield Due(native.until, *ref, what, by="auto", charge=charge)


# -- import ------------------------------------------------------------------------


def provisional(name: str, share: Share) -> SubscriptionSpec:
    """Return the spec of one that does nothing but look at *share*."""
    terms = Terms(
        price=Money.of_minor(0, "EUR"),
        term=Period(months=1),
        customer=name,
        country="NL",
        currency="EUR",
        collect="none",
        methods=(Method(name=name, provider=share.provider, token=name),),
        invoicing=Invoicing(collector="stripe-billing"),
    )
    since = date(2000, 1, 1)
    return SubscriptionSpec(customer=name, since=since, covers=(_SITE,), terms=terms)


def adopted(have: Have, refuse: Refuse) -> Adoption:
    """Return the document of what an engine collects; it can collect nothing itself."""
    ((share, state),) = have.items()
    native = state.native if isinstance(state, BillingState) else None
    if native is None or not isinstance(state, BillingState) or not state.customer:
        return Adoption(None, left=(Left("", "it is not known whose it is"),))
    if native.price is None or native.months is None:
        why = f"it {native.why or 'has no price'}: it stays where it is"
        return Adoption(None, left=(Left("", why),))
    told = _told(native.price, native.months)
    if told is None:
        why = f"{native.price} every {native.months} months is no whole amount a month"
        return Adoption(None, left=(Left("", why),))
    spec: dict[str, JsonValue] = {
        "customer": state.customer,
        "since": native.since.isoformat(),
        "covers": [_SITE],
        **told,
        "invoicing": native.collector,
        "dunning": native.collector,
    }
    if native.ending:
        spec["state"] = "cancel-at-period-end"
    return Adoption(
        spec,
        tuple(_notes(share, state.customer, native)),
        beside=(
            _customer(state.customer, native, refuse),
            *_paid_by(share, native),
            *_policies(native),
        ),
        choice=Choice("covers", _covered(native), _why_left(native, spec)),
    )


def _told(price: Money, months: int) -> dict[str, JsonValue] | None:
    """Return price and term as they are written; None where that is not exact."""
    years, rest = divmod(months, _YEAR)
    number, unit, per = (months, "mo", "month") if rest else (years, "y", "year")
    minor, over = divmod(price.minor, number)
    if over:
        return None
    each = Money.of_minor(minor, price.currency)
    told: dict[str, JsonValue] = {"price": f"{each}/{per}"}
    return told if number == 1 else {**told, "term": f"{number}{unit}"}


def _covered(native: Native) -> tuple[tuple[str, ...], ...]:
    """Return what each name that it mentions may stand for, the account first."""
    return tuple((f"HostingAccount/{name}", f"Domain/{name}") for name in native.names)


def _why_left(native: Native, spec: Mapping[str, JsonValue]) -> str:
    said = ", ".join(native.names) or "none"
    line = ", ".join(f"{key}: {_flow(value)}" for key, value in spec.items())
    return (
        f"what it covers is not known (names it mentions: {said}): write "
        f"Subscription/{native.id}: {{{line}}}"
    )


def _flow(value: JsonValue) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _notes(share: Share, customer: str, native: Native) -> Iterator[str]:
    until = f", next on {native.until.date()}" if native.until else ""
    yield f"{native.price}, collected by {share.provider} itself{until}; of {customer}"
    if native.discounted:
        yield "a discount holds there: less may be collected"
    if native.status != "active":
        yield f"it is {native.status} there"


def _customer(name: str, native: Native, refuse: Refuse) -> Beside:
    """Return the document of who pays, where there is none: nothing charges it."""
    payer = native.payer
    spec: dict[str, JsonValue] = {}
    if payer and payer.name and not refuse(payer.name):
        spec["legalName"] = payer.name
    if payer and payer.country:
        spec["country"] = payer.country
    if payer and payer.currency:
        spec["currency"] = payer.currency
    language = payer.language if payer else None
    if language and len(language) in _LANGUAGES and language.isalpha():
        spec["language"] = language
    payment: dict[str, JsonValue] = {"collect": "none"}
    if native.method is not None:
        payment["primary"] = native.method
    spec["payment"] = payment
    return Beside("Customer", name, "customer", spec)


def _paid_by(share: Share, native: Native) -> Iterator[Beside]:
    """Yield the method that it is charged by: by it, its gateway is looked at."""
    if native.method is not None:
        spec: dict[str, JsonValue] = {
            "provider": share.provider,
            "token": native.method,
        }
        yield Beside("PaymentMethod", native.method, "", spec, shared=("customer",))


def _policies(native: Native) -> Iterator[Beside]:
    name = native.collector
    note = "Collected by the gateway's own engine: nothing is charged from here."
    yield Beside("InvoicePolicy", name, "invoicing", {"collector": name}, (note,))
    steps: JsonValue = [{"after": "0d", "do": [{"notify": "first-failure"}]}]
    note = "The gateway tries again by itself: no step here may."
    yield Beside("DunningPolicy", name, "dunning", {"steps": steps}, (note,))
