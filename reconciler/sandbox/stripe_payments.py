"""
How Stripe's invoices are paid: attempts, intents, payments and charges.

After docs.stripe.com/api/invoices/pay, /payment_intents, /invoice-payment, /charges. An
invoice has one intent from its finalisation on, and every attempt is a charge of it.
``attempt_count`` counts the first attempt and what Stripe retries by itself, "manual
payment attempts after the first attempt do not". What a bank decides later
(``processing``) is decided when the clock is there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from reconciler.model import Money
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer
from reconciler.sandbox.stripe_cards import declined, verdict
from reconciler.sandbox.stripe_events import happened
from reconciler.sandbox.stripe_objects import (
    charge_object,
    intent_object,
    payment_object,
)
from reconciler.sandbox.stripe_words import (
    Account,
    Params,
    Refused,
    Row,
    copied,
    expanded,
    new_id,
    refuse,
)

PAYMENTS: Final = "payments"
_INTENT: Final = "payments.data.payment.payment_intent"


def intended(bench: Bench, account: Account, invoice: Row) -> None:
    """Make the intent of an invoice that has just become open."""
    now = int(bench.clock().timestamp())
    intent = intent_object(new_id(account, "pi"), now, invoice)
    account["intents"][intent["id"]] = intent
    payment = payment_object(new_id(account, "inpay"), now, invoice, intent["id"])
    account["payments"][payment["id"]] = payment
    account["paying"][invoice["id"]] = payment["id"]


def payment_of(account: Account, invoice: Row) -> tuple[Row, Row] | None:
    """Return the payment of an invoice and its intent, where it has them."""
    name = account["paying"].get(invoice["id"])
    if name is None:
        return None
    payment: Row = account["payments"][name]
    return payment, account["intents"][payment["payment"]["payment_intent"]]


def processing(account: Account, invoice: Row) -> bool:
    """Say whether a bank is about to decide on a payment of *invoice*."""
    found = payment_of(account, invoice)
    return found is not None and found[1]["status"] == "processing"


def cancel_intent(bench: Bench, account: Account, invoice: Row) -> None:
    """Make sure that nothing pays an invoice any more."""
    found = payment_of(account, invoice)
    if found is None:
        return
    payment, intent = found
    now = int(bench.clock().timestamp())
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = now
    intent |= {"status": "canceled", "canceled_at": now}
    intent["cancellation_reason"] = "void_invoice"
    happened(bench, account, "payment_intent.canceled", intent)


def shown_invoice(account: Account, row: Row, params: Params) -> Row:
    """Return an invoice as it is answered, with its payments where they are wanted."""
    wanted, refusal = expanded(params, (PAYMENTS, _INTENT, "customer"))
    if refusal:
        raise Refused(refusal, remembered=False)
    shown: Row = copied(row)
    if "customer" in wanted:
        shown["customer"] = copied(account["customers"][row["customer"]])
    if wanted & {PAYMENTS, _INTENT}:
        found = payment_of(account, row)
        data = [copied(found[0])] if found else []
        if found and _INTENT in wanted:
            data[0]["payment"]["payment_intent"] = copied(found[1])
        where = f"/v1/invoice_payments?invoice={row['id']}"
        listed = {"object": "list", "data": data, "has_more": False, "url": where}
        shown["payments"] = listed
    return shown


def payable(account: Account, invoice: Row) -> None:
    """Refuse to pay what is paid, void, not finalised, or being paid."""
    match invoice["status"]:
        case "paid":
            refuse("Invoice is already paid")
        case "open" | "uncollectible":
            pass
        case _:
            refuse("You can only pass in open invoices. This invoice isn't open.")
    if processing(account, invoice):
        said = "This invoice has a payment that is processing."
        refuse(said, "payment_intent_unexpected_state")


def attempt(
    bench: Bench, account: Account, invoice: Row, method: Row, *,
    key: str | None = None, off_session: bool = True, automatic: bool = False,
) -> Answer | None:  # fmt: skip
    """
    Charge *method* for what is left of an invoice; return the error, if there is one.

    The intent and the invoice then show what became of it.
    """
    found = payment_of(account, invoice)
    assert found is not None, "an open invoice has an intent"  # noqa: S101
    payment, intent = found
    invoice["attempt_count"] += 1 if automatic or not invoice["attempted"] else 0
    invoice["attempted"] = True
    intent |= {"amount": invoice["amount_remaining"], "payment_method": method["id"]}
    intent["payment_method_types"] = [method["type"]]
    says = verdict(account["habits"], method, bench.clock())
    if says.settles is not None:
        _under_way(bench, account, invoice, (intent, says.settles, says.decline))
        return None
    if says.decline == "authentication_required" and not off_session:
        return _wants_action(bench, account, invoice, intent)
    if says.decline is not None:
        return _failed(bench, account, invoice, (intent, method, says.decline))
    _succeeded(bench, account, invoice, (payment, intent, method), key)
    return None


Parts = tuple[Any, ...]


def _under_way(bench: Bench, account: Account, invoice: Row, parts: Parts) -> None:
    intent, days, fails = parts
    intent |= {"status": "processing", "last_payment_error": None}
    at = (bench.clock() + timedelta(days=days)).timestamp()
    account["banks"].append({"at": at, "invoice": invoice["id"], "fails": fails})
    happened(bench, account, "payment_intent.processing", intent)


def _wants_action(
    bench: Bench, account: Account, invoice: Row, intent: Row
) -> Answer:  # fmt: skip
    where = invoice["hosted_invoice_url"]
    intent |= {
        "status": "requires_action",
        "next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": where}},
    }
    happened(bench, account, "invoice.payment_action_required", invoice)
    error = {
        "code": "invoice_payment_intent_requires_action",
        "doc_url": "https://stripe.com/docs/error-codes/invoice-payment-intent-requires-action",
        "message": "This payment requires additional user action before it can be "
        "completed successfully. Payment can be completed using the PaymentIntent "
        "associated with the invoice.",
        "type": "card_error",
    }
    return Answer(402, {"error": error})


def _failed(bench: Bench, account: Account, invoice: Row, parts: Parts) -> Answer:
    intent, method, decline = parts
    shown = {k: v for k, v in method.items() if k != "spent"}
    error = declined(decline, copied(shown))
    charge = charge_object(
        new_id(account, "ch"), int(bench.clock().timestamp()), intent, method
    )
    charge |= {
        "failure_code": error["code"],
        "failure_message": error["message"],
        "outcome": {
            "advice_code": error.get("advice_code"),
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network",
            "reason": decline,
            "seller_message": "The bank did not return any further details.",
            "type": "issuer_declined",
        },
        "paid": False,
        "status": "failed",
    }
    bench.effect("declined", invoice["id"], decline=decline, method=method["id"])
    account["charges"][charge["id"]] = charge
    error["charge"] = charge["id"]
    intent |= {
        "status": "requires_payment_method",
        "latest_charge": charge["id"],
        "last_payment_error": dict(error),
        "payment_method": None,
    }
    happened(bench, account, "charge.failed", charge)
    happened(bench, account, "payment_intent.payment_failed", intent)
    happened(bench, account, "invoice.payment_failed", invoice)
    return Answer(402, {"error": {**error, "payment_intent": copied(intent)}})


def _succeeded(
    bench: Bench, account: Account, invoice: Row, parts: Parts, key: str | None
) -> None:
    payment, intent, method = parts
    now, amount = int(bench.clock().timestamp()), invoice["amount_remaining"]
    charge = charged(bench, account, intent, method, invoice=invoice, key=key)
    intent |= {"latest_charge": charge["id"], "amount_received": amount}
    payment |= {"status": "paid", "amount_paid": amount}
    payment["status_transitions"]["paid_at"] = now
    settled(invoice, now)
    happened(bench, account, "payment_intent.succeeded", intent)
    happened(bench, account, "invoice.paid", invoice)
    happened(bench, account, "invoice.payment_succeeded", invoice)


def settled(invoice: Row, now: int) -> None:
    """Mark an invoice as paid in full."""
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_paid"] + invoice["amount_remaining"],
        "amount_remaining": 0,
        "attempted": True,
        "next_payment_attempt": None,
    }
    invoice["status_transitions"]["paid_at"] = now


def charged(
    bench: Bench, account: Account, intent: Row, method: Row, *,
    invoice: Row | None, key: str | None,
) -> Row:  # fmt: skip
    """Take the money of an intent; the ledger has it as a charge."""
    name, now = new_id(account, "ch"), int(bench.clock().timestamp())
    charge = charge_object(name, now, intent, method)
    # Written down first: where that fails, nothing has happened.
    bench.effect(
        "pay",
        invoice["id"] if invoice else name,
        key=key,
        amount=str(Money.of_minor(charge["amount"], charge["currency"].upper())),
        charge=name,
        customer=charge["customer"],
        method=method["id"],
        metadata=dict(invoice["metadata"]) if invoice else {},
    )
    account["charges"][name] = charge
    intent |= {"status": "succeeded", "last_payment_error": None}
    happened(bench, account, "charge.succeeded", charge)
    return charge


def banks_decide(bench: Bench, account: Account) -> None:
    """Let every bank decide whose time has come."""
    now = bench.clock().timestamp()
    due = [one for one in account["banks"] if one["at"] <= now]
    for one in sorted(due, key=lambda each: each["at"]):
        _decided(bench, account, one)
        # Only now: what breaks on the way is decided by the next request.
        account["banks"].remove(one)


def _decided(bench: Bench, account: Account, one: Row) -> None:
    invoice = account["invoices"][one["invoice"]]
    found = payment_of(account, invoice)
    if found is None or found[1]["status"] != "processing":
        return
    payment, intent = found
    method = account["methods"][intent["payment_method"]]
    if one["fails"]:
        _failed(bench, account, invoice, (intent, method, one["fails"]))
    else:
        _succeeded(bench, account, invoice, (payment, intent, method), None)
