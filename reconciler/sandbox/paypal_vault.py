"""PayPal's vault (payment method tokens v3), as the emulator keeps it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from reconciler.sandbox.paypal_hooks import happen
from reconciler.sandbox.paypal_words import (
    HOME,
    Account,
    Route,
    Thing,
    copied,
    link,
    new_id,
    no_such,
    problem,
)
from reconciler.sandbox.rest import Answer, Call

KEPT: Final = timedelta(hours=3)
_PAGE: Final = 5
_MOST_PAGES: Final = 10
_CUSTOMER: Final = re.compile(r"[0-9a-zA-Z_-]{1,36}")
_TOKENS: Final = "/v3/vault/payment-tokens"
_SETUPS: Final = "/v3/vault/setup-tokens"
_RETURN: Final = "payment_source.paypal.experience_context"


def token_object(name: str, customer: str, source: Thing) -> Thing:
    """Return a payment token, in the form of the published example."""
    path = f"{_TOKENS}/{name}"
    return {
        "id": name,
        "customer": {"id": customer},
        "payment_source": source,
        "links": [link("self", path), link("delete", path, "DELETE")],
    }


def _list(call: Call, account: Account) -> Answer:
    customer = call.query.get("customer_id", "")
    if not _CUSTOMER.fullmatch(customer):
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="customer_id")
    try:
        size = int(call.query.get("page_size", _PAGE))
        page = int(call.query.get("page", 1))
    except ValueError:
        return problem(400, "INVALID_PARAMETER_SYNTAX", field="page")
    if size < 1 or not 1 <= page <= _MOST_PAGES:
        return problem(400, "INVALID_PARAMETER_VALUE", field="page_size")
    found = [
        copied(one["shown"])
        for one in account["vault"].values()
        if one["shown"]["customer"]["id"] == customer and not one["deleted"]
    ]
    page = 1 if call.faulty == "duplicate-page" else page
    part = [] if call.faulty == "empty" else found[(page - 1) * size : page * size]
    path = f"{_TOKENS}?customer_id={customer}&page_size={size}"
    links = [link("self", f"{path}&page={page}"), link("first", f"{path}&page=1")]
    if page * size < len(found) and call.faulty != "empty":
        links.append(link("next", f"{path}&page={page + 1}"))
    body: Thing = {"customer": {"id": customer}, "payment_tokens": part, "links": links}
    if call.query.get("total_required") == "true":
        body["total_items"] = len(found)
        body["total_pages"] = math.ceil(len(found) / size)
    return Answer(200, body)


def live(account: Account, name: str) -> Thing | None:
    """Return a token of *account* that is not deleted."""
    found: Thing | None = account["vault"].get(name)
    return None if found is None or found["deleted"] else found


def _get(call: Call, account: Account) -> Answer:
    found = live(account, call.path["id"])
    if found is None:
        return no_such("TOKEN_NOT_FOUND")
    return Answer(200, copied(found["shown"]))


def _delete(call: Call, account: Account) -> Answer:
    found = live(account, call.path["id"])
    if found is not None:
        delete(call.bench, account, found)
    return Answer(204, None)


def delete(bench: Any, account: Account, found: Thing) -> None:
    """Delete one token, as its owner may do at any time in the wallet."""
    found["deleted"] = True
    name = found["shown"]["id"]
    happen(bench, account, "VAULT.PAYMENT-TOKEN.DELETED", "payment_token", {"id": name})
    bench.effect("deletePaymentToken", name)


def _customer(call: Call, body: Mapping[str, Any]) -> str:
    asked = body.get("customer") or {}
    return str(asked.get("id") or new_id(call.bench, "customer", 10).lower())


def _setup(call: Call, account: Account) -> Answer:
    """Begin to vault a wallet: the payer has to approve it on PayPal's page."""
    body = call.json or {}
    if call.headers.get("paypal-request-id") is None:
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="PayPal-Request-Id")
    source = body.get("payment_source") or {}
    if "paypal" not in source:
        said = "the sandbox vaults wallets alone: it takes no card (PCI DSS, SAQ A)"
        return problem(400, "INVALID_PARAMETER_VALUE", said, field="payment_source")
    context = source["paypal"].get("experience_context") or {}
    for name, issue in (
        ("return_url", "RETURN_URL_REQUIRED"),
        ("cancel_url", "CANCEL_URL_REQUIRED"),
    ):
        if not context.get(name):
            return problem(422, issue, field=f"payment_source/paypal/{name}")
    name = new_id(call.bench, "setup")
    approve = f"https://www.paypal.com/agreements/approve?approval_session_id={name}"
    made = {
        "id": name,
        "customer": {"id": _customer(call, body)},
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": {"usage_type": "MERCHANT"}},
        "links": [
            {"href": approve, "rel": "approve", "method": "GET"},
            link("confirm", _TOKENS, "POST"),
            link("self", f"{_SETUPS}/{name}"),
        ],
    }
    account["setups"][name] = made
    call.bench.effect("createSetupToken", name)
    return Answer(201, copied(made))


def _get_setup(call: Call, account: Account) -> Answer:
    found = account["setups"].get(call.path["id"])
    if found is None:
        return no_such("TOKEN_NOT_FOUND")
    return Answer(200, copied(found))


def _create(call: Call, account: Account) -> Answer:
    """Make a payment token of a setup token that was approved."""
    body = call.json or {}
    if call.headers.get("paypal-request-id") is None:
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="PayPal-Request-Id")
    token = (body.get("payment_source") or {}).get("token") or {}
    if token.get("type") != "SETUP_TOKEN":
        return problem(400, "INVALID_PARAMETER_VALUE", field="payment_source/token")
    setup = account["setups"].get(token.get("id"))
    if setup is None:
        return no_such("TOKEN_NOT_FOUND")
    if setup["status"] != "APPROVED":
        said = "Payer needs to approve this token."
        return problem(422, "PAYER_ACTION_REQUIRED", said)
    setup["status"] = "VAULTED"
    name = new_id(call.bench, "token", 8).lower()
    source = {
        "paypal": {
            "email_address": "payer@example.com",
            "account_id": new_id(call.bench, "payer", 13),
            "name": {"full_name": "Example Payer"},
        }
    }
    store(account, token_object(name, setup["customer"]["id"], source))
    shown = copied(account["vault"][name]["shown"])
    created = "VAULT.PAYMENT-TOKEN.CREATED"
    happen(call.bench, account, created, "payment_token", shown)
    call.bench.effect("createPaymentToken", name)
    return Answer(201, shown)


def store(account: Account, shown: Thing, behaves: str = "ok", times: int = 0) -> None:
    """Put a token into the vault; *behaves* is what becomes of charging it."""
    account["vault"][shown["id"]] = {
        "shown": shown,
        "deleted": False,
        "behaves": behaves,
        "times": times,
    }


def approve(account: Account, name: str) -> None:
    """Approve a setup token, as its payer does on PayPal's page."""
    account["setups"][name]["status"] = "APPROVED"


ROUTES: Final = (
    Route("customer.payment-tokens.get", "GET", _TOKENS, _list),
    Route(
        "payment-tokens.create", "POST", _TOKENS, _create,
        frozenset({"customer.id", "payment_source.token.id",
                   "payment_source.token.type"}),
        KEPT,
    ),
    Route("payment-tokens.get", "GET", f"{_TOKENS}/{{id}}", _get),
    Route("payment-tokens.delete", "DELETE", f"{_TOKENS}/{{id}}", _delete),
    Route(
        "setup-tokens.create", "POST", _SETUPS, _setup,
        frozenset({"customer.id", "payment_source.paypal.usage_type",
                   "payment_source.paypal.description",
                   f"{_RETURN}.return_url", f"{_RETURN}.cancel_url",
                   f"{_RETURN}.brand_name", f"{_RETURN}.locale"}),
        KEPT,
    ),
    Route("setup-tokens.get", "GET", f"{_SETUPS}/{{id}}", _get_setup),
)  # fmt: skip
__all__ = ["HOME", "ROUTES", "approve", "delete", "live", "store", "token_object"]
