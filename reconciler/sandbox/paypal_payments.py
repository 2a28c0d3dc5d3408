"""PayPal's authorizations, captures and refunds (payments v2), as emulated."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_hooks import happen
from reconciler.sandbox.paypal_report import report
from reconciler.sandbox.paypal_words import (
    Account,
    Route,
    Thing,
    amount,
    copied,
    link,
    money,
    new_id,
    no_such,
    problem,
    shown,
    stamp,
)
from reconciler.sandbox.rest import Answer, Call

KEPT: Final = timedelta(days=45)
#: An authorization is good for 29 days, and its funds are held for the first 3.
AUTHORIZED: Final = timedelta(days=29)
HONORED: Final = timedelta(days=3)
_A: Final = "/v2/payments/authorizations"
_C: Final = "/v2/payments/captures"
_FEE: Final = Decimal("0.029")
_MINIMAL: Final = ("id", "status", "status_details", "links")


def authorize(bench: Bench, account: Account, order: Thing) -> Thing:
    """Hold the money of *order*, and return the authorization."""
    made = hold(bench, account, order, new_id(bench, "authorization"))
    unit, status = order["purchase_units"][0], made["status"]
    kind = "DENIED" if status == "DENIED" else "CREATED"
    happen(bench, account, f"PAYMENT.AUTHORIZATION.{kind}", "authorization", made)
    bench.effect(
        "authorize",
        _called(unit),
        key=order["key"],
        authorization=made["id"],
        status=status,
        value=_text(unit["amount"]),
    )
    return made


def hold(bench: Bench, account: Account, order: Thing, name: str) -> Thing:
    """Make the authorization *name* of *order*, as if it had been there before."""
    now, unit = bench.clock(), order["purchase_units"][0]
    token = account["vault"][order["token"]]
    path = f"{_A}/{name}"
    status = {"denied": "DENIED", "pending": "PENDING"}.get(token["behaves"], "CREATED")
    made: Thing = {
        "id": name,
        "status": status,
        "amount": dict(unit["amount"]),
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "expiration_time": stamp(now + AUTHORIZED),
        "links": [
            link("self", path),
            link("capture", f"{path}/capture", "POST"),
            link("void", f"{path}/void", "POST"),
            link("up", f"/v2/checkout/orders/{order['id']}"),
        ],
        "create_time": stamp(now),
        "update_time": stamp(now),
        **{k: unit[k] for k in ("invoice_id", "custom_id") if k in unit},
    }
    if status == "PENDING":
        made["status_details"] = {"reason": "PENDING_REVIEW"}
    if status == "DENIED" and "card" in token["shown"]["payment_source"]:
        made["processor_response"] = {"response_code": "5120"}
    account["authorizations"][name] = {
        "shown": made,
        "order": order["id"],
        "token": order["token"],
        "until": (now + AUTHORIZED).isoformat(),
        "honored": (now + HONORED).isoformat(),
        "capture": None,
    }
    report(bench, account, name, "T1300", made, affects=False)
    return made


def _called(unit: Thing) -> str:
    return str(unit.get("custom_id") or unit.get("invoice_id") or "default")


def _text(value: Thing) -> str:
    return f"{value['value']} {value['currency_code']}"


def take(
    bench: Bench, account: Account, unit: Thing, key: str | None, ids: Thing
) -> Thing:
    """Take the money of *unit*, and return the capture; *ids* are of what it is of."""
    now, name = bench.clock(), new_id(bench, "capture")
    token = account["vault"][ids["token"]]
    status = {"capture-pending": "PENDING", "capture-declined": "DECLINED"}.get(
        token["behaves"], "COMPLETED"
    )
    gross = Decimal(unit["amount"]["value"])
    fee, currency = (
        (gross * _FEE).quantize(Decimal("0.01")),
        unit["amount"]["currency_code"],
    )
    path = f"{_C}/{name}"
    made: Thing = {
        "id": name,
        "status": status,
        "amount": dict(unit["amount"]),
        "final_capture": True,
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "seller_receivable_breakdown": {
            "gross_amount": dict(unit["amount"]),
            "paypal_fee": money(fee, currency),
            "net_amount": money(gross - fee, currency),
        },
        "links": [link("self", path), link("refund", f"{path}/refund", "POST")],
        "create_time": stamp(now),
        "update_time": stamp(now),
        **{k: unit[k] for k in ("invoice_id", "custom_id") if k in unit},
    }
    if status == "PENDING":
        made["status_details"] = {"reason": "PENDING_REVIEW"}
    related = {k: v for k, v in ids.items() if k != "token"}
    account["captures"][name] = {
        "shown": made,
        "related": related,
        "refunded": "0",
        "fee": str(fee),
    }
    happen(bench, account, f"PAYMENT.CAPTURE.{status}", "capture", made)
    if status != "DECLINED":
        _took(bench, account, name, key)
    return made


def _took(bench: Bench, account: Account, name: str, key: str | None) -> None:
    held = account["captures"][name]
    made = held["shown"]
    pending = made["status"] == "PENDING"
    bench.effect(
        "capture",
        _called(made),
        key=key,
        amount=None if pending else _text(made["amount"]),
        capture=name,
    )
    report(bench, account, name, "T0006", made, fee=held["fee"], **held["related"])


def settle(bench: Bench, account: Account, name: str, *, completed: bool) -> None:
    """Decide what was pending: a capture or an authorization, by hand."""
    if name in account["authorizations"]:
        held = account["authorizations"][name]["shown"]
        held.pop("status_details", None)
        held |= {"status": "CREATED" if completed else "DENIED"}
        held["update_time"] = stamp(bench.clock())
        return
    held = account["captures"][name]["shown"]
    held.pop("status_details", None)
    held |= {"status": "COMPLETED" if completed else "DECLINED"}
    held["update_time"] = stamp(bench.clock())
    account["report"] = [r for r in account["report"] if r["transaction_id"] != name]
    if completed:
        _took(bench, account, name, None)
    happen(bench, account, f"PAYMENT.CAPTURE.{held['status']}", "capture", held)


def duplicate(account: Account, unit: Thing, order: str) -> Answer | None:
    """Refuse an invoice id that another order has used, where the account says so."""
    invoice = unit.get("invoice_id")
    if not account["unique_invoice_id"] or invoice is None:
        return None
    holds = account["authorizations"].values()
    used = [one["shown"]["invoice_id"] for one in holds
            if one["order"] != order and "invoice_id" in one["shown"]]  # fmt: skip
    used += [
        one["shown"]["invoice_id"]
        for one in account["captures"].values()
        if one["related"].get("order_id") != order
        and "invoice_id" in one["shown"]
        and one["shown"]["status"] != "DECLINED"
    ]
    return problem(422, "DUPLICATE_INVOICE_ID") if invoice in used else None


def _held(call: Call, account: Account) -> Thing | None:
    found: Thing | None = account["authorizations"].get(call.path["authorization_id"])
    return found


def _get(call: Call, account: Account) -> Answer:
    held = _held(call, account)
    if held is None:
        return no_such()
    related = {"order_id": held["order"]}
    if held["capture"]:
        related["capture_id"] = held["capture"]
    body = {**held["shown"], "supplementary_data": {"related_ids": related}}
    return Answer(200, copied(body))


def _capture(call: Call, account: Account) -> Answer:
    held = _held(call, account)
    if held is None:
        return no_such()
    if (wrong := _uncapturable(call, account, held)) is not None:
        return wrong
    body, one = call.json or {}, held["shown"]
    unit = {k: one[k] for k in ("amount", "invoice_id", "custom_id") if k in one}
    if "amount" in body:
        number, refusal = amount(body["amount"], "amount")
        if refusal:
            return refusal
        if body["amount"]["currency_code"] != one["amount"]["currency_code"]:
            return problem(422, "AUTH_CAPTURE_CURRENCY_MISMATCH")
        if number > Decimal(one["amount"]["value"]) * Decimal("1.15"):
            return problem(422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
        unit["amount"] = body["amount"]
    if "invoice_id" in body:
        unit["invoice_id"] = body["invoice_id"]
    if (wrong := duplicate(account, unit, held["order"])) is not None:
        return wrong
    ids = {
        "order_id": held["order"],
        "authorization_id": one["id"],
        "token": held["token"],
    }
    key = call.headers.get("paypal-request-id")
    made = take(call.bench, account, unit, key, ids)
    if made["status"] != "DECLINED":
        one |= {"status": "CAPTURED", "update_time": stamp(call.bench.clock())}
        held["capture"] = made["id"]
    return shown(call, 201, made, _MINIMAL)


def _uncapturable(call: Call, account: Account, held: Thing) -> Answer | None:
    now, status = call.bench.clock(), held["shown"]["status"]
    token = account["vault"].get(held["token"]) or {"behaves": "ok"}
    if status == "CAPTURED":
        return problem(422, "AUTHORIZATION_ALREADY_CAPTURED")
    if status == "VOIDED":
        return problem(422, "AUTHORIZATION_VOIDED")
    if status == "DENIED":
        return problem(422, "AUTHORIZATION_DENIED")
    if now >= datetime.fromisoformat(held["until"]):
        return problem(422, "AUTHORIZATION_EXPIRED")
    late = now >= datetime.fromisoformat(held["honored"])
    if status == "PENDING" or (late and token["behaves"] == "gone-later"):
        return problem(422, "TRANSACTION_REFUSED")
    return None


def _void(call: Call, account: Account) -> Answer:
    held = _held(call, account)
    if held is None:
        return no_such()
    one = held["shown"]
    if one["status"] in {"CAPTURED", "PARTIALLY_CAPTURED"}:
        return problem(422, "PREVIOUSLY_CAPTURED")
    if one["status"] == "VOIDED":
        return problem(422, "PREVIOUSLY_VOIDED")
    one |= {"status": "VOIDED", "update_time": stamp(call.bench.clock())}
    happen(call.bench, account, "PAYMENT.AUTHORIZATION.VOIDED", "authorization", one)
    call.bench.effect("void", _called(one), authorization=one["id"])
    if call.headers.get("prefer") != "return=representation":
        return Answer(204, None)
    return Answer(200, dict(one))


def _get_capture(call: Call, account: Account) -> Answer:
    held = account["captures"].get(call.path["capture_id"])
    if held is None:
        return no_such()
    body = {**held["shown"], "supplementary_data": {"related_ids": held["related"]}}
    return Answer(200, copied(body))


def _refund(call: Call, account: Account) -> Answer:
    held = account["captures"].get(call.path["capture_id"])
    if held is None:
        return no_such()
    one, body = held["shown"], call.json or {}
    left = Decimal(one["amount"]["value"]) - Decimal(held["refunded"])
    if left <= 0 or one["status"] not in {"COMPLETED", "PARTIALLY_REFUNDED"}:
        return problem(422, "CAPTURE_FULLY_REFUNDED")
    number = left
    if "amount" in body:
        number, refusal = amount(body["amount"], "amount")
        if refusal:
            return refusal
        if number > left:
            return problem(422, "REFUND_AMOUNT_EXCEEDED")
    key = call.headers.get("paypal-request-id")
    made = refund(call.bench, account, one["id"], number, key)
    return shown(call, 201, made, _MINIMAL)


def refund(
    bench: Bench, account: Account, name: str, number: Decimal, key: str | None = None
) -> Thing:
    """Give back *number* of a capture, and return the refund."""
    held, now = account["captures"][name], stamp(bench.clock())
    one = held["shown"]
    held["refunded"] = str(Decimal(held["refunded"]) + number)
    all_of_it = Decimal(held["refunded"]) == Decimal(one["amount"]["value"])
    one |= {"status": "REFUNDED" if all_of_it else "PARTIALLY_REFUNDED"}
    made_name = new_id(bench, "refund")
    made = {
        "id": made_name,
        "status": "COMPLETED",
        "amount": money(number, one["amount"]["currency_code"]),
        "links": [
            link("self", f"/v2/payments/refunds/{made_name}"),
            link("up", f"{_C}/{name}"),
        ],
        "create_time": now,
        "update_time": now,
        **{k: one[k] for k in ("invoice_id", "custom_id") if k in one},
    }
    account["refunds"][made_name] = made
    happen(bench, account, "PAYMENT.CAPTURE.REFUNDED", "refund", made)
    bench.effect("refund", _called(one), key=key, refund=made_name,
                 value=_text(made["amount"]))  # fmt: skip
    report(bench, account, made_name, "T1107", made, capture_id=name)
    return made


def _get_refund(call: Call, account: Account) -> Answer:
    found = account["refunds"].get(call.path["refund_id"])
    return Answer(200, dict(found)) if found else no_such()


_AMOUNT: Final = {"amount.currency_code", "amount.value"}
_ONE: Final = "{authorization_id}"
ROUTES: Final = (
    Route("authorizations.get", "GET", f"{_A}/{_ONE}", _get),
    Route(
        "authorizations.capture", "POST", f"{_A}/{_ONE}/capture", _capture,
        frozenset({*_AMOUNT, "invoice_id", "final_capture", "note_to_payer"}), KEPT,
    ),
    # The published specification knows no request id for a void.
    Route("authorizations.void", "POST", f"{_A}/{_ONE}/void", _void),
    Route("captures.get", "GET", f"{_C}/{{capture_id}}", _get_capture),
    Route(
        "captures.refund", "POST", f"{_C}/{{capture_id}}/refund", _refund,
        frozenset({*_AMOUNT, "custom_id", "invoice_id", "note_to_payer"}), KEPT,
    ),
    Route("refunds.get", "GET", "/v2/payments/refunds/{refund_id}", _get_refund),
)  # fmt: skip
