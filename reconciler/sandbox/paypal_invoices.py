"""PayPal's invoices (invoicing v2), as emulated: one sum, sent, paid or cancelled."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_words import (
    Account,
    Route,
    Thing,
    copied,
    link,
    money,
    new_id,
    no_such,
    problem,
    stamp,
)
from reconciler.sandbox.rest import Answer, Call

_I: Final = "/v2/invoicing/invoices"
_PAYABLE: Final = frozenset({"SENT", "UNPAID", "PARTIALLY_PAID"})
_SENDABLE: Final = frozenset({"DRAFT", "SCHEDULED"})
_UNCANCELLABLE: Final = {
    "DRAFT": "CANNOT_CANCEL_DRAFT_INVOICE",
    "CANCELLED": "INVOICE_CANCELED_ALREADY",
    "PAID": "CANNOT_CANCEL_PAID_INVOICE",
    "MARKED_AS_PAID": "CANNOT_CANCEL_PAID_INVOICE",
    "PARTIALLY_PAID": "CANNOT_CANCEL_PAID_INVOICE",
}
_ONE: Final = "{invoice_id}"


def _next(call: Call, account: Account) -> Answer:
    """Return the next number: suggested, not reserved."""
    del call
    return Answer(200, {"invoice_number": f"{account['invoice_number'] + 1:04}"})


def _create(call: Call, account: Account) -> Answer:
    """Make a draft; there is no request id: the number alone tells a second one."""
    body = call.json or {}
    detail = body.get("detail") or {}
    currency, items = detail.get("currency_code"), body.get("items") or []
    if not currency:
        return problem(400, "MISSING_REQUIRED_PARAMETER", field="/detail/currency_code")
    account["invoice_number"] += 1
    number = detail.get("invoice_number") or f"{account['invoice_number']:04}"
    if any(one["detail"]["invoice_number"] == number for one in _all(account)):
        said = "Invoice number already exists."
        return problem(422, "DUPLICATE_INVOICE_NUMBER", said)
    if not items:
        return problem(422, "ITEMS_REQUIRED", field="/items")
    value = sum(
        (Decimal(i["quantity"]) * Decimal(i["unit_amount"]["value"]) for i in items),
        Decimal(0),
    )
    name = f"INV2-{new_id(call.bench, 'invoice', 4)}-{new_id(call.bench, 'inv', 4)}"
    now = stamp(call.bench.clock())
    made = {
        "id": name,
        "status": "DRAFT",
        "detail": {
            **detail,
            "invoice_number": number,
            "invoice_date": now[:10],
            "metadata": {"create_time": now, "last_update_time": now},
        },
        "primary_recipients": body.get("primary_recipients", []),
        "items": items,
        "amount": money(value, currency),
        "due_amount": money(value, currency),
        "links": [
            link("self", f"{_I}/{name}"),
            link("send", f"{_I}/{name}/send", "POST"),
        ],
    }
    account["invoices"][name] = made
    call.bench.effect("createInvoice", number, invoice=name)
    if call.headers.get("prefer") == "return=representation":
        return Answer(201, copied(made))
    return Answer(201, link("self", f"{_I}/{name}"))


def _all(account: Account) -> list[Thing]:
    return list(account["invoices"].values())


def _get(call: Call, account: Account) -> Answer:
    found = account["invoices"].get(call.path["invoice_id"])
    return Answer(200, copied(found)) if found else no_such()


def _search(call: Call, account: Account) -> Answer:
    body = call.json or {}
    try:
        size = int(call.query.get("page_size", 20))
        page = int(call.query.get("page", 1))
    except ValueError:
        return problem(400, "INVALID_PARAMETER_SYNTAX", field="page")
    found = [
        copied(one)
        for one in _all(account)
        if body.get("invoice_number") in {None, one["detail"]["invoice_number"]}
        and one["status"] in body.get("status", [one["status"]])
    ]
    page = 1 if call.faulty == "duplicate-page" else page
    part = [] if call.faulty == "empty" else found[(page - 1) * size : page * size]
    answer: Thing = {"items": part, "links": [link("self", call.where, "POST")]}
    if call.query.get("total_required") == "true":
        answer["total_items"] = len(found)
        answer["total_pages"] = math.ceil(len(found) / size)
    return Answer(200, answer)


def _send(call: Call, account: Account) -> Answer:
    found = account["invoices"].get(call.path["invoice_id"])
    if found is None:
        return no_such()
    if found["status"] not in _SENDABLE:
        return problem(422, "INVALID_INVOICE_STATUS")
    page = f"https://www.paypal.com/invoice/p/#{found['id'].removeprefix('INV2-')}"
    found["status"] = "SENT"
    found["detail"]["metadata"]["recipient_view_url"] = page
    call.bench.effect("sendInvoice", found["detail"]["invoice_number"])
    return Answer(200, {"href": page, "rel": "payer-view", "method": "GET"})


def _cancel(call: Call, account: Account) -> Answer:
    found = account["invoices"].get(call.path["invoice_id"])
    if found is None:
        return no_such()
    if found["status"] in _UNCANCELLABLE:
        return problem(422, _UNCANCELLABLE[found["status"]])
    found["status"] = "CANCELLED"
    call.bench.effect("cancelInvoice", found["detail"]["invoice_number"])
    return Answer(204, None)


def _record(call: Call, account: Account) -> Answer:
    """Record that money came by another way (cash, a bank)."""
    found, body = account["invoices"].get(call.path["invoice_id"]), call.json or {}
    if found is None:
        return no_such()
    if found["status"] not in _PAYABLE:
        return problem(422, "CANNOT_PROCESS_PAYMENTS")
    paid = Decimal((body.get("amount") or found["due_amount"])["value"])
    name = new_id(call.bench, "external", 17)
    _settle(found, paid, "MARKED_AS_PAID")
    number = found["detail"]["invoice_number"]
    call.bench.effect("recordPayment", number, value=str(paid))
    return Answer(200, {"payment_id": f"EXTR-{name}"})


def _settle(found: Thing, paid: Decimal, whole: str) -> None:
    left = Decimal(found["due_amount"]["value"]) - paid
    found["due_amount"] = money(max(left, Decimal(0)), found["amount"]["currency_code"])
    found["status"] = whole if left <= 0 else "PARTIALLY_PAID"


def pay(bench: Bench, account: Account, name: str) -> None:
    """Pay what is left of an invoice, as its recipient does on PayPal's page."""
    found = account["invoices"][name]
    left = found["due_amount"]
    _settle(found, Decimal(left["value"]), "PAID")
    number = found["detail"]["invoice_number"]
    text = f"{left['value']} {left['currency_code']}"
    bench.effect("payInvoice", number, amount=text, invoice=name)


_ITEM: Final = "items[]"
ROUTES: Final = (
    Route("invoicing.generate-next-invoice-number", "POST",
          "/v2/invoicing/generate-next-invoice-number", _next),
    Route(
        "invoices.create", "POST", _I, _create,
        frozenset({
            "detail.currency_code", "detail.invoice_number", "detail.reference",
            "detail.note", "detail.payment_term.due_date",
            "primary_recipients[].billing_info.email_address",
            f"{_ITEM}.name", f"{_ITEM}.quantity",
            f"{_ITEM}.unit_amount.currency_code", f"{_ITEM}.unit_amount.value",
        }),
    ),
    Route("invoices.search-invoices", "POST", "/v2/invoicing/search-invoices", _search,
          frozenset({"invoice_number", "status"})),
    Route("invoices.get", "GET", f"{_I}/{_ONE}", _get),
    Route("invoices.send", "POST", f"{_I}/{_ONE}/send", _send,
          frozenset({"send_to_recipient", "send_to_invoicer"})),
    Route("invoices.cancel", "POST", f"{_I}/{_ONE}/cancel", _cancel,
          frozenset({"send_to_recipient", "send_to_invoicer", "subject", "note"})),
    Route("invoices.payments", "POST", f"{_I}/{_ONE}/payments", _record,
          frozenset({"method", "payment_date", "note", "amount.currency_code",
                     "amount.value"})),
)  # fmt: skip
