"""
What Stripe owes a customer or gives back: balance, credit notes, refunds.

After docs.stripe.com/api/customer_balance_transactions, /credit_notes and /refunds. A
negative balance is a credit. A refund is made by a person, at the web site.
"""

from __future__ import annotations

from typing import Any, Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_events import happened
from reconciler.sandbox.stripe_lines import live_customer
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
    found_in,
    key_of,
    labelled,
    malformed,
    missing,
    new_id,
    now_of,
    paged,
    refuse,
    required,
    stated,
    whole,
)

_REASONS: Final = (
    "duplicate",
    "fraudulent",
    "order_change",
    "product_unsatisfactory",
)


def moved(
    bench: Bench, account: Account, customer: Row, amount: int, invoice: Row | None,
    kind: str,
) -> Row | None:  # fmt: skip
    """Change a customer's balance by *amount* and write down why."""
    if not amount:
        return None
    customer["balance"] += amount
    name = new_id(account, "cbtxn")
    row = {
        "id": name,
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": int(bench.clock().timestamp()),
        "credit_note": None,
        "currency": invoice["currency"] if invoice else customer["currency"] or "eur",
        "customer": customer["id"],
        "customer_account": None,
        "description": None,
        "ending_balance": customer["balance"],
        "invoice": invoice["id"] if invoice else None,
        "livemode": False,
        "metadata": {},
        "type": kind,
    }
    account["balances"][name] = row
    return row


def _move(call: Call, account: Account, params: Params) -> Answer:
    customer = live_customer(account, call.path["customer"])
    amount, currency = whole(params, "amount"), str(required(params, "currency"))
    if not amount:
        malformed("Missing required param: amount.", "parameter_missing", "amount")
    if customer["currency"] not in {None, currency.lower()}:
        refuse(f"The customer's currency is {customer['currency']}.", param="currency")
    customer["currency"] = currency.lower()
    row = moved(call.bench, account, customer, amount, None, "adjustment") or {}
    row["description"] = params.get("description")
    labelled(row, params)
    call.bench.effect(
        "createBalanceTransaction", row["id"], key=key_of(call), customer=customer["id"]
    )
    return Answer(200, copied(row))


def _moves(call: Call, account: Account, params: Params) -> Answer:
    customer = live_customer(account, call.path["customer"])
    found = [
        copied(row)
        for row in account["balances"].values()
        if row["customer"] == customer["id"]
        and params.get("invoice") in {None, row["invoice"]}
    ]
    return paged(call, params, found, "customer_balance_transaction")


def _credit(call: Call, account: Account, params: Params) -> Answer:
    invoice = account["invoices"].get(required(params, "invoice"))
    if invoice is None:
        raise Refused(missing("invoice", str(params["invoice"]), "invoice", 400))
    if invoice["status"] not in {"open", "paid"}:
        refuse("Credit notes can only be created for open or paid invoices.")
    amount = whole(params, "amount")
    if not amount or amount < 0:
        malformed("Invalid positive integer", "parameter_invalid_integer", "amount")
    chosen(params, "reason", _REASONS)
    row = _note(call, account, invoice, amount)
    row |= {"reason": params.get("reason"), "memo": params.get("memo")}
    labelled(row, params)
    parts = {name: whole(params, f"{name}_amount") or 0 for name in _PARTS}
    if invoice["status"] == "open":
        _less(invoice, row, amount)
    else:
        _back(call, account, invoice, row, parts)
    account["notes"][row["id"]] = row
    call.bench.effect(
        "createCreditNote", row["id"], key=key_of(call), invoice=invoice["id"]
    )
    happened(call.bench, account, "credit_note.created", row)
    return Answer(200, copied(row))


_PARTS: Final = ("credit", "refund", "out_of_band")


def _note(call: Call, account: Account, invoice: Row, amount: int) -> Row:
    notes = account["notes"].values()
    number = 1 + sum(one["invoice"] == invoice["id"] for one in notes)
    name = new_id(account, "cn")
    return {
        "id": name,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": now_of(call),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": now_of(call),
        "invoice": invoice["id"],
        "lines": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/credit_notes/{name}/lines",
        },
        "livemode": False,
        "memo": None,
        "metadata": {},
        "number": f"{invoice['number']}-CN-{number:02}",
        "out_of_band_amount": None,
        "pdf": f"{invoice['invoice_pdf']}/credit/{name}",
        "post_payment_amount": 0,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": None,
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "pre_payment",
        "voided_at": None,
    }


def _less(invoice: Row, row: Row, amount: int) -> None:
    """Take *amount* from what is left of an open invoice."""
    if amount > invoice["amount_remaining"]:
        refuse("The credit note is more than what is left to pay.", param="amount")
    invoice["pre_payment_credit_notes_amount"] += amount
    invoice["amount_due"] -= amount
    invoice["amount_remaining"] -= amount
    row["pre_payment_amount"] = amount


def _back(
    call: Call, account: Account, invoice: Row, row: Row, parts: dict[str, int]
) -> None:
    """Give *parts* of a paid invoice back: as credit, as a refund, or elsewhere."""
    amount = row["amount"]
    if sum(parts.values()) != amount:
        refuse(
            "The sum of credit_amount, refund_amount and out_of_band_amount must equal "
            "the credit note amount.",
            param="credit_amount",
        )
    if amount > invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]:
        refuse("The credit note is more than what was paid.", param="amount")
    customer = account["customers"][invoice["customer"]]
    credit = moved(
        call.bench, account, customer, -parts["credit"], invoice, "credit_note"
    )
    if credit:
        credit["credit_note"] = row["id"]
        row["customer_balance_transaction"] = credit["id"]
    if parts["refund"]:
        charge = next(
            one
            for one in account["charges"].values()
            if one["paid"] and _invoice_of(account, one) == invoice["id"]
        )
        made = refunded(call.bench, account, charge, parts["refund"])
        row["refunds"] = [{"amount_refunded": parts["refund"], "refund": made["id"]}]
    row["out_of_band_amount"] = parts["out_of_band"] or None
    row |= {"type": "post_payment", "post_payment_amount": amount}
    invoice["post_payment_credit_notes_amount"] += amount


def _invoice_of(account: Account, charge: Row) -> str | None:
    for payment in account["payments"].values():
        if payment["payment"]["payment_intent"] == charge["payment_intent"]:
            return str(payment["invoice"])
    return None


def refunded(bench: Bench, account: Account, charge: Row, amount: int) -> Row:
    """Give *amount* of a charge back; refuse more than was taken."""
    if not charge["paid"] or amount > charge["amount"] - charge["amount_refunded"]:
        refuse(
            "Refund amount is greater than unrefunded amount on charge", param="amount"
        )
    name = new_id(account, "re")
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    row: dict[str, Any] = {
        "id": name,
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(bench.clock().timestamp()),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    account["refunds"][name] = row
    bench.effect("refund", charge["id"], refund=amount, currency=charge["currency"])
    happened(bench, account, "charge.refunded", charge)
    return row


def _refunds(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    found = [
        copied(row)
        for row in account["refunds"].values()
        if within(row["created"])
        and params.get("charge") in {None, row["charge"]}
        and params.get("payment_intent") in {None, row["payment_intent"]}
    ]
    return paged(call, params, found, "refund")


def _notes(call: Call, account: Account, params: Params) -> Answer:
    within = stated(params, "created")
    found = [
        copied(row)
        for row in account["notes"].values()
        if within(row["created"])
        and params.get("customer") in {None, row["customer"]}
        and params.get("invoice") in {None, row["invoice"]}
    ]
    return paged(call, params, found, "credit_note")


def _get_note(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = found_in(account, "notes", "credit_note", call.path["note"])
    return Answer(200, copied(row))


_BALANCE: Final = "/v1/customers/{customer}/balance_transactions"
ROUTES: Final = (
    Route(
        "createBalanceTransaction", "POST", _BALANCE, _move, "rak_customer_write",
        "CustomerCreateBalanceTransactionParams",
        frozenset({"amount", "currency", "description", "metadata"}),
    ),
    Route(
        "listBalanceTransactions", "GET", _BALANCE, _moves, "rak_customer_read",
        "CustomerListBalanceTransactionsParams", PAGE - EXPAND | {"invoice"},
    ),
    Route(
        "createCreditNote", "POST", "/v1/credit_notes", _credit,
        "rak_credit_note_write", "CreditNoteCreateParams",
        frozenset({
            "amount", "credit_amount", "invoice", "memo", "metadata",
            "out_of_band_amount", "reason", "refund_amount",
        }),
    ),
    Route(
        "listCreditNotes", "GET", "/v1/credit_notes", _notes, "rak_credit_note_read",
        "CreditNoteListParams", PAGE - EXPAND | {"created", "customer", "invoice"},
    ),
    Route(
        "getCreditNote", "GET", "/v1/credit_notes/{note}", _get_note,
        "rak_credit_note_read", "CreditNoteRetrieveParams", frozenset(),
    ),
    Route(
        "listRefunds", "GET", "/v1/refunds", _refunds, "rak_charge_read",
        "RefundListParams", PAGE - EXPAND | {"charge", "created", "payment_intent"},
    ),
)  # fmt: skip
