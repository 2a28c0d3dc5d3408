"""
RDAP as registries and registrars answer it, over what the sandbox's registrars hold.

After RFC 9083 (answers, errors), RFC 9224 (bootstrap), RFC 8056 (statuses) and ICANN's
RDAP response profile. A registry is thin: it links to the registrar's own service.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from reconciler.model import Period
from reconciler.sandbox import public_signing as signing
from reconciler.sandbox import registrar
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call

YEAR = Period(months=12)
_JSON = {"content-type": "application/rdap+json"}
_CONFORMS = [
    "rdap_level_0",
    "icann_rdap_technical_implementation_guide_1",
    "icann_rdap_response_profile_1",
]


def bootstrap(call: Call) -> Answer:
    """Answer as IANA does: which server is for which suffix."""
    suffixes = sorted(call.state["suffixes"])
    return Answer(
        200,
        {
            "description": "RDAP bootstrap file for Domain Name System registrations",
            "publication": _time(call.bench.clock()),
            "services": [[suffixes, [f"{_base(call)}/registry/"]]],
            "version": "1.0",
        },
    )


def registry(call: Call) -> Answer:
    """Answer what the registry knows."""
    name = call.path["name"].lower()
    found = registration(call.bench, name)
    if found is None:
        return missing()
    row, vendor = found
    odd = call.state["oddities"].get(name, {})
    now = call.bench.clock()
    if odd.get("moved") and "moved" not in call.query:
        return Answer(302, {}, {"location": f"/registry/domain/{name}?moved=yes"})
    expires, statuses = _life(row, odd, now, _start(call))
    links = [_link(call, "self", f"/registry/domain/{name}")]
    if not odd.get("unlinked"):
        links.append(_link(call, "related", f"/registrar/{vendor}/domain/{name}"))
    events = [_event("registration", datetime.fromisoformat(row["created"]))]
    if not odd.get("undated"):
        events.append(_event("expiration", expires))
    events.append(_event("last update of RDAP database", now))
    hosts = odd.get("nameservers", row["nameservers"])
    said = _domain(name, vendor, events, statuses, hosts, links)
    ds = delegation_signers(call.bench, name, row)
    said["secureDNS"] = {"delegationSigned": bool(ds)}
    if ds:
        said["secureDNS"]["dsData"] = [_ds_data(one) for one in ds]
    return Answer(200, said, _JSON)


def registrars(call: Call) -> Answer:
    """Answer what the registrar itself tells: the paid date is its own."""
    name, asked = call.path["name"].lower(), call.path["vendor"]
    found = registration(call.bench, name)
    if found is None or found[1] != asked:
        return missing()
    row, vendor = found
    odd = call.state["oddities"].get(name, {})
    if odd.get("silent"):
        return Answer(503, {"errorCode": 503, "title": "Service Unavailable"}, _JSON)
    expires = datetime.fromisoformat(row["expires"])
    events = [
        _event("registration", datetime.fromisoformat(row["created"])),
        _event("expiration", expires),
        _event("registrar expiration", expires),
        _event("last update of RDAP database", call.bench.clock()),
    ]
    statuses = ["client transfer prohibited"] if row["locked"] else ["active"]
    links = [_link(call, "self", f"/registrar/{vendor}/domain/{name}")]
    said = _domain(name, vendor, events, statuses, row["nameservers"], links)
    return Answer(200, said, _JSON)


def missing() -> Answer:
    """Return the error that says that there is no such name (RFC 9083, 6)."""
    said = {
        "rdapConformance": _CONFORMS,
        "errorCode": 404,
        "title": "Not Found",
        "description": ["The server has no such object."],
    }
    return Answer(404, said, _JSON)


def registration(bench: Bench, name: str) -> tuple[dict[str, Any], str] | None:
    """Return what a registrar holds of *name*, and which; None where nobody does."""
    own = bench.state["registrations"]
    if name in own:
        return _alive(own[name], bench), own[name]["vendor"]
    for vendor, other in bench.beside.items():
        with other.lock:
            for account in _registrars_accounts(other):
                row = account["domains"].get(name)
                if row is not None and registrar.phase(row, bench.clock()) != "gone":
                    return dict(row), vendor
    return None


def _alive(row: dict[str, Any], bench: Bench) -> Any:
    return row if registrar.phase(row, bench.clock()) != "gone" else None


def registrations(bench: Bench) -> dict[str, dict[str, Any]]:
    """Return every name that anybody holds."""
    found = dict(bench.state["registrations"])
    for other in bench.beside.values():
        with other.lock:
            for account in _registrars_accounts(other):
                found |= account["domains"]
    return found


def _registrars_accounts(bench: Bench) -> list[dict[str, Any]]:
    """Return the accounts that hold names; gateways and servers have accounts, too."""
    found = bench.state.get("accounts", ())
    accounts = found if isinstance(found, list) else []
    return [account for account in accounts if "domains" in account]


def delegation_signers(bench: Bench, name: str, row: Mapping[str, Any]) -> list[str]:
    """Return the DS records of *name* at its parent, ``TAG ALGORITHM TYPE DIGEST``."""
    odd = bench.state["oddities"].get(name, {})
    own = [signing.ds(name)] if odd.get("signed") else row.get("ds") or ()
    return [str(ds) for ds in odd.get("ds", own)]


def _life(
    row: Mapping[str, Any], odd: Mapping[str, Any], now: datetime, start: datetime
) -> tuple[datetime, list[str]]:
    """Return the registry's date and the statuses of a registration."""
    phase = registrar.phase(dict(row), now)
    expires = datetime.fromisoformat(row["expires"])
    locked = ["client transfer prohibited"] if row["locked"] else []
    statuses = {
        "active": locked or ["active"],
        "grace": [*locked, "auto renew period"],
        "redemption": ["pending delete", "redemption period"],
        "pending-delete": ["pending delete"],
    }[phase]
    if phase == "grace":  # the registry renews by itself, whoever pays
        expires = YEAR.after(expires)
    if "registryExpires" in odd:
        expires = start + timedelta(days=float(odd["registryExpires"]))
    return expires, list(odd.get("statuses", statuses))


def _start(call: Call) -> datetime:
    return datetime.fromisoformat(call.state["start"])


def _base(call: Call) -> str:
    return f"http://{call.headers['host']}"


def _domain(
    name: str,
    vendor: str,
    events: list[Any],
    statuses: list[str],
    hosts: list[str],
    links: list[Any],
) -> dict[str, Any]:
    return {
        "rdapConformance": _CONFORMS,
        "objectClassName": "domain",
        "handle": f"{crc32(name.encode())}_DOMAIN-SANDBOX",
        "ldhName": name.upper(),
        "status": statuses,
        "events": events,
        "entities": [_entity(vendor)],
        "nameservers": [
            {"objectClassName": "nameserver", "ldhName": host.upper()} for host in hosts
        ],
        "links": links,
    }


def _entity(vendor: str) -> dict[str, Any]:
    name = f"{vendor.capitalize()} (sandbox)"
    card = [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]
    return {
        "objectClassName": "entity",
        "handle": "292",
        "roles": ["registrar"],
        "publicIds": [{"type": "IANA Registrar ID", "identifier": "292"}],
        "vcardArray": ["vcard", card],
    }


def _event(action: str, when: datetime) -> dict[str, str]:
    return {"eventAction": action, "eventDate": _time(when)}


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _link(call: Call, rel: str, path: str) -> dict[str, str]:
    href = f"{_base(call)}{path}"
    return {"value": href, "rel": rel, "href": href, "type": "application/rdap+json"}


def _ds_data(text: str) -> dict[str, Any]:
    tag, algorithm, kind, digest = text.split()
    return {
        "keyTag": int(tag),
        "algorithm": int(algorithm),
        "digestType": int(kind),
        "digest": digest,
    }
