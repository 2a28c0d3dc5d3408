"""Orders at DNSimple's emulator: they are answered first, and charged when done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from reconciler.model import Money, Period
from reconciler.sandbox import registrar
from reconciler.sandbox.dnsimple_words import Account, error, good, ok, paged, when
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call

#: DomainRenewal.period: "minimum: 1, maximum: 9".
MOST_YEARS = 9
TEN_YEARS = Period(months=120)
_DONE = {"renewal": "renewed", "restore": "restored"}
_WORDS = {"renewal": "Renew", "restore": "Restore"}


def renew(call: Call, account: Account) -> Answer:
    """Take an order: 201 where it is done at once, 202 where it will be."""
    name, body = call.path["domain"].lower(), call.json or {}
    row = account["domains"][name]
    years = body.get("period", row["min_years"])
    refusal = _not_renewable(call, name, row, years)
    if refusal is not None:
        return refusal
    price = registrar.price_of(call.state, name)
    if row["premium"] and body.get("premium_price") != f"{price / 100:.2f}":
        return error(
            400, "The premium price is missing or wrong", premium_price=["is invalid"]
        )
    if account["balance"] < price * years:
        return _declined()
    return _ordered(call, account, "renewal", price * years, years)


def restore(call: Call, account: Account) -> Answer:
    """Take an order to buy a name back; the fee comes on top of one year more."""
    name, body = call.path["domain"].lower(), call.json or {}
    row = account["domains"][name]
    if registrar.phase(row, call.bench.clock()) != "redemption":
        return error(400, f"{name} is not eligible to be restored")
    fee, price = row["restore"], registrar.price_of(call.state, name)
    if row["premium"] and body.get("premium_price") != f"{fee / 100:.2f}":
        return error(400, "Premium price mismatch", premium_price=["is invalid"])
    if account["balance"] < price + fee:
        return _declined()
    return _ordered(call, account, "restore", price + fee, 1)


def _declined() -> Answer:
    return error(
        400,
        "We were unable to authorize the payment for this purchase on your card. "
        "Payment gateway returned error code: card_declined (generic_decline).",
    )


def _ordered(call: Call, account: Account, kind: str, cents: int, years: int) -> Answer:
    orders, now = call.bench.state["orders"], call.bench.clock().isoformat()
    order = {
        "id": len(orders) + 1,
        "kind": kind,
        "account": account["login"],
        "name": call.path["domain"].lower(),
        "period": years,
        "cents": cents,
        "state": "new",
        "created": now,
        "updated": now,
    }
    orders.append(order)
    settle(call.bench)
    done = order["state"] != "new"
    return ok(201 if done else 202, {**_shown(order), "state": "new"})


def _not_renewable(
    call: Call, name: str, row: dict[str, Any], years: Any
) -> Answer | None:
    now = call.bench.clock()
    if not isinstance(years, int) or not 1 <= years <= MOST_YEARS:
        return error(400, "Validation failed", period=["is invalid"])
    if not row["api_access"] or years % row["min_years"]:
        return error(400, f"{name} may not be renewed")
    old = datetime.fromisoformat(row["expires"])
    late = Period(months=12 * years).after(old) > TEN_YEARS.after(now)
    if late or registrar.phase(row, now) not in {"active", "grace"}:
        return error(400, f"{name} may not be renewed at this time")
    return None


def _shown(order: dict[str, Any]) -> dict[str, Any]:
    """Return a DomainRenewal, or a DomainRestore, which has no period."""
    period = {"period": order["period"]} if order["kind"] == "renewal" else {}
    return {
        "id": order["id"],
        "domain_id": crc32(order["name"].encode()),
        **period,
        "state": order["state"],
        "created_at": when(order["created"]),
        "updated_at": when(order["updated"]),
    }


def renewal(call: Call, account: Account) -> Answer:
    """Return what has become of a renewal."""
    return _order(call, account, "renewal")


def restoration(call: Call, account: Account) -> Answer:
    """Return what has become of a restoration."""
    return _order(call, account, "restore")


def _order(call: Call, account: Account, kind: str) -> Answer:
    wanted = (account["login"], call.path["domain"].lower(), kind)
    for order in call.state["orders"]:
        found = (order["account"], order["name"], order["kind"])
        if found == wanted and str(order["id"]) == call.path["order"]:
            return good(_shown(order))
    return error(404, f"Domain {kind} `{call.path['order']}` not found")


def settle(bench: Bench) -> None:
    """Carry out, and charge, the orders whose time has come."""
    now = bench.clock()
    for order in bench.state["orders"]:
        begun = datetime.fromisoformat(order["created"])
        if order["state"] != "new" or now < begun + timedelta(
            seconds=bench.state["latency"]
        ):
            continue
        account = _account(bench, order["account"])
        row = account["domains"].get(order["name"])
        if row is None:
            order["state"] = "failed"
            continue
        account["balance"] -= order["cents"]
        registrar.extend(row, order["period"], now)
        paid = Money.of_minor(order["cents"], "USD")
        bench.effect(order["kind"], order["name"], amount=str(paid))
        order.update(state=_DONE[order["kind"]], updated=now.isoformat())


def _account(bench: Bench, login: str) -> Account:
    accounts: list[Account] = bench.state["accounts"]
    return next(one for one in accounts if one["login"] == login)


def charges(call: Call, account: Account) -> Answer:
    """Return the book: what was charged, the oldest first; the last year at most."""
    if account["scoped"]:
        return error(403, "Permission Denied. Required Scope: billing:*:read")
    start = call.query.get("start_date", "")
    done = [
        _charge(order)
        for order in call.state["orders"]
        if order["account"] == account["login"]
        and order["state"] in {*_DONE.values(), "refunded"}
        and order["updated"][:10] > start
    ]
    return paged(call, done)


def _charge(order: dict[str, Any]) -> dict[str, Any]:
    amount = f"{order['cents'] / 100:.2f}"
    item = {
        "description": f"{_WORDS[order['kind']]} {order['name']}",
        "amount": amount,
        "product_id": order["id"],
        "product_type": f"domain-{order['kind']}",
        "product_reference": order["name"],
    }
    return {
        "invoiced_at": when(order["updated"]),
        "total_amount": amount,
        "balance_amount": "0.00",
        "reference": f"{order['id']}-2",
        "state": "refunded" if order["state"] == "refunded" else "collected",
        "items": [item],
    }
