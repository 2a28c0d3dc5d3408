"""What Gandi's emulator does: purchases are debited at once, all is done later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from reconciler.model import Money, Period
from reconciler.sandbox import registrar
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.gandi_words import (
    Account,
    accepted,
    checked,
    denied,
    error,
    when,
    wrong,
)
from reconciler.sandbox.rest import Answer, Call

#: "duration: Minimum: 1, Maximum: 9".
MOST_YEARS = 9


def row_of(call: Call, account: Account) -> dict[str, Any]:
    """Return the registration that a request is about."""
    found: dict[str, Any] = account["domains"][call.path["domain"].lower()]
    return found


def _most(row: dict[str, Any], now: datetime) -> int:
    """Return by how many years a name can be renewed: ten in all."""
    old = datetime.fromisoformat(row["expires"])
    fits = [
        years
        for years in range(1, MOST_YEARS + 1)
        if Period(months=12 * years).after(old) <= Period(months=120).after(now)
    ]
    return max(fits, default=0)


def renew_info(call: Call, account: Account) -> Answer:
    """Return whether, from when and for how long a name is renewed."""
    row, now = row_of(call, account), call.bench.clock()
    old = datetime.fromisoformat(row["expires"])
    least, most = row["min_years"], _most(row, now)
    return Answer(
        200,
        {
            "in_renew_period": not row["prohibited"],
            "durations": list(range(least, most + 1)),
            "maximum": most,
            "minimum": least,
            "prohibited": row["prohibited"],
            "begins_at": when(row["begins"])
            if row["begins"]
            else "2012-01-01T00:00:00Z",
            "ends_at": when((old + registrar.GRACE).isoformat()),
        },
    )


def _refusal(call: Call, account: Account) -> Answer | None:
    """Return why a renewal is refused, whether it is a dry run or not."""
    row, now = row_of(call, account), call.bench.clock()
    years = (call.json or {}).get("duration", 1)
    if not isinstance(years, int) or not 1 <= years <= MOST_YEARS:
        return wrong("duration", f"{years!r} is not in the range 1 to 9")
    if row["begins"] and now < datetime.fromisoformat(row["begins"]):
        return wrong("fqdn", "The domain cannot be renewed yet")
    if row["prohibited"]:
        return wrong("fqdn", "The renewal of this domain is prohibited")
    if not row["min_years"] <= years <= _most(row, now):
        return wrong("duration", "This duration is not available")
    return None


def dry_renew(call: Call, account: Account) -> Answer:
    """Check the parameters, and do nothing."""
    return checked(_refusal(call, account))


def renew(call: Call, account: Account) -> Answer:
    """Accept a renewal: it is debited now and carried out after the latency."""
    refusal = _refusal(call, account)
    if refusal is not None:
        return refusal
    if call.query.get("sharing_id", account["login"]) != account["login"]:
        return error(403)
    name = call.path["domain"].lower()
    years = (call.json or {}).get("duration", 1)
    cents = registrar.price_of(call.state, name) * years
    if (account["balance"] or 0) < cents:
        return denied("Not enough credit on the prepaid account")
    registrar.debit(call.bench, account, cents)
    paid = Money.of_minor(cents, account["currency"])
    call.bench.effect("renew", name, amount=str(paid))
    return later(call, account, {"years": years})


def auto_renew(call: Call, account: Account) -> Answer:
    """Turn the registrar's own renewal on or off."""
    body = call.json or {}
    if not isinstance(body.get("enabled"), bool):
        return wrong("enabled", "Required")
    if not 1 <= body.get("duration", 1) <= MOST_YEARS:
        return wrong("duration", "is not in the range 1 to 9")
    return _set(call, account, {"auto_renew": body["enabled"]})


def status(call: Call, account: Account) -> Answer:
    """Lock or unlock."""
    lock = (call.json or {}).get("clientTransferProhibited")
    if not isinstance(lock, bool):
        return wrong("clientTransferProhibited", "Required")
    if not row_of(call, account)["api_access"]:
        return wrong("clientTransferProhibited", "This extension has no lock")
    return _set(call, account, {"locked": lock})


def nameservers(call: Call, account: Account) -> Answer:
    """Delegate."""
    hosts = (call.json or {}).get("nameservers")
    if not isinstance(hosts, list) or not hosts:
        return wrong("nameservers", "Required")
    return _set(call, account, {"nameservers": [str(host).lower() for host in hosts]})


def _set(call: Call, account: Account, change: dict[str, Any]) -> Answer:
    call.bench.effect(_named(change), call.path["domain"].lower(), **change)
    return later(call, account, change)


def _named(change: Mapping[str, Any]) -> str:
    return f"set-{next(iter(change))}"


def later(call: Call, account: Account, change: dict[str, Any]) -> Answer:
    """Accept *change*; it shows once the latency has passed."""
    name = call.path["domain"].lower()
    begun = call.bench.clock() + timedelta(seconds=call.bench.state["latency"])
    waiting = {"account": account["login"], "name": name, "change": change}
    call.bench.state["pending"].append({**waiting, "at": begun.isoformat()})
    settle(call.bench)
    return accepted(name)


def settle(bench: Bench) -> None:
    """Carry out what was accepted and whose time has come."""
    now, waiting = bench.clock(), bench.state["pending"]
    due = [one for one in waiting if datetime.fromisoformat(one["at"]) <= now]
    bench.state["pending"] = [one for one in waiting if one not in due]
    for one in due:
        for account in bench.state["accounts"]:
            row = account["domains"].get(one["name"])
            if row is not None and account["login"] == one["account"]:
                _carry_out(row, one["change"], now)


def _carry_out(row: dict[str, Any], change: dict[str, Any], now: datetime) -> None:
    match change:
        case {"years": int() as years}:
            registrar.extend(row, years, now)
        case {"add_ds": str() as ds}:
            row["ds"].append(ds)
        case {"remove_ds": str() as ds}:
            row["ds"].remove(ds)
        case {"host": str() as host, "ips": None}:
            del row["glue"][host]
        case {"host": str() as host, "ips": list() as ips}:
            row["glue"][host] = ips
        case _:
            row.update(change)
    row["updated"] = now.isoformat()
