"""
Stripe's invoices as the emulator keeps them: drafted, finalised, void.

After docs.stripe.com/api/invoices, docs.stripe.com/invoicing/integration/
workflow-transitions (which status leads where) and docs.stripe.com/invoicing/customer/
balance: a customer's credit is applied when an invoice is finalised, and given back
when it is void; less than the smallest charge is not charged, but moved to the balance;
what comes to nothing is paid at once. Numbers are given at finalisation, in a series of
the customer's or of the account's. Not documented, and refused here, so that nobody
builds on it: paying a draft, and making void what is being paid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.stripe_balance import moved
from reconciler.sandbox.stripe_events import happened
from reconciler.sandbox.stripe_lines import add_line, live_customer, rates_of, sum_up
from reconciler.sandbox.stripe_objects import invoice_object
from reconciler.sandbox.stripe_payments import (
    PAYMENTS,
    cancel_intent,
    intended,
    processing,
    shown_invoice,
)
from reconciler.sandbox.stripe_words import (
    EXPAND,
    PAGE,
    Account,
    Params,
    Route,
    Row,
    chosen,
    expanded,
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
    truth,
    unlocked,
    whole,
)
from reconciler.sandbox.stripe_words import Refused as _Refused

_DAY: Final = 86400
_COLLECTED: Final = ("charge_automatically", "send_invoice")
_STATES: Final = ("draft", "open", "paid", "uncollectible", "void")
#: The smallest charge in minor units (docs.stripe.com/currencies), where it is not 50.
_SMALLEST: Final = {"gbp": 30, "usd": 50, "eur": 50, "dkk": 250, "sek": 300}


def _create(call: Call, account: Account, params: Params) -> Answer:
    customer = live_customer(account, required(params, "customer"))
    row = invoice_object(new_id(account, "in"), now_of(call), customer)
    if currency := params.get("currency"):
        row["currency"] = str(currency).lower()
    method = chosen(params, "collection_method", _COLLECTED)
    row["collection_method"] = method or "charge_automatically"
    _changed(account, row, params)
    account["invoices"][row["id"]] = row
    _advanced(account, row, params)
    _take_pending(account, row, params)
    sum_up(account, row)
    call.bench.effect("createInvoice", row["id"], key=key_of(call), **_about(row))
    happened(call.bench, account, "invoice.created", row)
    return Answer(200, shown_invoice(account, row, params))


def _advanced(account: Account, row: Row, params: Params) -> None:
    """Switch Stripe's own collection of an invoice on or off."""
    if "auto_advance" in params:
        row["auto_advance"] = truth(params, "auto_advance")
        if row["auto_advance"] and row["id"] not in account["automatic"]:
            account["automatic"].append(row["id"])


def _changed(account: Account, row: Row, params: Params) -> None:
    """Set what a draft may be given."""
    days, due = whole(params, "days_until_due"), whole(params, "due_date")
    sent = row["collection_method"] == "send_invoice"
    if (days is not None or due is not None) and not sent:
        said = "You can only set a due date if the collection method is `send_invoice`."
        malformed(said, None, "days_until_due")
    if sent and days is None and due is None and row["due_date"] is None:
        said = "You must set `days_until_due` or `due_date` for `send_invoice`."
        malformed(said, None, "days_until_due")
    if sent and not row["customer_email"]:
        refuse(
            "Missing email. In order to create invoices that are sent to the customer, "
            "the customer must have a valid email."
        )
    if days is not None:
        row["due_date"] = row["created"] + days * _DAY
    if due is not None:
        row["due_date"] = due
    if "default_tax_rates" in params:
        row["default_tax_rates"] = rates_of(account, params, "default_tax_rates")
    if automatic := params.get("automatic_tax"):
        row["automatic_tax"]["enabled"] = truth(automatic, "enabled")
    if method := params.get("default_payment_method"):
        own(account, row, method, "default_payment_method")
        row["default_payment_method"] = method
    for name in {"description", "footer"} & params.keys():
        row[name] = params[name] or None
    labelled(row, params)


def own(account: Account, invoice: Row, method: str, param: str) -> Row:
    """Return a method of the invoice's customer, or refuse."""
    found: Row | None = account["methods"].get(method)
    if found is None:
        raise _Refused(missing("PaymentMethod", method, param, 400))
    if found["customer"] != invoice["customer"]:
        refuse(
            f"The customer does not have a payment method with the ID {method}. "
            "The payment method must be attached to the customer.",
            "resource_missing",
            param,
        )
    return found


def _take_pending(account: Account, row: Row, params: Params) -> None:
    words = ("exclude", "include")
    taken = chosen(params, "pending_invoice_items_behavior", words)
    if taken != "include":
        return
    for item in account["items"].values():
        if item["customer"] == row["customer"] and item["invoice"] is None:
            add_line(account, row, item)


def _about(row: Row) -> Row:
    return {"customer": row["customer"], "metadata": dict(row["metadata"])}


def _list(call: Call, account: Account, params: Params) -> Answer:
    within, due = stated(params, "created"), stated(params, "due_date")
    status = chosen(params, "status", _STATES)
    method = chosen(params, "collection_method", _COLLECTED)
    wanted, refusal = expanded(params, (PAYMENTS,), "data.")
    if refusal:
        return refusal
    customer = params.get("customer")
    found = [
        row
        for row in account["invoices"].values()
        if customer in {None, row["customer"]}
        and status in {None, row["status"]}
        and method in {None, row["collection_method"]}
        and within(row["created"])
        and ("due_date" not in params or due(row["due_date"] or -1))
    ]
    page = paged(call, params, found, "invoice")
    if page.status == 200:
        asked = {"expand": sorted(wanted)}
        rows = [shown_invoice(account, row, asked) for row in page.data["data"]]
        page.data["data"] = rows
    return page


def one(call: Call, account: Account) -> Row:
    """Return the invoice of a request's path, or refuse."""
    return found_in(account, "invoices", "invoice", call.path["invoice"])


def _get(call: Call, account: Account, params: Params) -> Answer:
    return Answer(200, shown_invoice(account, one(call, account), params))


def _update(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    if row["status"] != "draft" and params.keys() - {"metadata", "auto_advance"}:
        said = "Finalized invoices can't be updated in this way"
        refuse(said, "invoice_not_editable")
    _advanced(account, row, params)
    _changed(account, row, {k: v for k, v in params.items() if k != "auto_advance"})
    if row["status"] == "draft":
        sum_up(account, row)
    call.bench.effect("updateInvoice", row["id"], key=key_of(call))
    happened(call.bench, account, "invoice.updated", row)
    return Answer(200, shown_invoice(account, row, params))


def _delete(call: Call, account: Account, params: Params) -> Answer:
    del params
    row = unlocked(call, one(call, account))
    if row["status"] != "draft":
        refuse("You can only delete draft invoices.")
    del account["invoices"][row["id"]]
    for item in account["items"].values():
        item["invoice"] = None if item["invoice"] == row["id"] else item["invoice"]
    call.bench.effect("deleteInvoice", row["id"], key=key_of(call))
    happened(call.bench, account, "invoice.deleted", row)
    return Answer(200, {"id": row["id"], "object": "invoice", "deleted": True})


def _finalize(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    if row["status"] != "draft":
        refuse(
            "This invoice is already finalized, you can't re-finalize a non-draft "
            "invoice."
        )
    _advanced(account, row, params)
    finalize(call.bench, account, row, key_of(call))
    return Answer(200, shown_invoice(account, row, params))


def finalize(bench: Bench, account: Account, row: Row, key: str | None) -> None:
    """Give an invoice its number, its address and what is due of it."""
    now = int(bench.clock().timestamp())
    sum_up(account, row)
    tax = row["automatic_tax"]
    if tax["enabled"] and tax["status"] != "complete":
        refuse(
            "The customer's location isn't recognized. Set a valid customer address "
            "in order to automatically calculate tax.",
            "customer_tax_location_invalid",
        )
    customer = account["customers"][row["customer"]]
    row["number"] = _number(account, customer)
    where = f"https://invoice.stripe.example/i/{account['id']}/{row['id']}"
    row |= {
        "status": "open",
        "effective_at": now,
        "hosted_invoice_url": where,
        "invoice_pdf": f"{where}/pdf",
        "amount_due": (due := _balanced(bench, account, customer, row)),
        "amount_remaining": due,
        "ending_balance": customer["balance"],
        "automatically_finalizes_at": None,
    }
    row["status_transitions"]["finalized_at"] = now
    row["lines"]["total_count"] = len(row["lines"]["data"])
    bench.effect("finalizeInvoice", row["id"], key=key, **_about(row))
    happened(bench, account, "invoice.finalized", row)
    if due:
        intended(bench, account, row)
    else:
        row |= {"status": "paid", "attempted": True}
        row["status_transitions"]["paid_at"] = now
        happened(bench, account, "invoice.paid", row)


def _number(account: Account, customer: Row) -> str:
    if account["numbering"] == "account":
        account["number"] += 1
        return f"{account['prefix']}-{account['number']:04}"
    number = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = number + 1
    return f"{customer['invoice_prefix']}-{number:04}"


def _balanced(bench: Bench, account: Account, customer: Row, row: Row) -> int:
    """Apply the customer's balance and return what is due."""
    due: int = row["total"] + customer["balance"]
    if due > 0 and due >= _SMALLEST.get(row["currency"], 50):
        moved(bench, account, customer, -customer["balance"], row, "applied_to_invoice")
        return due
    # A credit that is left over, or a debt that is too small to be charged.
    why = "invoice_too_small" if due > 0 else "applied_to_invoice"
    moved(bench, account, customer, due - customer["balance"], row, why)
    return 0


def _void(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    _not_settled(account, row)
    cancel_intent(call.bench, account, row)
    customer = account["customers"][row["customer"]]
    taken = row["amount_due"] - row["total"]
    moved(call.bench, account, customer, taken, row, "unapplied_from_invoice")
    row |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    row["status_transitions"]["voided_at"] = now_of(call)
    call.bench.effect("voidInvoice", row["id"], key=key_of(call), **_about(row))
    happened(call.bench, account, "invoice.voided", row)
    return Answer(200, shown_invoice(account, row, params))


def _not_settled(account: Account, row: Row) -> None:
    """Refuse what is not open, or whose payment is under way."""
    if row["status"] not in {"open", "uncollectible"}:
        refuse("You can only pass in open invoices. This invoice isn't open.")
    if processing(account, row):
        said = "This invoice has a payment that is processing."
        refuse(said, "payment_intent_unexpected_state")


def _uncollectible(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    if row["status"] != "open":
        refuse("You can only pass in open invoices. This invoice isn't open.")
    row |= {"status": "uncollectible", "auto_advance": False}
    row["status_transitions"]["marked_uncollectible_at"] = now_of(call)
    call.bench.effect("markUncollectible", row["id"], key=key_of(call))
    happened(call.bench, account, "invoice.marked_uncollectible", row)
    return Answer(200, shown_invoice(account, row, params))


def _send(call: Call, account: Account, params: Params) -> Answer:
    row = unlocked(call, one(call, account))
    if row["collection_method"] != "send_invoice":
        refuse("You can only manually send an invoice if its collection method is "
               "'send_invoice'.")  # fmt: skip
    if row["status"] == "draft":
        finalize(call.bench, account, row, key_of(call))
    elif row["status"] != "open":
        refuse("You can only pass in open invoices. This invoice isn't open.")
    call.bench.effect("sendInvoice", row["id"], key=key_of(call))
    happened(call.bench, account, "invoice.sent", row)
    return Answer(200, shown_invoice(account, row, params))


_R, _W = "rak_invoice_read", "rak_invoice_write"
_ONE = "/v1/invoices/{invoice}"
_CHANGED: Final[Any] = {
    "auto_advance", "automatic_tax", "collection_method", "days_until_due",
    "default_payment_method", "default_tax_rates", "description", "due_date", "expand",
    "footer", "metadata",
}  # fmt: skip
_NEW: Final[Any] = _CHANGED | {
    "currency",
    "customer",
    "pending_invoice_items_behavior",
}


def _on(name: str, path: str, serve: Callable[..., Answer], typed: str) -> Route:
    return Route(name, "POST", f"{_ONE}/{path}", serve, _W, typed, EXPAND)


ROUTES: Final = (
    Route(
        "listInvoices", "GET", "/v1/invoices", _list, _R, "InvoiceListParams",
        PAGE | {"collection_method", "created", "customer", "due_date", "status"},
    ),
    Route(
        "createInvoice", "POST", "/v1/invoices", _create, _W, "InvoiceCreateParams",
        frozenset(_NEW),
    ),
    Route("getInvoice", "GET", _ONE, _get, _R, "InvoiceRetrieveParams", EXPAND),
    Route(
        "updateInvoice", "POST", _ONE, _update, _W, "InvoiceUpdateParams",
        frozenset(_CHANGED - {"collection_method"}),
    ),
    Route(
        "deleteInvoice", "DELETE", _ONE, _delete, _W, "InvoiceDeleteParams", frozenset()
    ),
    Route(
        "finalizeInvoice", "POST", f"{_ONE}/finalize", _finalize, _W,
        "InvoiceFinalizeInvoiceParams", EXPAND | {"auto_advance"},
    ),
    _on("voidInvoice", "void", _void, "InvoiceVoidInvoiceParams"),
    _on("markUncollectible", "mark_uncollectible", _uncollectible,
        "InvoiceMarkUncollectibleParams"),
    _on("sendInvoice", "send", _send, "InvoiceSendInvoiceParams"),
)  # fmt: skip
