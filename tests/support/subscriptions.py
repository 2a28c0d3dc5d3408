"""Subscriptions whose periods are at some point, for the tests of gateways."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from reconciler.kinds.subscription import Subscription
from reconciler.kinds.subscription.spec import SubscriptionSpec
from reconciler.model import Money, Terms
from reconciler.model.terms import Agreed, Method

SINCE = date(2026, 11, 23)
PERIOD = SINCE.isoformat()
PRICE = "10.00 EUR"
TOTAL = "12.10 EUR"


def terms(token: str, **more: Any) -> Terms:
    """Return terms of 10.00 EUR a month by one method at account ``main``."""
    most = Money.model_validate("99 EUR")
    agreed = Agreed(reference="signed", date=date(2026, 1, 2), max=most)
    whole = {
        "price": PRICE,
        "term": "1mo",
        "customer": "bakker",
        "country": "NL",
        "currency": "EUR",
        "collect": "auto",
        "methods": (Method(name="first", provider="main", token=token),),
        "agreed": agreed,
        **more,
    }
    return Terms.model_validate(whole)


def known(at: str = "2026-11-01T00:00:00+00:00") -> dict[str, Any]:
    """Return the fact that a subscription is known."""
    return {"known": {"at": at, "collector": "reconciler"}}


def invoiced(number: str, **more: Any) -> dict[str, Any]:
    """Return the fact that the first period was invoiced."""
    fact = {
        "at": "2026-11-09T00:00:00+00:00",
        "provider": "main",
        "id": number,
        "number": number,
        "total": TOTAL,
        "begins": PERIOD,
        "ends": "2026-12-23",
        "due": PERIOD,
    }
    return {f"bill/{PERIOD}/renewal/0/invoice": {**fact, **more}}


def authorized(name: str, at: str = "2026-11-22T08:00:00+00:00") -> dict[str, Any]:
    """Return the fact that the first period's money is held."""
    fact = {"at": at, "id": name, "amount": TOTAL}
    return {f"bill/{PERIOD}/renewal/0/authorized": fact}


def tried(
    kind: str, at: datetime, verb: str = "authorize", n: int = 1
) -> dict[str, Any]:
    """Return the fact that an attempt at the first period was no payment."""
    fact = {"at": at.isoformat(), "kind": kind, "code": "", "method": "wallet1x"}
    return {f"bill/{PERIOD}/renewal/0/try/{verb}-{n}": fact}


def subscription(
    name: str, facts: dict[str, Any], token: str = "wallet1x", **more: Any
) -> Subscription:
    """Return a subscription with *facts* in its records."""
    spec = SubscriptionSpec.model_validate(
        {
            "customer": "bakker",
            "since": PERIOD,
            "covers": ["HostingAccount/bakker.example"],
            "price": "10.00 EUR/month",
            "term": "1mo",
        }
    ).model_copy(update={"terms": terms(token, **more)})
    made = Subscription.model_validate(
        {"metadata": {"name": name}, "spec": spec.model_dump(exclude={"terms"})}
    )
    made = made.model_copy(update={"spec": spec})
    return made.recalling(lambda: {**known(), **facts})
