"""
name.com's core API v1, as far as registrations go; stateful, in its wire format.

After the vendor's own specification (OpenAPI 3.1, version 1.7.0, MIT; in
``namedotcom/namecom-mcp``). Kept: Basic authentication, ``{message, details}``
errors, pages with ``nextPage``/``lastPage``/``totalCount``, the atomic PATCH, the
purchase price, years, the book of orders, 20 requests a second and 3000 an hour
with ``x-ratelimit-reset``. A renewal has *no* idempotency key here.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from reconciler.model import Money, Period
from reconciler.sandbox import namecom_delegation, registrar
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

PER_SECOND, PER_HOUR = 20, 3000
MOST_YEARS = 10
TEN_YEARS = Period(months=120)

Account = dict[str, Any]
Serve = Callable[[Call, Account], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    bench.state["limited"] = registrar.seeded(bench).rate_limits
    domain = "/core/v1/domains/{domain}"
    table = [
        ("hello", "GET", "/core/v1/hello", _hello),
        ("balance", "GET", "/core/v1/accountinfo/balance", _balance),
        ("listOrders", "GET", "/core/v1/orders", _orders),
        ("listDomains", "GET", "/core/v1/domains", _list),
        ("getPricing", "GET", domain + ":getPricing", _own(_pricing)),
        ("renew", "POST", domain + ":renew", _own(_renew)),
        ("setNameservers", "POST", domain + ":setNameservers", _own(_nameservers)),
        *(
            (operation, method, domain + path, _own(_unexpired(serve)))
            for operation, method, path, serve in namecom_delegation.TABLE
        ),
        ("getDomain", "GET", domain, _own(_get)),
        ("updateDomain", "PATCH", domain, _own(_update)),
    ]
    operations = [
        Operation(name, (method,), path, _signed_in(_limited(serve)))
        for name, method, path, serve in table
    ]
    return rest(bench, operations, _error(404, "Not Found"))


def _error(status: int, message: str, details: str | None = None) -> Answer:
    return Answer(status, {"message": message, "details": details})


def _signed_in(serve: Serve) -> Callable[[Call], Answer]:
    def signed_in(call: Call) -> Answer:
        registrar.let_time_pass(call.bench)
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        try:
            text = base64.b64decode(given, validate=True).decode()
        except ValueError:
            text = ""
        login, _, token = text.partition(":")
        account = registrar.account_of(call.state, login, token, call.faulty)
        if scheme.lower() != "basic" or account is None:
            return _error(401, "Unauthorized")
        return serve(call, account)

    return signed_in


def _limited(serve: Serve) -> Serve:
    """Refuse what goes over either limit until the fixed window ends."""

    def limited(call: Call, account: Account) -> Answer:
        now = call.bench.clock().timestamp()
        if call.bench.state["limited"]:
            for seconds, most in ((1, PER_SECOND), (3600, PER_HOUR)):
                window = int(now // seconds)
                key = f"{seconds}/{account['login']}"
                at, used = call.bench.state["hits"].get(key, (window, 0))
                used = used + 1 if at == window else 1
                call.bench.state["hits"][key] = [window, used]
                if used > most:
                    reset = {"x-ratelimit-reset": str((window + 1) * seconds)}
                    return Answer(429, {"message": "Rate Limit Exceeded"}, reset)
        return serve(call, account)

    return limited


def _own(serve: Serve) -> Serve:
    def own(call: Call, account: Account) -> Answer:
        row = account["domains"].get(call.path["domain"].lower())
        if row is None or registrar.phase(row, call.bench.clock()) == "gone":
            missing = "The requested domain does not exist."
            return _error(404, "Not Found", missing)
        return serve(call, account)

    return own


def _hello(call: Call, account: Account) -> Answer:
    said = {"motd": "Have a nice day", "serverName": "sandbox"}
    time = call.bench.clock().isoformat()
    return Answer(200, {**said, "serverTime": time, "username": account["name"]})


def _balance(_: Call, account: Account) -> Answer:
    return Answer(200, {"balance": account["balance"] / 100})


def _paged(call: Call, what: str, rows: list[Any]) -> Answer:
    size = int(call.query.get("perPage") or 1000)
    page = int(call.query.get("page") or 1)
    start = 0 if call.faulty == "duplicate-page" else (page - 1) * size
    if call.faulty == "empty":
        rows = []
    shown, last = rows[start : start + size], math.ceil(len(rows) / size)
    answer: dict[str, Any] = {
        what: shown,
        "from": start + 1 if shown else 0,
        "to": start + len(shown),
        "totalCount": len(rows),
    }
    if page < last:
        answer.update(nextPage=page + 1, lastPage=last)
    return Answer(200, answer)


def _list(call: Call, account: Account) -> Answer:
    rows = registrar.listed(account, call.bench.clock())
    return _paged(call, "domains", [_line(call, name, row) for name, row in rows])


def _line(call: Call, name: str, row: dict[str, Any]) -> dict[str, Any]:
    def when(field: str) -> str:
        return datetime.fromisoformat(row[field]).strftime("%Y-%m-%dT%H:%M:%SZ")

    return {
        "domainName": name,
        "createDate": when("created"),
        "expireDate": when("expires"),
        "autorenewEnabled": row["auto_renew"],
        "locked": row["locked"],
        "privacyEnabled": row["privacy"],
        "contacts": {},
        "nameservers": row["nameservers"],
        "renewalPrice": _price(call.state, name, row["min_years"]) / 100,
    }


def _price(state: dict[str, Any], name: str, years: int) -> int:
    return registrar.price_of(state, name) * years


def _get(call: Call, account: Account) -> Answer:
    name = call.path["domain"].lower()
    return Answer(200, _line(call, name, account["domains"][name]))


def _orders(call: Call, account: Account) -> Answer:
    own = [o for o in call.state["orders"] if o["account"] == account["login"]]
    shown = [{k: v for k, v in o.items() if k != "account"} for o in reversed(own)]
    return _paged(call, "orders", shown)


def _pricing(call: Call, account: Account) -> Answer:
    name = call.path["domain"].lower()
    row = account["domains"][name]
    years = int(call.query.get("years") or row["min_years"])
    if not 1 <= years <= MOST_YEARS:
        return _error(400, "Invalid argument", "years must be from 1 to 10")
    sold = years % row["min_years"] == 0
    price = _price(call.state, name, years) / 100 if sold else None
    prices = dict.fromkeys(("purchasePrice", "renewalPrice", "transferPrice"), price)
    return Answer(200, {"premium": row["premium"], **prices})


def _renew(call: Call, account: Account) -> Answer:
    name, now, body = call.path["domain"].lower(), call.bench.clock(), call.json
    if body is None:
        return _error(415, "Unsupported Media Type")
    row = account["domains"][name]
    years = body.get("years", row["min_years"])
    refusal = _not_renewable(row, years, now)
    if refusal is not None:
        return refusal
    cents = _price(call.state, name, years)
    given = body.get("purchasePrice")
    if given is None and row["premium"]:
        why = "Purchase price is required for premium domains in order to complete"
        return _error(400, "Invalid argument", f"{why} this request")
    if given is not None and round(given * 100) != cents:
        return _error(400, "Invalid argument", "Invalid purchase price")
    if account["balance"] < cents:
        return _error(400, "Payment failed", "Insufficient account credit")
    account["balance"] -= cents
    registrar.extend(row, years, now)
    effect = call.bench.effect("renew", name, amount=str(Money.of_minor(cents, "USD")))
    order = _ordered(call, account, name, years, 7_000_000 + effect.seq)
    paid = {"order": order, "totalPaid": cents / 100}
    return Answer(200, {"domain": _line(call, name, row), **paid})


def _not_renewable(row: dict[str, Any], years: Any, now: datetime) -> Answer | None:
    if not isinstance(years, int) or not 1 <= years <= MOST_YEARS:
        return _error(400, "Invalid argument", "years must be from 1 to 10")
    if years % row["min_years"]:
        why = "The pricing information required to process this request is unavailable"
        return _error(422, "Domain pricing unavailable", why)
    if registrar.phase(row, now) not in {"active", "grace"}:
        return _error(403, "Permission denied", "The domain cannot be renewed")
    old = datetime.fromisoformat(row["expires"])
    if Period(months=12 * years).after(old) > TEN_YEARS.after(now) + timedelta(days=1):
        return _error(400, "Invalid argument", "A term ends in ten years at most")
    return None


def _ordered(call: Call, account: Account, name: str, years: int, number: int) -> int:
    price = _price(call.state, name, years) / 100
    item = {
        "id": number * 10,
        "status": "success",
        "name": name,
        "tld": name.partition(".")[2],
        "type": "renewal",
        "price": price,
        "originalPrice": price,
        "taxAmount": 0,
        "quantity": 1,
        "duration": years,
        "interval": "year",
    }
    order = {
        "account": account["login"],
        "id": number,
        "createDate": call.bench.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "status": "success",
        "currency": "USD",
        "totalCapture": price,
        "finalAmount": price,
        "totalRefund": 0,
        "orderItems": [item],
    }
    call.bench.state["orders"].append(order)
    return number


_FLAGS = {
    "autorenewEnabled": "auto_renew",
    "privacyEnabled": "privacy",
    "locked": "locked",
}


def _update(call: Call, account: Account) -> Answer:
    """Set up to three flags, all of them or none."""
    name, body = call.path["domain"].lower(), call.json
    if body is None:
        return _error(415, "Unsupported Media Type")
    if not body or any(not isinstance(body.get(flag, True), bool) for flag in _FLAGS):
        return _error(400, "Invalid argument", "Give at least one flag")
    if not set(body) & set(_FLAGS):
        return _error(400, "Invalid argument", "Give at least one flag")
    row = account["domains"][name]
    if (refusal := _expired(row, call.bench.clock())) is not None:
        return refusal
    changed = {_FLAGS[flag]: body[flag] for flag in _FLAGS if flag in body}
    row.update(changed)
    call.bench.effect("updateDomain", name, **changed)
    return Answer(200, _line(call, name, row))


def _nameservers(call: Call, account: Account) -> Answer:
    name, hosts = call.path["domain"].lower(), (call.json or {}).get("nameservers")
    if not isinstance(hosts, list) or not hosts:
        return _error(400, "Invalid argument", "nameservers is required")
    row = account["domains"][name]
    if (refusal := _expired(row, call.bench.clock())) is not None:
        return refusal
    row["nameservers"] = [str(host).lower() for host in hosts]
    call.bench.effect("setNameservers", name, nameservers=hosts)
    return Answer(200, _line(call, name, row))


def _unexpired(serve: Serve) -> Serve:
    def unexpired(call: Call, account: Account) -> Answer:
        row = account["domains"][call.path["domain"].lower()]
        refusal = _expired(row, call.bench.clock())
        return serve(call, account) if refusal is None else refusal

    return unexpired


def _expired(row: dict[str, Any], now: datetime) -> Answer | None:
    if registrar.phase(row, now) == "active":
        return None
    return _error(403, "Permission denied", "The domain has expired")


EMULATOR = Emulator("namecom", "", 18702, make, registrar.edit)
