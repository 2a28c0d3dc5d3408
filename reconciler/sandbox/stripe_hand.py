"""
What people do at Stripe's web site and on its pages, by hand.

``POST /stripe/<thing>`` of the control endpoint:

* ``customer`` {id, default} or {id, balance}
* ``method`` {id, detach | ends | last4 | behaves, times, settles, fails}
* ``invoice`` {id, pay: true, method?}: the customer pays on the hosted page;
  {id, pay: "meanwhile"}: just before the next request to pay it is looked at;
  {id, lock: N}: the next N requests about it meet a lock; {id, void: true}
* ``charge`` {id, refund: true | minor units} or {id, dispute: true}; {customer,
  amount, currency}: money that is taken for no invoice
* ``copy`` {id}: a second invoice like it, paid: what a naive payer does
* ``subscription`` {id, customer, price, ...}: one that Stripe's own engine collects;
  {id, status}: what becomes of it
* ``webhooks`` {next: [late, twice, out-of-order, forged, unknown]}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.stripe_balance import refunded
from reconciler.sandbox.stripe_customers import detach
from reconciler.sandbox.stripe_events import HOSTILE, happened
from reconciler.sandbox.stripe_invoices import finalize
from reconciler.sandbox.stripe_lines import add_line
from reconciler.sandbox.stripe_objects import intent_object, invoice_object
from reconciler.sandbox.stripe_paying import by_itself, pay_by_hand
from reconciler.sandbox.stripe_payments import cancel_intent, charged
from reconciler.sandbox.stripe_seeds import (
    SubscriptionSeed,
    habit_of,
    native_subscription,
)
from reconciler.sandbox.stripe_words import Account, Refused, Row, copied, new_id


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Do something by hand; see above.

    Raises:
        ReconcilerError: There is no such thing, or it cannot be done.
    """
    for account in bench.state["accounts"]:
        by_itself(bench, account)
    try:
        _edit(bench, thing, dict(data))
    except Refused as refusal:
        said = refusal.answer.data["error"]["message"]
        raise ReconcilerError(f"stripe refuses it: {said}") from None
    bench.effect("by-hand", str(data.get("id", thing)))


def _edit(bench: Bench, thing: str, data: dict[str, Any]) -> None:
    match thing, data:
        case "customer", {"id": str() as name, "default": default}:
            customer = _with(bench, "customers", name)["customers"][name]
            customer["invoice_settings"]["default_payment_method"] = default
        case "customer", {"id": str() as name, "balance": int() as balance}:
            _with(bench, "customers", name)["customers"][name]["balance"] = balance
        case "method", {"id": str() as name, **more}:
            _method(bench, _with(bench, "methods", name), name, more)
        case "invoice", {"id": str() as name, **more}:
            _invoice(bench, _with(bench, "invoices", name), name, more)
        case "charge", {"id": str() as name, **more}:
            _charge(bench, _with(bench, "charges", name), name, more)
        case "charge", {"customer": str() as name, "amount": int() as amount, **more}:
            account = _with(bench, "customers", name)
            _stray(bench, account, name, (amount, str(more.get("currency", "eur"))))
        case "copy", {"id": str() as name}:
            _copied(bench, _with(bench, "invoices", name), name)
        case "subscription", {"id": str() as name, **more}:
            _subscription(bench, name, more)
        case "webhooks", {"next": list() as odd} if HOSTILE.issuperset(odd):
            bench.state["hostile"] += odd
        case _:
            raise ReconcilerError(
                "stripe has a customer, method, invoice, charge, copy, subscription or "
                "webhooks to change by hand"
            )


def _method(bench: Bench, account: Account, name: str, more: Row) -> None:
    method = account["methods"][name]
    if more.get("detach"):
        detach(account, method)
    if "ends" in more:
        ends = bench.clock() + timedelta(days=more["ends"])
        method["card"] |= {"exp_month": ends.month, "exp_year": ends.year}
    if "last4" in more:
        method[method["type"]]["last4"] = str(more["last4"])
    if habit := habit_of(more):
        account["habits"][name] = habit


def _invoice(bench: Bench, account: Account, name: str, more: Row) -> None:
    invoice = account["invoices"][name]
    match more:
        case {"pay": True, **how}:
            pay_by_hand(bench, account, invoice, how.get("method"))
        case {"pay": "meanwhile"}:
            bench.state["meanwhile"].append(name)
        case {"lock": int() as times}:
            bench.state["locks"][name] = times
        case {"void": True}:
            cancel_intent(bench, account, invoice)
            invoice["status"] = "void"
            invoice["status_transitions"]["voided_at"] = int(bench.clock().timestamp())
            happened(bench, account, "invoice.voided", invoice)
        case _:
            raise ReconcilerError("an invoice is to pay, to lock or to void by hand")


def _charge(bench: Bench, account: Account, name: str, more: Row) -> None:
    charge = account["charges"][name]
    match more:
        case {"dispute": True}:
            charge["disputed"] = True
        case {"refund": amount}:
            left = charge["amount"] - charge["amount_refunded"]
            refunded(bench, account, charge, left if amount is True else int(amount))
        case _:
            raise ReconcilerError("a charge is to refund or to dispute by hand")


def _subscription(bench: Bench, name: str, more: Row) -> None:
    match more:
        case {"customer": str() as customer}:
            account = _with(bench, "customers", customer)
            seed = SubscriptionSeed.model_validate(more)
            made = native_subscription(name, seed, bench.clock())
            account["subscriptions"][name] = made
        case {"status": str() as status}:
            account = _with(bench, "subscriptions", name)
            account["subscriptions"][name]["status"] = status
        case _:
            raise ReconcilerError("a subscription has a customer, or another status")


def _stray(
    bench: Bench, account: Account, customer: str, money: tuple[int, str]
) -> None:
    """Take money for no invoice at all."""
    amount, currency = money
    like = {"amount_remaining": amount, "currency": currency, "customer": customer}
    now = int(bench.clock().timestamp())
    intent = intent_object(new_id(account, "pi"), now, like)
    account["intents"][intent["id"]] = intent
    method = next(m for m in account["methods"].values() if m["customer"] == customer)
    charge = charged(bench, account, intent, method, invoice=None, key=None)
    intent |= {"latest_charge": charge["id"], "amount_received": amount}


def _copied(bench: Bench, account: Account, name: str) -> None:
    """Make a second invoice like one, with its metadata, and pay it."""
    like = account["invoices"][name]
    customer, now = account["customers"][like["customer"]], bench.clock()
    row = invoice_object(new_id(account, "in"), int(now.timestamp()), customer)
    row |= {"metadata": copied(like["metadata"]), "currency": like["currency"]}
    account["invoices"][row["id"]] = row
    for line in like["lines"]["data"]:
        old = line["parent"]["invoice_item_details"]["invoice_item"]
        item = {**copied(account["items"][old]), "id": new_id(account, "ii")}
        add_line(account, row, item)
    finalize(bench, account, row, None)
    pay_by_hand(bench, account, row, None)


def _with(bench: Bench, part: str, name: str) -> Account:
    for account in bench.state["accounts"]:
        if name in account[part]:
            found: Account = account
            return found
    raise ReconcilerError(f"stripe has no {name}")
