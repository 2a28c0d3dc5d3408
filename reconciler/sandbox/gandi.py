"""
Gandi's API v5, as far as registrations go; stateful, in its wire format.

After the vendor's reference (api.gandi.net/docs: domains, billing, organization).
Kept: Bearer tokens of one organization, ``{code, message, object, cause}`` errors and
``{status, errors}`` of a check, listings with ``Total-Count``, ``Filtered-Count`` and
``Link``, the life cycle's dates, ``Dry-Run``, writes that are accepted (202) and done
later, prices in ranges with and without taxes, the prepaid account, 1000 requests a
minute. A renewal has *no* idempotency key and takes no price.

A name that was deleted leaves the account. In the grace period the registry has moved
its date by a year already. What a purchase without credit is answered is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from reconciler.sandbox import registrar
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.gandi_delegation import LOST, TABLE
from reconciler.sandbox.gandi_words import Account, error, listed, when
from reconciler.sandbox.gandi_writes import (
    MOST_YEARS,
    auto_renew,
    dry_renew,
    nameservers,
    renew,
    renew_info,
    row_of,
    settle,
    status,
)
from reconciler.sandbox.rest import Answer, Call, Operation, rest

BASE = "/v5"
PER_MINUTE = 1000
#: Percent of VAT in every price; what the world says is with it.
VAT = 20

Serve = Callable[[Call, Account], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    seed = registrar.seeded(bench)
    bench.state.update(limited=seed.rate_limits, latency=seed.latency)
    bench.state.setdefault("pending", [])
    at = "/domain/domains/{domain}"
    dry = {"dry-run": "1"}
    table: list[tuple[str, str, str, Serve, Mapping[str, str]]] = [
        ("listOrganizations", "GET", "/organization/organizations", _owners, {}),
        ("billingInfo", "GET", "/billing/info", _billing, {}),
        ("billingInfo", "GET", "/billing/info/{organization}", _billing, {}),
        ("check", "GET", "/domain/check", _check, {}),
        ("listDomains", "GET", "/domain/domains", _list, {}),
        ("getDomain", "GET", at, _own(_get), {}),
        ("renewInfo", "GET", at + "/renew", _own(renew_info), {}),
        ("renewDryRun", "POST", at + "/renew", _own(dry_renew), dry),
        ("renew", "POST", at + "/renew", _own(renew), {}),
        ("autorenew", "PATCH", at + "/autorenew", _own(auto_renew), {}),
        ("status", "PATCH", at + "/status", _own(status), {}),
        ("nameservers", "PUT", at + "/nameservers", _own(nameservers), {}),
        *((name, way, at + path, _own(s), {}) for name, way, path, s in TABLE),
        *((name, way, at + path, serve, {}) for name, way, path, serve in LOST),
    ]
    operations = [
        Operation(name, (method,), BASE + path, _signed_in(serve), headers)
        for name, method, path, serve, headers in table
    ]
    return rest(bench, operations, error(404))


def _signed_in(serve: Serve) -> Callable[[Call], Answer]:
    def signed_in(call: Call) -> Answer:
        registrar.let_time_pass(call.bench)
        settle(call.bench)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if not token:
            return error(401)
        account = registrar.account_by_token(call.state, token, call.faulty)
        if scheme != "Bearer" or account is None:
            return error(403)
        if _over(call):
            return error(429)
        return serve(call, account)

    return signed_in


def _over(call: Call) -> bool:
    """Whether this address has asked too often in the fixed minute."""
    window = int(call.bench.clock().timestamp() // 60)
    at, used = call.bench.state["hits"].get("address", (window, 0))
    used = used + 1 if at == window else 1
    call.bench.state["hits"]["address"] = [window, used]
    return bool(call.bench.state["limited"]) and used > PER_MINUTE


def _own(serve: Serve) -> Serve:
    def own(call: Call, account: Account) -> Answer:
        row = account["domains"].get(call.path["domain"].lower())
        if row is None or not _kept(row, call.bench.clock()):
            return error(404)
        return serve(call, account)

    return own


def _kept(row: dict[str, Any], now: datetime) -> bool:
    """Whether a name is still in the account: not from its deletion on."""
    return registrar.phase(row, now) in {"active", "grace"}


def _owners(_: Call, account: Account) -> Answer:
    """Return the organizations that a token reaches: one."""
    own = {
        "id": account["login"],
        "name": account["name"],
        "type": "company",
        "corporate": False,
        "reseller": False,
    }
    return Answer(200, [own])


def _billing(call: Call, account: Account) -> Answer:
    if call.path.get("organization", account["login"]) != account["login"]:
        return error(403)
    said: dict[str, Any] = {
        "outstanding_amount": account.get("outstanding", 0),
        "annual_balance": 120,
        "grid": "A",
        "prepaid_monthly_invoice": account.get("monthly", False),
    }
    if account["balance"] is not None:
        made = "2019-01-15T12:11:35Z"
        said["prepaid"] = {
            "amount": account["balance"] / 100,
            "currency": account["currency"],
            "warning_threshold": 100,
            "created_at": made,
            "updated_at": when(account["moved"]) if account["moved"] else made,
        }
    return Answer(200, said)


def _check(call: Call, account: Account) -> Answer:
    """Return prices of one name; every product for the term it is asked for."""
    name, process = call.query.get("name", ""), call.query.get("processes", "create")
    tax = {"type": "service", "rate": VAT, "name": "vat"}
    product: dict[str, Any] = {
        "status": "unavailable",
        "name": name,
        "process": process,
        "taxes": [tax],
    }
    if process in {"renew", "restore"}:
        row = account["domains"].get(name, {})
        cents = registrar.price_of(call.state, name)
        if process == "restore":
            cents = row.get("restore", 0)
        whole = {
            "duration_unit": "y",
            "min_duration": row.get("min_years", 1),
            "max_duration": MOST_YEARS if process == "renew" else 1,
            "discount": False,
            "price_after_taxes": cents / 100,
            "price_before_taxes": round(cents / (100 + VAT), 2),
        }
        premium = {"type": "premium"} if row.get("premium") else {}
        product["prices"] = [{**whole, **premium}]
    said = {"currency": account["currency"], "grid": "A", "taxes": [tax]}
    return Answer(200, {**said, "products": [product]})


def _list(call: Call, account: Account) -> Answer:
    """Return one page, filtered by ``sharing_id`` if it is given."""
    now, asked = call.bench.clock(), call.query.get("sharing_id")
    lines = [
        _line(name, row, now)
        for name, row in registrar.listed(account, now)
        if _kept(row, now)
    ]
    matching = lines if asked in {None, account["login"]} else []
    return listed(call, matching, len(lines))


def _line(name: str, row: dict[str, Any], now: datetime) -> dict[str, Any]:
    dates = _dates(row, now)
    shown = ("created_at", "registry_created_at", "registry_ends_at", "updated_at")
    return {
        "status": _statuses(row, now),
        "dates": {date: dates[date] for date in shown},
        "tags": [],
        "fqdn": name,
        "id": f"domain-{name}",
        "autorenew": row["auto_renew"],
        "tld": name.rpartition(".")[2],
        "owner": "agency",
        "orga_owner": "agency",
        "domain_owner": "Example Agency",
        "nameserver": {"current": "other"},
        "href": f"https://api.test/v5/domain/domains/{name}",
        "fqdn_unicode": name,
    }


def _statuses(row: dict[str, Any], now: datetime) -> list[str]:
    late = registrar.phase(row, now) == "grace"
    found = {
        "clientHold": late,
        "clientTransferProhibited": row["locked"],
        "pendingTransfer": row["transfer"],
    }
    return [status for status, there in found.items() if there]


def _dates(row: dict[str, Any], now: datetime) -> dict[str, str]:
    paid = datetime.fromisoformat(row["expires"])
    late = registrar.phase(row, now) == "grace"
    moments = {
        "registry_ends_at": registrar.YEAR.after(paid) if late else paid,
        "hold_begins_at": paid,
        "hold_ends_at": paid + registrar.GRACE,
        "deletes_at": paid + registrar.GRACE,
        "restore_ends_at": paid + registrar.REDEMPTION,
        "pending_delete_ends_at": paid + registrar.GONE,
    }
    return {
        "created_at": when(row["created"]),
        "registry_created_at": when(row["created"]),
        "renew_begins_at": "2012-01-01T00:00:00Z",
        "updated_at": when(registrar.updated(row)),
        **{name: when(moment.isoformat()) for name, moment in moments.items()},
    }


def _get(call: Call, account: Account) -> Answer:
    name, row, now = (
        call.path["domain"].lower(),
        row_of(call, account),
        call.bench.clock(),
    )
    person = {"given": "Alice", "family": "Doe", "email": "alice@agency.example"}
    return Answer(
        200,
        {
            **_line(name, row, now),
            "dates": _dates(row, now),
            "can_tld_lock": row["api_access"],
            "nameservers": row["nameservers"],
            "contacts": {"owner": person},
            "autorenew": {
                "enabled": row["auto_renew"],
                "duration": 1,
                "dates": [],
                "org_id": account["login"],
                "href": f"https://api.test/v5/domain/domains/{name}/autorenew",
            },
            "authinfo": f"code-{name}",
            "sharing_space": {
                "type": "organization",
                "id": account["login"],
                "name": account["name"],
            },
            "services": [],
            "trustee_roles": [],
        },
    )


EMULATOR = Emulator("gandi", BASE, 18710, make, registrar.edit)
