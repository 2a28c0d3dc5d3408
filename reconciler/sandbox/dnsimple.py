"""
DNSimple's API v2, as far as registrations go; stateful, in its wire format.

After the vendor's documentation, its OpenAPI file and its example answers
(``dnsimple/dnsimple-developer``). Kept: Bearer tokens that are for one account, ids in
paths, ``data`` and ``pagination``, ``{message, errors}``, 2400 requests an hour with
``X-RateLimit-*``, hosted names beside registered ones, renewals as orders with a state,
charges as the book, TLD rules, premium prices as strings. A renewal has *no*
idempotency key, and nothing guards the price of a name that is not premium.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

from reconciler.sandbox import dnsimple_ds, registrar
from reconciler.sandbox.dnsimple_orders import (
    charges,
    renew,
    renewal,
    restoration,
    restore,
    settle,
)
from reconciler.sandbox.dnsimple_words import Account, error, good, ok, paged, when
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

BASE = "/v2"
PER_HOUR = 2400

Serve = Callable[[Call, Account], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    seed = registrar.seeded(bench)
    bench.state.update(limited=seed.rate_limits, latency=seed.latency)
    domain, at = "/{account}/domains/{domain}", "/{account}/registrar/domains/{domain}"
    table: list[tuple[str, str, str, Serve]] = [
        ("whoami", "GET", "/whoami", _whoami),
        ("listAccounts", "GET", "/accounts", _accounts),
        ("getTld", "GET", "/tlds/{tld}", _tld),
        ("listDomains", "GET", "/{account}/domains", _list),
        ("getDomain", "GET", domain, _own(_get)),
        ("getDomainPrices", "GET", at + "/prices", _prices),
        ("renewDomain", "POST", at + "/renewals", _own(renew)),
        ("getDomainRenewal", "GET", at + "/renewals/{order}", _own(renewal)),
        ("restoreDomain", "POST", at + "/restores", _own(restore)),
        ("getDomainRestore", "GET", at + "/restores/{order}", _own(restoration)),
        *(
            (operation, method, domain + path, _own(serve))
            for operation, method, path, serve in dnsimple_ds.TABLE
        ),
        ("getDomainDelegation", "GET", at + "/delegation", _own(_delegation)),
        ("changeDomainDelegation", "PUT", at + "/delegation", _own(_delegate)),
        ("getDomainTransferLock", "GET", at + "/transfer_lock", _own(_lock)),
        ("listCharges", "GET", "/{account}/billing/charges", charges),
    ]
    for what, method, field, answer in (
        ("auto_renewal", "PUT", "auto_renew", _nothing),
        ("transfer_lock", "POST", "locked", _locked),
        ("whois_privacy", "PUT", "privacy", _private),
    ):
        path = f"{at}/{what}"
        on, off = _switch(field, answer, on=True), _switch(field, answer, on=False)
        table += [
            (f"enable/{what}", method, path, _own(on)),
            (f"disable/{what}", "DELETE", path, _own(off)),
        ]
    operations = [
        Operation(name, (method,), BASE + path, _signed_in(serve))
        for name, method, path, serve in table
    ]
    return rest(bench, operations, error(404, "Not Found"))


def _signed_in(serve: Serve) -> Callable[[Call], Answer]:
    def signed_in(call: Call) -> Answer:
        registrar.let_time_pass(call.bench)
        settle(call.bench)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        account = registrar.account_by_token(call.state, token, call.faulty)
        if scheme != "Bearer" or account is None:
            return error(401, "Authentication failed")
        limits = _used(call, account)
        if int(limits["X-RateLimit-Remaining"]) < 0:
            spent = {**limits, "X-RateLimit-Remaining": "0"}
            return Answer(429, {"message": "quota exceeded"}, spent)
        if call.path.get("account", account["login"]) != account["login"]:
            return error(404, "Not Found")
        answer = serve(call, account)
        return answer._replace(headers={**answer.headers, **limits})

    return signed_in


def _used(call: Call, account: Account) -> Mapping[str, str]:
    """Count one request in the fixed hour and return the headers about it."""
    window = int(call.bench.clock().timestamp() // 3600)
    at, used = call.bench.state["hits"].get(account["login"], (window, 0))
    used = used + 1 if at == window else 1
    call.bench.state["hits"][account["login"]] = [window, used]
    left = PER_HOUR - used if call.bench.state["limited"] else PER_HOUR
    return {
        "X-RateLimit-Limit": str(PER_HOUR),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str((window + 1) * 3600),
        "X-Request-Id": f"dn-{window}-{used}",
    }


def _own(serve: Serve) -> Serve:
    def own(call: Call, account: Account) -> Answer:
        name = call.path["domain"].lower()
        row = account["domains"].get(name)
        if row is None or registrar.phase(row, call.bench.clock()) == "gone":
            return error(404, f"Domain `{name}` not found")
        return serve(call, account)

    return own


def _row(call: Call, account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account["domains"][call.path["domain"].lower()]
    return found


def _whoami(_: Call, account: Account) -> Answer:
    """Return an account for an account token, a user for a user token."""
    if account["user"]:
        return good(
            {"user": {"id": 1, "email": "user@agency.example"}, "account": None}
        )
    return good({"user": None, "account": _account(account)})


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": int(account["login"] or 0),
        "email": f"{account['name']}@agency.example",
        "name": account["name"],
        "plan_identifier": "teams-v1-monthly",
    }


def _accounts(call: Call, account: Account) -> Answer:
    """Return the account of a token, or all of them for a user's."""
    mine = [account, *(one for one in call.state["accounts"] if one is not account)]
    return good([_account(one) for one in (mine if account["user"] else mine[:1])])


def _tld(call: Call, account: Account) -> Answer:
    tld = call.path["tld"].lower()
    names = {
        name: row
        for one in call.state["accounts"]
        for name, row in one["domains"].items()
        if name.partition(".")[2] == tld
    }
    if not names:
        return error(404, f"TLD `{tld}` not found")
    keys = dnsimple_ds.takes_keys(account, tld)
    return good(
        {
            "tld": tld,
            "tld_type": 1,
            "whois_privacy": True,
            "auto_renew_only": not any(row["api_access"] for row in names.values()),
            "minimum_registration": min(row["min_years"] for row in names.values()),
            "renewal_enabled": True,
            "dnssec_interface_type": "key" if keys else "ds",
        }
    )


def _list(call: Call, account: Account) -> Answer:
    now = call.bench.clock()
    lines = [
        _line(call, account, name, row) for name, row in registrar.listed(account, now)
    ]
    hosted = [_hosted(account, name) for name in account["hosted"]]
    return paged(call, sorted([*lines, *hosted], key=lambda line: str(line["name"])))


def number(name: str) -> int:
    """Return the id of a domain."""
    return crc32(name.encode())


def _line(
    call: Call, account: Account, name: str, row: dict[str, Any]
) -> dict[str, Any]:
    active = registrar.phase(row, call.bench.clock()) == "active"
    return {
        "id": number(name),
        "account_id": int(account["login"]),
        "registrant_id": 2715,
        "name": name,
        "unicode_name": name,
        "state": "registered" if active else "expired",
        "auto_renew": row["auto_renew"],
        "private_whois": row["privacy"],
        "trustee": False,
        "expires_on": row["expires"][:10],
        "expires_at": when(row["expires"]),
        "created_at": when(row["created"]),
        "updated_at": when(registrar.updated(row)),
    }


def _hosted(account: Account, name: str) -> dict[str, Any]:
    """Return a name that is served here and registered elsewhere."""
    return {
        "id": number(name),
        "account_id": int(account["login"]),
        "registrant_id": None,
        "name": name,
        "unicode_name": name,
        "state": "hosted",
        "auto_renew": False,
        "private_whois": False,
        "trustee": False,
        "expires_on": None,
        "expires_at": None,
        "created_at": "2020-06-04T19:47:05Z",
        "updated_at": "2020-06-04T19:47:05Z",
    }


def _get(call: Call, account: Account) -> Answer:
    name = call.path["domain"].lower()
    return good(_line(call, account, name, account["domains"][name]))


def _prices(call: Call, account: Account) -> Answer:
    name = call.path["domain"].lower()
    if name.endswith(".pineapple"):
        return error(400, "TLD .PINEAPPLE is not supported")
    price = registrar.price_of(call.state, name) / 100
    return good(
        {
            "domain": name,
            "premium": bool(account["domains"].get(name, {}).get("premium")),
            "registration_price": price,
            "renewal_price": price,
            "transfer_price": price,
            "restore_price": account["domains"].get(name, {}).get("restore", 0) / 100,
            "trustee_price": 10.0,
        }
    )


def _delegation(call: Call, account: Account) -> Answer:
    return good(_row(call, account)["nameservers"])


def _delegate(call: Call, account: Account) -> Answer:
    """Take the bare list that the documentation shows; 2 to 13 of them."""
    row, hosts = _row(call, account), call.items
    if not hosts or not all(isinstance(host, str) for host in hosts):
        return error(400, "Validation failed", name_servers=["can't be blank"])
    if (refusal := _expired(call, row)) is not None:
        return refusal
    row["nameservers"] = [str(host).lower() for host in hosts]
    name = call.path["domain"].lower()
    call.bench.effect("changeDomainDelegation", name, nameservers=list(hosts))
    return good(row["nameservers"])


def _lock(call: Call, account: Account) -> Answer:
    return good({"enabled": _row(call, account)["locked"]})


def _switch(field: str, answer: Callable[[Call, bool], Answer], *, on: bool) -> Serve:
    def switch(call: Call, account: Account) -> Answer:
        row = _row(call, account)
        if (refusal := _expired(call, row)) is not None:
            return refusal
        row[field] = on
        call.bench.effect(f"set-{field}", call.path["domain"].lower(), on=on)
        return answer(call, on)

    return switch


def _expired(call: Call, row: dict[str, Any]) -> Answer | None:
    """Refuse: no updates to a domain "while it is expired"."""
    if registrar.phase(row, call.bench.clock()) == "active":
        return None
    return error(400, f"{call.path['domain']} is expired")


def _nothing(_: Call, __: bool) -> Answer:  # noqa: FBT001
    return Answer(204, None)


def _locked(_: Call, on: bool) -> Answer:  # noqa: FBT001
    return ok(201 if on else 200, {"enabled": on})


def _private(call: Call, on: bool) -> Answer:  # noqa: FBT001
    name = call.path["domain"].lower()
    return good({"id": 1, "domain_id": number(name), "expires_on": None, "enabled": on})


EMULATOR = Emulator("dnsimple", BASE, 18711, make, registrar.edit)
