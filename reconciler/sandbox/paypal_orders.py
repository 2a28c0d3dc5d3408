"""PayPal's orders (checkout orders v2), as emulated: paid from the vault alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_payments import authorize, duplicate, hold, take
from reconciler.sandbox.paypal_vault import live
from reconciler.sandbox.paypal_words import (
    Account,
    Route,
    Thing,
    amount,
    copied,
    link,
    new_id,
    no_such,
    problem,
    shown,
    stamp,
)
from reconciler.sandbox.rest import Answer, Call

KEPT: Final = timedelta(hours=6)
#: Documented: how long a payer has to approve an order.
APPROVAL: Final = timedelta(hours=3)
_O: Final = "/v2/checkout/orders"
_MINIMAL: Final = ("id", "status", "payment_source", "links")
#: What a token does when it is charged, and what that is called (422).
REFUSALS: Final = {
    "declined": "INSTRUMENT_DECLINED",
    "cannot-pay": "PAYER_CANNOT_PAY",
    "expired": "CARD_EXPIRED",
    "restricted": "PAYER_ACCOUNT_RESTRICTED",
    "closed": "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
    "attempts": "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
}


def _create(call: Call, account: Account) -> Answer:
    body, bench = call.json or {}, call.bench
    if (wrong := _malformed(body)) is not None:
        return wrong
    token, wrong = _source(call, account, body)
    if token is None:
        return wrong
    intent, (unit,) = body["intent"], body["purchase_units"]
    order = _made(bench, intent, unit, token)
    order["key"] = call.headers.get("paypal-request-id")
    account["orders"][order["id"]] = order
    refusal = None
    if token["behaves"] == "action":
        order["status"] = "PAYER_ACTION_REQUIRED"
        page = f"https://www.paypal.com/checkoutnow?token={order['id']}"
        order["links"].append({"href": page, "rel": "payer-action", "method": "GET"})
    elif account["at_once"] or intent == "CAPTURE":
        refusal = _pay(call, account, order)
    if refusal is not None:
        del account["orders"][order["id"]]
        return refusal
    return shown(call, 201, _shown(order), _MINIMAL)


def _malformed(body: Mapping[str, Any]) -> Answer | None:
    units = body.get("purchase_units")
    if body.get("intent") not in {"CAPTURE", "AUTHORIZE"}:
        return problem(400, "INVALID_PARAMETER_VALUE", field="/intent")
    if not isinstance(units, list) or not units:
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="/purchase_units")
    if len(units) > 1:
        return problem(422, "UNSUPPORTED_INTENT")
    for name in ("invoice_id", "custom_id"):
        if not 1 <= len(units[0].get(name, "x")) <= 127:
            return problem(400, "INVALID_STRING_LENGTH", field=f"/{name}")
    return amount(units[0].get("amount"), "/purchase_units/@0/amount")[1]


def _source(
    call: Call, account: Account, body: Mapping[str, Any]
) -> tuple[Thing | None, Answer]:
    """Return the vault's token that pays, or the refusal."""
    source = body.get("payment_source") or {}
    if len(source) != 1 or not {"paypal", "card"} & source.keys():
        said = "the sandbox plays orders that are paid from the vault, and no others"
        return None, problem(400, "INVALID_PARAMETER_VALUE", said)
    ((kind, given),) = source.items()
    if call.headers.get("paypal-request-id") is None:
        return None, problem(400, "PAYPAL_REQUEST_ID_REQUIRED")
    token = live(account, str(given.get("vault_id")))
    if token is None:
        return None, problem(422, "TOKEN_ID_NOT_FOUND")
    if kind not in token["shown"]["payment_source"]:
        return None, problem(422, "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE")
    if kind == "card" and "stored_credential" not in given:
        issue = "REQUIRED_PARAMETER_FOR_CUSTOMER_INITIATED_PAYMENT"
        return None, problem(422, issue)
    return token, Answer(200, None)


def _made(bench: Bench, intent: str, unit: Thing, token: Thing) -> Thing:
    name, now = new_id(bench, "order"), bench.clock()
    path = f"{_O}/{name}"
    step = "authorize" if intent == "AUTHORIZE" else "capture"
    source = copied(token["shown"]["payment_source"])
    for one in source.values():
        one.pop("billing_address", None)
    return {
        "id": name,
        "intent": intent,
        "status": "APPROVED",
        "payment_source": source,
        "purchase_units": [{"reference_id": "default", **copied(unit)}],
        "create_time": stamp(now),
        "links": [link("self", path), link(step, f"{path}/{step}", "POST")],
        "token": token["shown"]["id"],
        "until": (now + APPROVAL).isoformat(),
    }


def hold_before(
    bench: Bench, account: Account, name: str, unit: Thing, token: str
) -> None:
    """Make an order whose authorization *name* was there before the beginning."""
    order = _made(bench, "AUTHORIZE", unit, account["vault"][token])
    order |= {"status": "COMPLETED", "key": None}
    account["orders"][order["id"]] = order
    hold(bench, account, order, name)


def _shown(order: Thing) -> Thing:
    hidden = {"token", "until", "key"}
    whole: Thing = copied({k: v for k, v in order.items() if k not in hidden})
    return whole


def _pay(call: Call, account: Account, order: Thing) -> Answer | None:
    """Authorize or capture *order*; return the refusal, where there is one."""
    unit, intent = order["purchase_units"][0], order["intent"]
    if intent == "AUTHORIZE" and not account["authorizes"]:
        return problem(422, "AUTH_CAPTURE_NOT_ENABLED")
    if (wrong := duplicate(account, unit, order["id"])) is not None:
        return wrong
    if (wrong := _declined(account["vault"][order["token"]])) is not None:
        return wrong
    payments: Thing = unit.setdefault("payments", {})
    bench = call.bench
    if intent == "AUTHORIZE":
        payments["authorizations"] = [authorize(bench, account, order)]
    else:
        ids = {"order_id": order["id"], "token": order["token"]}
        payments["captures"] = [take(bench, account, unit, order["key"], ids)]
    order |= {"status": "COMPLETED", "update_time": stamp(bench.clock())}
    return None


def _declined(token: Thing) -> Answer | None:
    """Return what a token's bank says; one that declines a few *times* works then."""
    behaves = token["behaves"]
    if behaves == "action":
        return problem(422, "PAYER_ACTION_REQUIRED")
    if behaves not in REFUSALS:
        return None
    if token["times"]:
        token["times"] -= 1
        if not token["times"]:
            token["behaves"] = "ok"
    return problem(422, REFUSALS[behaves])


def _step(call: Call, account: Account, intent: str) -> Answer:
    order = account["orders"].get(call.path["id"])
    if order is None:
        return no_such()
    if order["intent"] != intent:
        return problem(422, "ACTION_DOES_NOT_MATCH_INTENT")
    if order["status"] == "COMPLETED":
        done = "AUTHORIZED" if intent == "AUTHORIZE" else "CAPTURED"
        return problem(422, f"ORDER_ALREADY_{done}")
    if call.bench.clock().isoformat() >= order["until"]:
        return problem(422, "ORDER_EXPIRED")
    if (wrong := _pay(call, account, order)) is not None:
        return wrong
    return shown(call, 201, _shown(order), _MINIMAL)


def _authorize(call: Call, account: Account) -> Answer:
    return _step(call, account, "AUTHORIZE")


def _capture(call: Call, account: Account) -> Answer:
    return _step(call, account, "CAPTURE")


def _get(call: Call, account: Account) -> Answer:
    order = account["orders"].get(call.path["id"])
    if order is None:
        return no_such()
    whole = _shown(order)
    unit = whole["purchase_units"][0]
    for part, kept in (
        ("authorizations", account["authorizations"]),
        ("captures", account["captures"]),
    ):
        found = [one["shown"] for one in kept.values() if _of(one) == order["id"]]
        if found:
            unit.setdefault("payments", {})[part] = copied(found)
    return Answer(200, whole)


def _of(one: Thing) -> str:
    """Return the order that an authorization or a capture is of."""
    return str(one.get("order") or one["related"].get("order_id"))


_UNIT: Final = "purchase_units[]"
_STORED: Final = "payment_source.card.stored_credential"
ROUTES: Final = (
    Route(
        "orders.create", "POST", _O, _create,
        frozenset({
            "intent", f"{_UNIT}.reference_id", f"{_UNIT}.invoice_id",
            f"{_UNIT}.custom_id", f"{_UNIT}.description",
            f"{_UNIT}.amount.currency_code", f"{_UNIT}.amount.value",
            "payment_source.paypal.vault_id", "payment_source.card.vault_id",
            f"{_STORED}.payment_initiator", f"{_STORED}.payment_type",
            f"{_STORED}.usage",
        }),
        KEPT,
    ),
    Route("orders.get", "GET", f"{_O}/{{id}}", _get),
    Route("orders.authorize", "POST", f"{_O}/{{id}}/authorize", _authorize,
          frozenset(), KEPT),
    Route("orders.capture", "POST", f"{_O}/{{id}}/capture", _capture,
          frozenset(), KEPT),
)  # fmt: skip
