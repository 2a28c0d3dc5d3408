"""
Stripe's hosted pages, and the subscriptions that its own engine collects.

After docs.stripe.com/api/checkout/sessions (mode ``setup``: a page to enter a card, 24
hours long), /customer_portal/sessions, /customer_portal/configurations (the login
page, whose address stays) and /subscriptions: since 2025 the current period is that of
an item.
"""

from __future__ import annotations

from typing import Final

from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_lines import live_customer
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Route,
    Row,
    chosen,
    copied,
    expanded,
    found_in,
    key_of,
    labelled,
    malformed,
    new_id,
    now_of,
    paged,
    refuse,
    required,
    whole,
)

_DAY: Final = 86400
_LIVE: Final = ("active", "past_due", "unpaid", "trialing", "paused", "incomplete")
_ENDED: Final = ("canceled", "incomplete_expired")


def _portal(call: Call, account: Account, params: Params) -> Answer:
    customer = live_customer(account, required(params, "customer"))
    name = new_id(account, "bps")
    row = {
        "id": name,
        "object": "billing_portal.session",
        "configuration": "bpc_sandbox",
        "created": now_of(call),
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"https://billing.stripe.example/p/session/{name}",
    }
    account["sessions"][name] = row
    call.bench.effect("createPortalSession", name, key=key_of(call))
    return Answer(200, copied(row))


def _configurations(call: Call, account: Account, params: Params) -> Answer:
    row = {
        "id": "bpc_sandbox",
        "object": "billing_portal.configuration",
        "active": True,
        "application": None,
        "business_profile": {
            "headline": None,
            "privacy_policy_url": None,
            "terms_of_service_url": None,
        },
        "created": 1_600_000_000,
        "default_return_url": None,
        "features": {"payment_method_update": {"enabled": True}},
        "is_default": True,
        "livemode": False,
        "login_page": {
            "enabled": account["login"] is not None,
            "url": account["login"],
        },
        "metadata": {},
        "name": None,
        "updated": 1_600_000_000,
    }
    return paged(call, params, [row], "configuration")


def _checkout(call: Call, account: Account, params: Params) -> Answer:
    if chosen(params, "mode", ("payment", "setup", "subscription")) != "setup":
        refuse("the sandbox plays checkout in mode setup alone", param="mode")
    customer = live_customer(account, required(params, "customer"))
    required(params, "success_url")
    if not params.get("currency") and not params.get("payment_method_types"):
        malformed("You must set `currency` in setup mode.", None, "currency")
    until = whole(params, "expires_at") or now_of(call) + _DAY
    if not now_of(call) + 1800 <= until <= now_of(call) + _DAY:
        malformed("expires_at must be within 24 hours", None, "expires_at")
    name = new_id(account, "cs")
    row = {
        "id": name,
        "object": "checkout.session",
        "created": now_of(call),
        "currency": params.get("currency"),
        "customer": customer["id"],
        "expires_at": until,
        "livemode": False,
        "metadata": {},
        "mode": "setup",
        "payment_status": "no_payment_required",
        "setup_intent": None,
        "status": "open",
        "success_url": params["success_url"],
        "ui_mode": "hosted",
        "url": f"https://checkout.stripe.example/c/pay/{name}",
    }
    labelled(row, params)
    account["sessions"][name] = row
    call.bench.effect("createCheckoutSession", name, key=key_of(call))
    return Answer(200, copied(row))


def _session(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "sessions", "checkout.session", call.path["session"])
    if row["object"] == "checkout.session" and row["expires_at"] <= now_of(call):
        row = {**row, "status": "expired", "url": None}
    return Answer(200, copied(row))


def subscription_object(
    name: str, customer: str, price: Row, dates: tuple[int, int, int], status: str
) -> Row:
    """Return a subscription of one item; *dates*: its start, and its current period."""
    start, begins, ends = dates
    item: Row = {
        "id": name.replace("sub_", "si_"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": start,
        "current_period_end": ends,
        "current_period_start": begins,
        "discounts": [],
        "metadata": {},
        "price": price,
        "quantity": 1,
        "subscription": name,
        "tax_rates": [],
    }
    nothing = dict.fromkeys(
        (
            "application", "application_fee_percent", "cancel_at", "canceled_at",
            "customer_account", "days_until_due", "default_payment_method",
            "default_source", "description", "ended_at", "latest_invoice",
            "next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection",
            "pending_invoice_item_interval", "pending_setup_intent", "pending_update",
            "schedule", "test_clock", "transfer_data", "trial_end", "trial_start",
        )
    )  # fmt: skip
    return nothing | {
        "id": name,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": start,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "classic", "flexible": None},
        "billing_thresholds": None,
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": start,
        "currency": price["currency"],
        "customer": customer,
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [item],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={name}",
        },
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": start,
        "status": status,
        "trial_settings": {
            "end_behavior": {"missing_payment_method": "create_invoice"}
        },
    }


def price_object(
    name: str, created: int, amount: int, currency: str, recurring: tuple[str, int]
) -> Row:
    """Return a price for each of an interval, in the form of the published fixture."""
    interval, count = recurring
    return {
        "id": name,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": name.replace("price_", "prod_"),
        "recurring": {
            "interval": interval,
            "interval_count": count,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def _subscriptions(call: Call, account: Account, params: Params) -> Answer:
    status = chosen(params, "status", (*_LIVE, *_ENDED, "all", "ended"))
    shown = {"all": (*_LIVE, *_ENDED), "ended": _ENDED, None: _LIVE}.get(
        status, (status,)
    )
    wanted, refusal = expanded(params, ("customer",), "data.")
    if refusal:
        return refusal
    found = [
        copied(row)
        for row in account["subscriptions"].values()
        if row["status"] in shown and params.get("customer") in {None, row["customer"]}
    ]
    if wanted:
        for row in found:
            row["customer"] = copied(account["customers"][row["customer"]])
    return paged(call, params, found, "subscription")


def _subscription(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "subscriptions", "subscription", call.path["name"])
    return Answer(200, copied(row))


def _prices(call: Call, account: Account, params: Params) -> Answer:
    found = [
        copied(row["items"]["data"][0]["price"])
        for row in account["subscriptions"].values()
    ]
    named = {row["id"]: row for row in found}
    return paged(call, params, list(named.values()), "price")


_PORTAL: Final = "/v1/billing_portal"
ROUTES: Final = (
    Route(
        "createPortalSession", "POST", f"{_PORTAL}/sessions", _portal,
        "rak_customer_portal_write", "billing_portal.SessionCreateParams",
        frozenset({"customer", "locale", "return_url"}),
    ),
    Route(
        "listPortalConfigurations", "GET", f"{_PORTAL}/configurations",
        _configurations, "rak_customer_portal_read",
        "billing_portal.ConfigurationListParams",
        PAGE - EXPAND | {"active", "is_default"},
    ),
    Route(
        "createCheckoutSession", "POST", "/v1/checkout/sessions", _checkout,
        "rak_checkout_session_write", "checkout.SessionCreateParams",
        frozenset({"currency", "customer", "expires_at", "metadata", "mode",
                   "payment_method_types", "success_url"}),
    ),
    Route(
        "getCheckoutSession", "GET", "/v1/checkout/sessions/{session}", _session,
        "rak_checkout_session_read", "checkout.SessionRetrieveParams", frozenset(),
    ),
    Route(
        "listSubscriptions", "GET", "/v1/subscriptions", _subscriptions,
        "rak_subscription_read", "SubscriptionListParams",
        PAGE | {"customer", "status"},
    ),
    Route(
        "getSubscription", "GET", "/v1/subscriptions/{name}", _subscription,
        "rak_subscription_read", "SubscriptionRetrieveParams", frozenset(),
    ),
    Route(
        "listPrices", "GET", "/v1/prices", _prices, "rak_plan_read",
        "PriceListParams", PAGE - EXPAND | {"active"},
    ),
)  # fmt: skip
