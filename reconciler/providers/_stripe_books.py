"""
What Stripe is asked beside invoices: its books, its pages, and what it cannot tell.

A charge does not say which invoice it paid: the list of invoice payments does, and
brings the invoice along. What paid no invoice of ours has no operation, and that is
what the books look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.errors import ProviderError, Rejected
from reconciler.model import Account, Advice
from reconciler.model.billing import Capture, UpdateLink
from reconciler.providers import _stripe_bills as bills
from reconciler.providers._answers import mapping, rows
from reconciler.providers._stripe import VERSION, Forbidden, NotThere, Stripe

OWN_ENGINE: Final = "/v1/subscriptions"
#: How long a page of Checkout may stay open: "from 30 minutes to 24 hours".
_OPEN: Final = timedelta(hours=23, minutes=50)
#: Where Checkout sends somebody who is done; it wants an address.
_DONE: Final = "https://stripe.com/"
#: Where a person sees a payment, and gives it back.
_DASHBOARD: Final = "https://dashboard.stripe.com"

Row = Mapping[str, Any]


def captures(stripe: Stripe, since: datetime) -> Iterator[Capture]:
    """Yield the charges since then that took money; raise ProviderError if unread."""
    asked = {"created[gte]": int(since.timestamp())}
    taken = [
        row
        for row in stripe.each("listCharges", "/v1/charges", asked)
        if row.get("paid") and row.get("captured")
    ]
    if not taken:
        return
    paid = _paid(stripe, since)
    for row in taken:
        try:
            yield _capture(row, paid.get(str(row.get("payment_intent"))))
        except (KeyError, TypeError, ValueError):
            raise Rejected(f"the charge {row.get('id')} cannot be read") from None


def _paid(stripe: Stripe, since: datetime) -> dict[str, Row]:
    """Return the invoices that were paid, by the intent that paid them."""
    asked: dict[str, str | int] = {
        "status": "paid",
        "created[gte]": int((since - bills.WINDOW).timestamp()),
        "expand[]": "data.invoice",
    }
    listed = stripe.each("listInvoicePayments", "/v1/invoice_payments", asked)
    return {
        str(mapping(row["payment"]).get("payment_intent")): mapping(row["invoice"])
        for row in listed
    }


def _capture(row: Row, invoice: Row | None) -> Capture:
    ours = invoice is not None and bool(bills.label(invoice, bills.UID))
    test = "" if row.get("livemode") else "/test"
    return Capture(
        id=str(row["id"]),
        at=datetime.fromtimestamp(row["created"], UTC),
        amount=bills.amount(row, "amount_captured"),
        refunded=bills.amount(row, "amount_refunded"),
        operation=(bills.label(invoice, bills.OPERATION) or None) if invoice else None,
        object=str(invoice["id"]) if invoice else None,
        subscription=bills.label(invoice, bills.UID) if ours and invoice else None,
        generation=bills.of(invoice).generation if ours and invoice else None,
        disputed=bool(row.get("disputed")),
        page=f"{_DASHBOARD}{test}/payments/{row.get('payment_intent') or row['id']}",
    )


def update_link(stripe: Stripe, account: Account, customer: str) -> UpdateLink:
    """Return where *customer* enters another card."""
    login = _login(stripe)
    if login is not None:
        return UpdateLink(login, None)
    until = account.clock() + _OPEN
    until = until.replace(microsecond=0)
    client = stripe.sdk("createCheckoutSession")
    made = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": customer,
            "currency": "eur",
            "success_url": _DONE,
            "expires_at": int(until.timestamp()),
        },
        {"idempotency_key": f"update-link/{customer}/{int(until.timestamp())}"},
    )
    if not made.url:
        raise Rejected("Checkout has no page for it")
    return UpdateLink(made.url, until)


def _login(stripe: Stripe) -> str | None:
    """Return the portal's login page, where there is one and the key may ask."""
    asked = {"is_default": "true", "active": "true"}
    path = "/v1/billing_portal/configurations"
    try:
        for row in stripe.each("listPortalConfigurations", path, asked):
            page = mapping(row.get("login_page") or {})
            if page.get("enabled") and page.get("url"):
                return str(page["url"])
    except (Forbidden, NotThere):
        return None
    return None


def advice(stripe: Stripe, account: Account) -> Iterator[Advice]:
    """Yield what is wrong with the key or the account, and what no read can tell."""
    if account.secrets["key"].startswith("sk_"):
        yield Advice(
            "the key is a secret key, which may do everything, refunds and payouts "
            "included",
            "make a restricted key (rk_): write for invoices and Checkout sessions, "
            "read for customers, payment methods, payment intents, charges, "
            "subscriptions and the account",
        )
    yield from _own_engine(stripe)
    yield from _old_hooks(stripe)


def _own_engine(stripe: Stripe) -> Iterator[Advice]:
    try:
        asked: dict[str, str | int] = {"status": "all", "limit": 1}
        found = rows(
            stripe.get("listSubscriptions", OWN_ENGINE, asked).get("data"),
            "subscriptions",
        )
    except Forbidden:
        return
    if found:
        yield Advice(
            "Stripe collects subscriptions of its own in this account, and whether "
            "Smart Retries are on for them cannot be read",
            "invoices made here are not retried by them (auto_advance is off); for the "
            "others look at Billing > Revenue recovery > Retries, and never have two "
            "collectors for one customer's period",
        )


def _old_hooks(stripe: Stripe) -> Iterator[Advice]:
    try:
        hooks = [*stripe.each("listWebhookEndpoints", "/v1/webhook_endpoints")]
    except ProviderError:
        return
    for hook in hooks:
        if hook.get("api_version") not in {None, VERSION}:
            yield Advice(
                f"the webhook endpoint {hook['id']} sends events of the API "
                f"{hook['api_version']}, and this program speaks {VERSION}",
                "nothing is read from an event but that something happened; make a "
                "new endpoint when it is convenient",
            )
