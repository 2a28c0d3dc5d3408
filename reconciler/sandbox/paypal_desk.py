"""What a person does at PayPal's own pages, or PayPal by itself: changes by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox import (
    paypal_hooks,
    paypal_invoices,
    paypal_payments,
    paypal_vault,
)
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.paypal_words import Account

Data = Mapping[str, Any]


def edit(bench: Bench, thing: str, data: Data) -> None:
    """
    Change something by hand.

    ``token`` {id, delete|behaves|times}, ``setup`` {id} (the payer approves it),
    ``settle`` {id, completed} (what was pending), ``refund`` {id, amount}, ``void``
    {id}, ``invoice`` {id} (its recipient pays), ``account`` {client, ...its settings},
    ``access`` {} (all access tokens end), ``deliver`` {how} (webhooks).

    Raises:
        ReconcilerError: There is no such thing, or something is missing.
    """
    deed = _DEEDS.get(thing)
    if deed is None:
        raise ReconcilerError(f"paypal has no {thing} to change by hand")
    try:
        deed(bench, data)
    except KeyError as missing:
        raise ReconcilerError(f"{thing}: {missing} is missing") from None
    if thing != "deliver":
        bench.effect("by-hand", str(data.get("id", thing)))


def _access(bench: Bench, data: Data) -> None:
    del data
    for account in bench.state["accounts"]:
        account["tokens"].clear()


def _account(bench: Bench, data: Data) -> None:
    for account in bench.state["accounts"]:
        if account["client"] == data["client"]:
            account.update({k: v for k, v in data.items() if k in account})
            return
    raise ReconcilerError(f"paypal has no account of {data['client']}")


def _token(bench: Bench, data: Data) -> None:
    account = _with(bench, "vault", data["id"])
    found = account["vault"][data["id"]]
    found.update({k: v for k, v in data.items() if k in {"behaves", "times"}})
    if data.get("delete"):
        paypal_vault.delete(bench, account, found)


def _setup(bench: Bench, data: Data) -> None:
    paypal_vault.approve(_with(bench, "setups", data["id"]), data["id"])


def _settle(bench: Bench, data: Data) -> None:
    name, done = data["id"], bool(data["completed"])
    holds = (one["authorizations"] for one in bench.state["accounts"])
    part = "authorizations" if any(name in each for each in holds) else "captures"
    paypal_payments.settle(bench, _with(bench, part, name), name, completed=done)


def _refund(bench: Bench, data: Data) -> None:
    account = _with(bench, "captures", data["id"])
    paypal_payments.refund(bench, account, data["id"], Decimal(data["amount"]))


def _void(bench: Bench, data: Data) -> None:
    held = _with(bench, "authorizations", data["id"])["authorizations"][data["id"]]
    held["shown"]["status"] = "VOIDED"


def _invoice(bench: Bench, data: Data) -> None:
    paypal_invoices.pay(bench, _with(bench, "invoices", data["id"]), data["id"])


def _deliver(bench: Bench, data: Data) -> None:
    paypal_hooks.deliver(bench, str(data["how"]))


_DEEDS: Final[Mapping[str, Callable[[Bench, Data], None]]] = {
    "access": _access,
    "account": _account,
    "deliver": _deliver,
    "invoice": _invoice,
    "refund": _refund,
    "settle": _settle,
    "setup": _setup,
    "token": _token,
    "void": _void,
}


def _with(bench: Bench, part: str, name: str) -> Account:
    for account in bench.state["accounts"]:
        if name in account[part]:
            found: Account = account
            return found
    raise ReconcilerError(f"paypal has no {name} in its {part}")


def look(bench: Bench, thing: str) -> Any:
    """Return ``deliveries``: what became of every webhook that was queued."""
    if thing != "deliveries":
        raise ReconcilerError("paypal shows deliveries")
    return [
        {key: one[key] for key in ("event", "hook", "attempts", "status")}
        for account in bench.state["accounts"]
        for one in account["queue"]
    ]
