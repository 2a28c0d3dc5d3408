"""Subscriptions, and what is to be paid for them at Stripe, for tests."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from reconciler.kinds.subscription import Of, Subscription
from reconciler.model import Money
from reconciler.sandbox import Sandbox
from reconciler.sandbox.stripe_invoices import finalize
from reconciler.sandbox.stripe_lines import add_line
from reconciler.sandbox.stripe_objects import invoice_object
from reconciler.sandbox.stripe_words import new_id
from tests.support.cards import ACCOUNT, KEY, card
from tests.support.contract import NOW

PRICE = "10.00 EUR"
#: Paid on the day after NOW.
RENEWAL = Of("2026-11-23")


def world(**account: Any) -> dict[str, Any]:
    """Return an account with customers of every sort, and a native subscription."""
    named = {"country": "NL", "currency": "eur"}
    sepa = {"type": "sepa_debit"}
    cards = {
        "ok": card(),
        "soft": card(behaves="insufficient_funds"),
        "hard": card(behaves="stolen_card"),
        "sca": card(behaves="authentication_required"),
        "late": sepa | {"settles": 2.0},
        "bounce": sepa | {"settles": 2.0, "fails": "insufficient_funds"},
        "twice": card(behaves="insufficient_funds", times=2),
    }
    customers = {
        f"cus_{name}": named
        | {
            "name": "Canary BV",
            "email": f"canary@{name}.example",
            "methods": {f"pm_{name}": seed},
            "default": f"pm_{name}",
        }
        for name, seed in cards.items()
    }
    own = {"sub_native": {"customer": "cus_ok", "price": "5.00 EUR"}}
    made = {"account": ACCOUNT, "key": KEY, "customers": customers}
    return {"accounts": [{**made, "subscriptions": own, **account}]}


def terms(token: str, *others: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return what a subscription costs, paid by *token* at the account ``main``."""
    methods = [("main", token), *others]
    return {
        "price": PRICE,
        "term": {"months": 1},
        "customer": "bakker",
        "country": "NL",
        "currency": "EUR",
        "methods": [
            {"name": name, "provider": provider, "token": name}
            for provider, name in methods
        ],
        "agreed": {
            "reference": "contract",
            "date": "2026-01-01",
            "max": "200.00 EUR",
            "backup": True,
        },
        **more,
    }


def subscription(
    name: str, agreed: Mapping[str, Any], facts: Callable[[], Any], since: str
) -> Subscription:
    """Return a subscription that remembers *facts*."""
    spec = {
        "customer": "bakker",
        "since": since,
        "covers": [f"HostingAccount/{name}.example"],
        "terms": dict(agreed),
    }
    whole = {"metadata": {"name": name}, "spec": spec}
    return Subscription.model_validate(whole).recalling(facts)


def known() -> dict[str, Any]:
    """Return the fact that this tool collects, since yesterday."""
    at = (NOW - timedelta(days=1)).isoformat()
    return {"known": {"at": at, "collector": "reconciler"}}


def remembered(sandbox: Sandbox, uid: str) -> dict[str, Any]:
    """Return the facts of what is invoiced to *uid*, as the records would have them."""
    facts = known()
    for row in account(sandbox)["invoices"].values():
        about = row["metadata"]
        if about.get("reconciler_subscription") == uid and row["status"] != "draft":
            of = Of(about["reconciler_period"], about["reconciler_purpose"])
            facts[f"{of.fact}/invoice"] = invoiced(row["id"], of.period, row["number"])
    return facts


def invoiced(name: str, period: str, number: str | None = None) -> dict[str, Any]:
    """Return the fact that an invoice was made."""
    ends = date.fromisoformat(period) + timedelta(days=30)
    return {
        "at": NOW.isoformat(),
        "provider": "main",
        "id": name,
        "number": number,
        "total": PRICE,
        "begins": period,
        "ends": ends.isoformat(),
        "due": period,
    }


def tried(kind: str, method: str, days: float) -> dict[str, Any]:
    """Return the fact that a charge was refused *days* ago."""
    at = (NOW - timedelta(days=days)).isoformat()
    return {"at": at, "kind": kind, "code": "stolen_card", "method": method}


def account(sandbox: Sandbox) -> dict[str, Any]:
    """Return what the first account has."""
    found: dict[str, Any] = sandbox.bench("stripe").state["accounts"][0]
    return found


def open_invoice(
    sandbox: Sandbox, uid: str, customer: str, of: Of = RENEWAL, amount: str = PRICE
) -> str:
    """Make an open invoice of ours, as if long ago; return its id."""
    bench, own = sandbox.bench("stripe"), account(sandbox)
    before = sandbox.ledger.as_json()
    now = int(bench.clock().timestamp())
    row = invoice_object(new_id(own, "in"), now, own["customers"][customer])
    row["metadata"] = {
        "reconciler_subscription": uid,
        "reconciler_period": of.period,
        "reconciler_purpose": of.purpose,
        "reconciler_leg": str(of.leg),
        "reconciler_operation": f"op-{uid}",
    }
    own["invoices"][row["id"]] = row
    minor = Money.model_validate(amount).minor
    item = {
        "id": new_id(own, "ii"),
        "amount": minor,
        "currency": "eur",
        "description": "x",
        "metadata": {},
        "period": {"start": now, "end": now},
        "pricing": {"type": "price_details"},
        "tax_rates": [],
        "date": now,
        "customer": customer,
    }
    add_line(own, row, copy.deepcopy(item))
    finalize(bench, own, row, None)
    sandbox.ledger.restore(before)
    name: str = row["id"]
    return name
