"""
Cloudflare's API version 4, as far as zones, DNS records and registrations go.

After Cloudflare's API reference (zones, DNS records for a zone, accounts; for
registrations see ``cloudflare_registrations``): the envelope with ``success`` and
``result_info``, its error codes, one record per value, no trailing dots, CNAME at the
apex. The world's part is::

    cloudflare: {accounts: [{id, token, zones: [...], domains: {...}}]}

with a zone ``{name, records: [{name, type, ...}]}`` and a domain as at a registrar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from reconciler.sandbox import cloudflare_registrations, registrar
from reconciler.sandbox.cloudflare_records import Refused, checked
from reconciler.sandbox.cloudflare_words import bad, good
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_BASE = "/client/v4"
_HOSTS = ("ada.ns.cloudflare.com", "bob.ns.cloudflare.com")


def _account(call: Call) -> dict[str, Any] | None:
    token = call.headers.get("authorization", "").removeprefix("Bearer ")
    for account in call.state["accounts"]:
        if account["token"] == token:
            new = {"id": _id("another account"), "zones": [], "domains": {}}
            other = {**account, **new}
            return other if call.faulty == "wrong-account" else account
    return None


def _serve(work: Callable[[Call, dict[str, Any]], Answer]) -> Callable[[Call], Answer]:
    def served(call: Call) -> Answer:
        registrar.let_time_pass(call.bench)
        cloudflare_registrations.settle(call.bench)
        account = _account(call)
        if account is None:
            return bad(403, 9109, "Invalid access token")
        try:
            return work(call, account)
        except Refused as refused:
            return bad(refused.status, refused.code, refused.message)

    return served


def _listed(call: Call, items: list[dict[str, Any]]) -> Answer:
    """Return one page; ``per_page`` is 20 unless asked otherwise."""
    page = int(call.query.get("page", "1"))
    if call.faulty == "duplicate-page":
        page = 1
    size = int(call.query.get("per_page", "20"))
    items = [] if call.faulty == "empty" else items
    shown = items[(page - 1) * size : page * size]
    info = {
        "page": page,
        "per_page": size,
        "count": len(shown),
        "total_count": len(items),
        "total_pages": -(-len(items) // size),
    }
    return good(shown, result_info=info)


def _accounts(call: Call, account: dict[str, Any]) -> Answer:
    return _listed(call, [{"id": account["id"], "name": account["id"]}])


def _verify(call: Call, account: dict[str, Any]) -> Answer:
    """A token of a user is verified there, one of an account at the account."""
    owner = "account" if "account" in call.path else "user"
    if account.get("token_of", "user") != owner:
        return bad(401, 1000, "Invalid API Token")
    ends = account.get("token_ends")
    more = {"expires_on": ends} if ends else {}
    return good({"id": _id(account["token"]), "status": "active", **more})


def _zones(call: Call, account: dict[str, Any]) -> Answer:
    wanted, name = call.query.get("account.id"), call.query.get("name")
    zones = [
        _shown(account, zone)
        for zone in account["zones"]
        if wanted in {None, account["id"]} and name in {None, zone["name"]}
    ]
    return _listed(call, zones)


def _shown(account: Mapping[str, Any], zone: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": zone["id"],
        "name": zone["name"],
        "status": "active",
        "type": zone["type"],
        "name_servers": list(_HOSTS),
        "account": {"id": account["id"], "name": account["id"]},
        "plan": {"legacy_id": "free"},
    }


def _make_zone(call: Call, account: dict[str, Any]) -> Answer:
    asked = call.json or {}
    name = str(asked.get("name", "")).lower()
    if asked.get("account", {}).get("id") != account["id"]:
        raise Refused(403, 1068, "Permission denied")
    if any(zone["name"] == name for zone in account["zones"]):
        raise Refused(400, 1061, f"{name} already exists")
    zone = _new_zone({"name": name})
    account["zones"].append(zone)
    call.bench.effect("create-zone", name)
    return good(_shown(account, zone))


def _zone(call: Call, account: dict[str, Any]) -> dict[str, Any]:
    for zone in account["zones"]:
        if zone["id"] == call.path["zone"]:
            found: dict[str, Any] = zone
            return found
    raise Refused(404, 7003, "Could not route to the zone, perhaps it is invalid")


def _records(call: Call, account: dict[str, Any]) -> Answer:
    return _listed(call, list(_zone(call, account)["records"].values()))


def _create(call: Call, account: dict[str, Any]) -> Answer:
    zone = _zone(call, account)
    record = checked(call.json or {}, zone, None)
    zone["made"] += 1
    record["id"] = _id(f"{zone['id']} {zone['made']}")
    zone["records"][record["id"]] = record
    call.bench.effect("create-record", zone["name"], record=record["name"])
    return good(record)


def _update(call: Call, account: dict[str, Any]) -> Answer:
    zone = _zone(call, account)
    old = _record(call, zone)
    record = {**checked(call.json or {}, zone, old["id"]), "id": old["id"]}
    zone["records"][old["id"]] = record
    call.bench.effect("update-record", zone["name"], record=record["name"])
    return good(record)


def _delete(call: Call, account: dict[str, Any]) -> Answer:
    zone = _zone(call, account)
    old = _record(call, zone)
    del zone["records"][old["id"]]
    call.bench.effect("delete-record", zone["name"], record=old["name"])
    return good({"id": old["id"]})


def _record(call: Call, zone: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] | None = zone["records"].get(call.path["record"])
    if found is None:
        raise Refused(404, 81044, "Record does not exist.")
    return found


_IN_ZONE = f"{_BASE}/zones/{{zone}}/dns_records"
_ONE = f"{_IN_ZONE}/{{record}}"
_VERIFY = f"{_BASE}/accounts/{{account}}/tokens/verify"
OPERATIONS = (
    Operation("list-accounts", ("GET",), f"{_BASE}/accounts", _serve(_accounts)),
    Operation("verify-token", ("GET",), f"{_BASE}/user/tokens/verify", _serve(_verify)),
    Operation("verify-token", ("GET",), _VERIFY, _serve(_verify)),
    Operation("list-zones", ("GET",), f"{_BASE}/zones", _serve(_zones)),
    Operation("create-zone", ("POST",), f"{_BASE}/zones", _serve(_make_zone)),
    Operation("list-records", ("GET",), _IN_ZONE, _serve(_records)),
    Operation("create-record", ("POST",), _IN_ZONE, _serve(_create)),
    Operation("update-record", ("PUT",), _ONE, _serve(_update)),
    Operation("delete-record", ("DELETE",), _ONE, _serve(_delete)),
    *(
        Operation(name, (method,), _BASE + path, _serve(serve))
        for name, method, path, serve in cloudflare_registrations.TABLE
    ),
)


def _id(seed: str) -> str:
    return sha256(seed.encode()).hexdigest()[:32]


def _new_account(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": given["id"],
        "token": given["token"],
        "zones": [_new_zone(zone) for zone in given.get("zones", ())],
        "domains": registrar.registrations(given.get("domains", {}), now),
        "balance": 100_000,
        "currency": "USD",
    }


def _new_zone(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = given.get("type", "full")
    zone: dict[str, Any] = {
        "id": _id(given["name"]), "name": given["name"], "type": kind,
        "records": {}, "made": 0,
    }  # fmt: skip
    for asked in given.get("records", ()):
        zone["made"] += 1
        record = checked(asked, zone, None)
        record["id"] = _id(f"{zone['id']} {zone['made']}")
        zone["records"][record["id"]] = record
    return zone


def _make(bench: Bench) -> Server:
    if not bench.state:
        now = bench.clock()
        bench.state.update(
            accounts=[
                _new_account(account, now)
                for account in bench.world.get("accounts", ())
            ],
            settled=now.isoformat(),
            prices={},
            workflows={},
            latency=0.0,
        )
    return rest(bench, OPERATIONS, bad(404, 7000, "No route for that URI"))


def _edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change something by hand.

    ``record``: ``{zone, name, type, content | null}``; the rest as at a registrar.
    """
    if thing != "record":
        registrar.edit(bench, thing, data)
        return
    for account in bench.state["accounts"]:
        for zone in account["zones"]:
            if zone["name"] == data["zone"]:
                _by_hand(zone, {k: v for k, v in data.items() if k != "zone"})
                bench.effect("by-hand", zone["name"], record=data["name"])


def _by_hand(zone: dict[str, Any], given: dict[str, Any]) -> None:
    gone = [
        i
        for i, record in zone["records"].items()
        if (record["name"], record["type"]) == (given["name"], given["type"])
    ]
    for record_id in gone:
        del zone["records"][record_id]
    if given.get("content") is not None or given.get("data"):
        record = checked(given, zone, None)
        zone["made"] += 1
        record["id"] = _id(f"{zone['id']} {zone['made']}")
        zone["records"][record["id"]] = record


EMULATOR = Emulator("cloudflare", _BASE, 18714, _make, _edit)
