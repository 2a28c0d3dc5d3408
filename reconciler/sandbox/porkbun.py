"""
Porkbun's API v3, as far as registrations go; stateful, in its wire format.

After the vendor's reference (porkbun.com/llms, API 3.7 to 3.9), its own client and
answers recorded by others. Kept: header and body credentials, ``status`` and
``code`` in every answer, pages of 1000, per-domain opt-in, exact cost in cents,
``Idempotency-Key`` for 24 hours, one ``checkDomain`` and one renewal attempt in ten
seconds, no renewal within 30 days of the last, none of premium names.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from reconciler.model import Money
from reconciler.sandbox import porkbun_delegation, registrar
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

BASE = "/api/json/v3"
KEY_LIFE = timedelta(hours=24)
TOO_SOON = timedelta(days=30)
PACE = timedelta(seconds=10)
PAGE = 1000
_TLDS = {"com", "net", "org", "example"}
_STATUS = {
    "active": "ACTIVE",
    "grace": "EXPIRED",
    "redemption": "REDEMPTION",
    "pending-delete": "PENDING DELETE",
}

Account = dict[str, Any]
Serve = Callable[[Call, Account], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    seed = registrar.seeded(bench)
    bench.state["limited"] = seed.rate_limits
    both, post = ("GET", "POST"), ("POST",)
    table = [
        ("ping", both, "/ping", _ping),
        ("balance", both, "/account/balance", _balance),
        ("listAll", both, "/domain/listAll", _list_all),
        ("get", both, "/domain/get/{domain}", _own(_get)),
        ("getNs", both, "/domain/getNs/{domain}", _own(_opted_in(_get_ns))),
        ("checkDomain", both, "/domain/checkDomain/{domain}", _check),
        ("renew", post, "/domain/renew/{domain}", _own(_opted_in(_renew))),
        (
            "updateAutoRenew",
            post,
            "/domain/updateAutoRenew/{domain}",
            _own(_opted_in(_auto_renew)),
        ),
        ("updateNs", post, "/domain/updateNs/{domain}", _own(_opted_in(_update_ns))),
        *((n, m, path, _own(_opted_in(serve))) for n, m, path, serve in _DELEGATION),
    ]
    operations = [
        Operation(name, methods, BASE + path, _keyed(name, _signed_in(serve)))
        for name, methods, path, serve in table
    ]
    prices = Operation("pricing", both, BASE + "/pricing/get", _pricing)
    return rest(bench, [*operations, prices], _error(404, "NOT_FOUND", "Not found."))


def _error(status: int, code: str, message: str, **more: Any) -> Answer:
    said = {"status": "ERROR", "message": message, "code": code, **more}
    return Answer(status, {**said, "requestId": _number(said)})


def _success(**data: Any) -> Answer:
    said = {"status": "SUCCESS", **data}
    return Answer(200, {**said, "requestId": _number(said)})


def _number(said: Any) -> str:
    text = json.dumps(said, sort_keys=True, default=str)
    return "pb-" + hashlib.sha256(text.encode()).hexdigest()[:24]


def _signed_in(serve: Serve) -> Callable[[Call], Answer]:
    def signed_in(call: Call) -> Answer:
        registrar.let_time_pass(call.bench)
        body = call.json or {}
        key = body.get("apikey") or call.headers.get("x-api-key")
        secret = body.get("secretapikey") or call.headers.get("x-secret-api-key")
        if not key:
            return _error(400, "API_KEY_REQUIRED", "An API key is required.")
        if not secret:
            return _error(400, "MISSING_SECRETAPIKEY", "secretapikey is required.")
        account = registrar.account_of(call.state, key, secret, call.faulty)
        if account is None:
            return _error(400, "INVALID_API_KEYS_001", "Invalid API key.")
        return serve(call, account)

    return signed_in


def _keyed(name: str, serve: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    """Answer a key seen within 24 hours from the record; without one, do nothing."""

    def keyed(call: Call) -> Answer:
        key = call.headers.get("idempotency-key")
        if not key:
            return serve(call)
        now, keys = call.bench.clock(), call.bench.state["keys"]
        request = [name, dict(call.path), dict(call.json or {})]
        stored = keys.get(key)
        if stored and now < datetime.fromisoformat(stored["at"]) + KEY_LIFE:
            if stored["request"] != request:
                return _error(
                    422,
                    "IDEMPOTENCY_KEY_MISMATCH",
                    "This Idempotency-Key was used with another request.",
                )
            replayed = {"Idempotent-Replayed": "true"}
            return Answer(stored["status"], stored["data"], replayed)
        answer = serve(call)
        if answer.status != 429:
            keys[key] = {
                "at": now.isoformat(),
                "request": request,
                "status": answer.status,
                "data": answer.data,
            }
        return answer

    return keyed


def _own(serve: Serve) -> Serve:
    def own(call: Call, account: Account) -> Answer:
        name, now = call.path["domain"].lower(), call.bench.clock()
        domain = account["domains"].get(name)
        if domain is None or registrar.phase(domain, now) == "gone":
            missing = "Domain not found in your account."
            return _error(404, "DOMAIN_NOT_FOUND", missing)
        return serve(call, account)

    return own


def _opted_in(serve: Serve) -> Serve:
    def opted_in(call: Call, account: Account) -> Answer:
        if not account["domains"][call.path["domain"].lower()]["api_access"]:
            refusal = "Domain is not opted in to API access."
            return _error(400, "DOMAIN_NOT_ALLOWED", refusal)
        return serve(call, account)

    return opted_in


def _limited(call: Call, account: Account, what: str) -> Answer | None:
    """Refuse a second attempt within ten seconds; otherwise count this one."""
    if not call.bench.state["limited"]:
        return None
    now, hits = call.bench.clock(), call.bench.state["hits"]
    key = f"{what}/{account['login']}"
    free = datetime.fromisoformat(hits[key]) + PACE if key in hits else now
    if now < free:
        left = math.ceil((free - now).total_seconds())
        message = "Rate limit exceeded. Please try again later."
        return _error(429, "RATE_LIMIT_EXCEEDED", message, ttlRemaining=left)
    hits[key] = now.isoformat()
    return None


def _ping(_: Call, __: Account) -> Answer:
    return _success(yourIp="127.0.0.1", credentialsValid=True)


def _balance(_: Call, account: Account) -> Answer:
    cents = account["balance"]
    return _success(balance=cents, display=f"${_usd(cents)}")


def _pricing(call: Call) -> Answer:
    names = {n for one in call.state["accounts"] for n in one["domains"]}
    tlds = _TLDS | {name.partition(".")[2] for name in names} | {*call.state["prices"]}
    kinds = ("registration", "renewal", "transfer")
    table = {
        tld: dict.fromkeys(kinds, _usd(registrar.price_of(call.state, f".{tld}")))
        for tld in sorted(tlds)
    }
    return _success(pricing=table)


def _usd(cents: int) -> str:
    return f"{cents / 100:.2f}"


def _list_all(call: Call, account: Account) -> Answer:
    start = int((call.json or {}).get("start") or call.query.get("start") or 0)
    if call.faulty == "duplicate-page":
        start = 0
    now = call.bench.clock()
    rows = [] if call.faulty == "empty" else registrar.listed(account, now)
    page = [_line(name, row, now) for name, row in rows[start : start + PAGE]]
    return _success(count=len(page), domains=page)


def _line(name: str, row: dict[str, Any], now: datetime) -> dict[str, Any]:
    def when(field: str) -> str:
        return datetime.fromisoformat(row[field]).strftime("%Y-%m-%d %H:%M:%S")

    return {
        "domain": name,
        "status": "PENDING TRANSFER"
        if row["transfer"]
        else _STATUS[registrar.phase(row, now)],
        "tld": name.partition(".")[2],
        "createDate": when("created"),
        "expireDate": when("expires"),
        "securityLock": str(int(row["locked"])),
        "whoisPrivacy": str(int(row["privacy"])),
        "autoRenew": int(row["auto_renew"]),
        "apiAccess": int(row["api_access"]),
        "notLocal": 0,
    }


def _get(call: Call, account: Account) -> Answer:
    name = call.path["domain"].lower()
    return _success(domain=_line(name, account["domains"][name], call.bench.clock()))


def _get_ns(call: Call, account: Account) -> Answer:
    return _success(ns=account["domains"][call.path["domain"].lower()]["nameservers"])


def _check(call: Call, account: Account) -> Answer:
    if (refusal := _limited(call, account, "check")) is not None:
        return refusal
    name = call.path["domain"].lower()
    row = account["domains"].get(name, {})
    price = _usd(registrar.price_of(call.state, name))
    quoted = {"price": price, "regularPrice": price}
    limits = {"TTL": 10, "limit": 1, "used": 1}
    return _success(
        response={
            "avail": "no" if row else "yes",
            "type": "registration",
            **quoted,
            "firstYearPromo": "no",
            "premium": "yes" if row.get("premium") else "no",
            "minDuration": row.get("min_years", 1),
            "additional": {
                kind: {"type": kind, **quoted} for kind in ("renewal", "transfer")
            },
        },
        limits=limits,
        ttlRemaining=10,
    )


def _renew(call: Call, account: Account) -> Answer:
    if (refusal := _limited(call, account, "renew")) is not None:
        return refusal
    name = call.path["domain"].lower()
    row, body = account["domains"][name], call.json or {}
    cost = registrar.price_of(call.state, name) * row["min_years"]
    refusal = _not_renewable(row, body, cost, account["balance"], call.bench.clock())
    if refusal is not None:
        return refusal
    if body.get("dryRun"):
        return _success(
            dryRun=True, wouldSucceed=True, operation="renewal", domain=name, cost=cost
        )
    account["balance"] -= cost
    registrar.extend(row, row["min_years"], call.bench.clock())
    paid = Money.of_minor(cost, "USD")
    key = call.headers.get("idempotency-key")
    effect = call.bench.effect("renew", name, key=key, amount=str(paid))
    return _success(
        domain=name,
        expirationDate=row["expires"][:10],
        cost=cost,
        orderId=str(12_000_000 + effect.seq),
        balance=account["balance"],
    )


def _not_renewable(
    row: dict[str, Any], body: Any, cost: int, balance: int, now: datetime
) -> Answer | None:
    last = datetime.fromisoformat(row["renewed"] or row["created"])
    if row["premium"]:
        return _error(
            400, "PREMIUM_NOT_SUPPORTED", "Premium domains cannot be renewed by API."
        )
    if registrar.phase(row, now) not in {"active", "grace"}:
        return _error(400, "INVALID_DOMAIN", "This domain cannot be renewed.")
    if now < last + TOO_SOON:
        return _error(
            400,
            "RENEWAL_TOO_SOON",
            "This domain was renewed within the last 30 days.",
            next_action={"type": "wait_and_retry", "hint": "Wait 30 days."},
        )
    if body.get("cost") != cost:
        return _error(
            400, "INVALID_COST", "The cost does not match the current renewal price."
        )
    if balance < cost:
        return _error(
            400,
            "INSUFFICIENT_FUNDS",
            "Your account credit is insufficient to complete this purchase.",
        )
    return None


def _auto_renew(call: Call, account: Account) -> Answer:
    name, status = call.path["domain"].lower(), (call.json or {}).get("status")
    if status not in {"on", "off"}:
        return _error(400, "INVALID_STATUS", "status must be on or off.")
    account["domains"][name]["auto_renew"] = status == "on"
    call.bench.effect("updateAutoRenew", name, status=status)
    done = {"status": "SUCCESS", "message": "Auto-renew updated."}
    return _success(results={name: done})


def _update_ns(call: Call, account: Account) -> Answer:
    name, hosts = call.path["domain"].lower(), (call.json or {}).get("ns")
    if not isinstance(hosts, list) or len(hosts) < 2:
        return _error(400, "INVALID_NAMESERVERS", "invalid name server list")
    account["domains"][name]["nameservers"] = [str(host).lower() for host in hosts]
    call.bench.effect("updateNs", name, ns=hosts)
    return _success()


def _get_ds(call: Call, account: Account) -> Answer:
    row = account["domains"][call.path["domain"].lower()]
    return _success(records=porkbun_delegation.ds_records(row))


def _get_glue(call: Call, account: Account) -> Answer:
    row = account["domains"][call.path["domain"].lower()]
    return _success(hosts=porkbun_delegation.hosts(row))


def _changing(operation: str) -> Serve:
    """Serve one change of DS records or glue."""

    def serve(call: Call, account: Account) -> Answer:
        name = call.path["domain"].lower()
        row = account["domains"][name]
        match operation:
            case "createDnssecRecord":
                why = porkbun_delegation.create_ds(call, row)
            case "deleteDnssecRecord":
                why = porkbun_delegation.delete_ds(row, call.path["keytag"])
            case "deleteGlue":
                why = porkbun_delegation.delete_glue(call, row, name)
            case _:
                new = operation == "createGlue"
                why = porkbun_delegation.write_glue(call, row, name, new=new)
        if why:
            return _error(400, "INVALID_REQUEST", why)
        call.bench.effect(operation, name, ds=[*row["ds"]], glue={**row["glue"]})
        return _success()

    return serve


_HOST = "{domain}/{subdomain}"
_DELEGATION = [
    ("getDnssecRecords", ("GET", "POST"), "/dns/getDnssecRecords/{domain}", _get_ds),
    ("getGlue", ("GET", "POST"), "/domain/getGlue/{domain}", _get_glue),
    *(
        (operation, ("POST",), f"/{part}/{operation}/{path}", _changing(operation))
        for operation, part, path in (
            ("createDnssecRecord", "dns", "{domain}"),
            ("deleteDnssecRecord", "dns", "{domain}/{keytag}"),
            ("createGlue", "domain", _HOST),
            ("updateGlue", "domain", _HOST),
            ("deleteGlue", "domain", _HOST),
        )
    ),
]

EMULATOR = Emulator("porkbun", BASE, 18701, make, registrar.edit)
