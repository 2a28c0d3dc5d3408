"""
The routes by which Stripe's invoices are paid, and what reads the money back.

Stripe's own engine is here too, for whoever leaves it on: with ``auto_advance`` a draft
is finalised after an hour, charged, and charged again every three days
(docs.stripe.com/invoicing/integration/automatic-advancement-collection).
"""

from __future__ import annotations

from typing import Any, Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_customers import card_object, method_object
from reconciler.sandbox.stripe_events import happened
from reconciler.sandbox.stripe_invoices import finalize, one, own
from reconciler.sandbox.stripe_payments import (
    attempt,
    banks_decide,
    cancel_intent,
    payable,
    settled,
    shown_invoice,
)
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Refused,
    Route,
    Row,
    chosen,
    copied,
    expanded,
    found_in,
    key_of,
    now_of,
    paged,
    stated,
    truth,
    typed_error,
    unlocked,
)

_HOUR: Final = 3600
_AGAIN: Final = 3 * 86400
_MOST: Final = 4


def _pay(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    meanwhile: list[str] = call.bench.state["meanwhile"]
    if row["id"] in meanwhile:
        meanwhile.remove(row["id"])
        pay_by_hand(call.bench, account, row, None)
    payable(account, row)
    if truth(params, "paid_out_of_band"):
        return _elsewhere(call, account, row, params)
    method = _method(account, row, params)
    refusal = attempt(
        call.bench,
        account,
        row,
        method,
        key=key_of(call),
        off_session=truth(params, "off_session", usual=True),
    )
    return refusal or Answer(200, shown_invoice(account, row, params))


def _elsewhere(call: Call, account: Account, row: Row, params: Params) -> Answer:
    cancel_intent(call.bench, account, row)
    settled(row, now_of(call))
    row |= {"amount_paid": 0, "amount_remaining": row["amount_due"]}
    call.bench.effect("paidElsewhere", row["id"], key=key_of(call))
    happened(call.bench, account, "invoice.paid", row)
    return Answer(200, shown_invoice(account, row, params))


def _method(account: Account, row: Row, params: Params) -> Row:
    asked = params.get("payment_method")
    if asked is not None:
        return own(account, row, asked, "payment_method")
    usual = row["default_payment_method"] or _default(account, row)
    if usual is None:
        said = "Cannot charge a customer that has no active card"
        raise Refused(typed_error(402, "card_error", said, "missing", "card"))
    return own(account, row, usual, "payment_method")


def _default(account: Account, row: Row) -> str | None:
    customer = account["customers"][row["customer"]]
    found: str | None = customer["invoice_settings"]["default_payment_method"]
    return found


def pay_by_hand(bench: Bench, account: Account, row: Row, method: str | None) -> None:
    """Let the customer pay on the hosted page: with a new card, or with *method*."""
    payable(account, row)
    if method is None:
        method = f"pm_hosted_{row['id']}"
        account["methods"][method] = _new_card(method, row)
    attempt(bench, account, row, account["methods"][method], off_session=False)


def _new_card(name: str, row: Row) -> Row:
    card = card_object("visa", "4242", 12, 2099)
    return {**method_object(name, row["created"], "card", card), "spent": True}


def by_itself(bench: Bench, account: Account) -> None:
    """Do what Stripe does by itself once its time has come."""
    banks_decide(bench, account)
    now = bench.clock().timestamp()
    for name in list(account["automatic"]):
        row = account["invoices"].get(name)
        if row is None or not row["auto_advance"] or row["status"] in {"paid", "void"}:
            account["automatic"].remove(name)
        elif row["status"] == "draft" and row["created"] + _HOUR <= now:
            _finalized(bench, account, row)
        if row is not None and row["status"] == "open":
            _retry(bench, account, row, now)


def _finalized(bench: Bench, account: Account, row: Row) -> None:
    try:
        finalize(bench, account, row, None)
    except Refused as refusal:
        row["last_finalization_error"] = refusal.answer.data["error"]
        account["automatic"].remove(row["id"])
    else:
        row["next_payment_attempt"] = int(bench.clock().timestamp())


def _retry(bench: Bench, account: Account, row: Row, now: float) -> None:
    due, method = row["next_payment_attempt"], _default(account, row)
    collects = row["collection_method"] == "charge_automatically"
    if due is None or due > now or method is None or not collects:
        return
    left = row["attempt_count"] + 1 < _MOST
    row["next_payment_attempt"] = now + _AGAIN if left else None
    attempt(bench, account, row, account["methods"][method], automatic=True)


# -- what reads the money back -----------------------------------------------------


def _page(call: Call, params: Params, found: list[Row], what: str) -> Answer:
    page = paged(call, params, found, what)
    if page.status == 200:
        page.data["data"] = [copied(row) for row in page.data["data"]]
    return page


def _payments(call: Call, account: Account, params: Params) -> Answer:
    known = ("payment.payment_intent", "invoice")
    wanted, refusal = expanded(params, known, "data.")
    if refusal:
        return refusal
    within = stated(params, "created")
    status = chosen(params, "status", ("open", "paid", "canceled"))
    payment = params.get("payment") or {}
    found = [
        row
        for row in account["payments"].values()
        if params.get("invoice") in {None, row["invoice"]}
        and status in {None, row["status"]}
        and payment.get("payment_intent") in {None, row["payment"]["payment_intent"]}
        and within(row["created"])
    ]
    page = _page(call, params, found, "invoice_payment")
    for row in page.data["data"] if page.status == 200 else ():
        if "payment.payment_intent" in wanted:
            intent = account["intents"][row["payment"]["payment_intent"]]
            row["payment"]["payment_intent"] = copied(intent)
        if "invoice" in wanted:
            row["invoice"] = copied(account["invoices"][row["invoice"]])
    return page


def _intents(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    found = [
        row
        for row in account["intents"].values()
        if params.get("customer") in {None, row["customer"]} and within(row["created"])
    ]
    return _page(call, params, found, "payment_intent")


def _intent(call: Call, account: Account, params: Params) -> Answer:
    wanted, refusal = expanded(params, ("latest_charge",))
    if refusal:
        return refusal
    row = found_in(account, "intents", "payment_intent", call.path["intent"])
    shown = copied(row)
    if "latest_charge" in wanted and row["latest_charge"]:
        shown["latest_charge"] = copied(account["charges"][row["latest_charge"]])
    return Answer(200, shown)


def _charges(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    found = [
        row
        for row in account["charges"].values()
        if params.get("customer") in {None, row["customer"]}
        and params.get("payment_intent") in {None, row["payment_intent"]}
        and within(row["created"])
    ]
    return _page(call, params, found, "charge")


def _charge(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "charges", "charge", call.path["charge"])
    return Answer(200, copied(row))


_PI, _CH = "rak_payment_intent_read", "rak_charge_read"
_PAID: Final[Any] = PAGE | {"created", "invoice", "payment", "status"}
ROUTES: Final = (
    Route(
        "payInvoice", "POST", "/v1/invoices/{invoice}/pay", _pay, "rak_invoice_write",
        "InvoicePayParams",
        EXPAND | {"off_session", "paid_out_of_band", "payment_method"},
    ),
    Route(
        "listInvoicePayments", "GET", "/v1/invoice_payments", _payments,
        "rak_invoice_read", "InvoicePaymentListParams", frozenset(_PAID),
    ),
    Route(
        "listPaymentIntents", "GET", "/v1/payment_intents", _intents, _PI,
        "PaymentIntentListParams", PAGE - EXPAND | {"created", "customer"},
    ),
    Route(
        "getPaymentIntent", "GET", "/v1/payment_intents/{intent}", _intent, _PI,
        "PaymentIntentRetrieveParams", EXPAND,
    ),
    Route(
        "listCharges", "GET", "/v1/charges", _charges, _CH, "ChargeListParams",
        PAGE - EXPAND | {"created", "customer", "payment_intent"},
    ),
    Route(
        "getCharge", "GET", "/v1/charges/{charge}", _charge, _CH,
        "ChargeRetrieveParams", frozenset(),
    ),
)  # fmt: skip
