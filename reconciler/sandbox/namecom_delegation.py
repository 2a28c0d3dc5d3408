"""
name.com's calls for DS records and vanity nameservers, in its wire format.

After the vendor's own specification (OpenAPI 3.1, version 1.7.0): 204 without a body
for a deletion, a DS found by its digest, a host created by its first labels and
answered by its whole name, nothing of either for a name that has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from reconciler.sandbox.rest import Answer, Call

Account = dict[str, Any]
Serve = Callable[[Call, Account], Answer]
_NUMBERS = ("keyTag", "algorithm", "digestType")


def _error(status: int, message: str, details: str | None = None) -> Answer:
    return Answer(status, {"message": message, "details": details})


def _row(call: Call, account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account["domains"][call.path["domain"].lower()]
    return found


def _ds(name: str, text: str) -> dict[str, Any]:
    key_tag, algorithm, kind, digest = text.split()
    numbers = zip(_NUMBERS, map(int, (key_tag, algorithm, kind)), strict=True)
    return {"domainName": name, **dict(numbers), "digest": digest}


def list_ds(call: Call, account: Account) -> Answer:
    """ListDNSSECs."""
    rows = [_ds(call.path["domain"], ds) for ds in _row(call, account)["ds"]]
    return Answer(200, {"dnssec": rows})


def create_ds(call: Call, account: Account) -> Answer:
    """CreateDNSSEC."""
    row, body = _row(call, account), call.json
    if body is None:
        return _error(415, "Unsupported Media Type")
    numbers = [body.get(field) for field in _NUMBERS]
    digest = str(body.get("digest") or "").upper()
    if not all(isinstance(number, int) for number in numbers) or not digest:
        return _error(400, "Invalid argument", "Give the four parts of a DS")
    ds = " ".join([*map(str, numbers), digest])
    if ds in row["ds"]:
        return _error(403, "Permission denied", "Object exists")
    row["ds"].append(ds)
    _done(call, "createDNSSEC", row)
    return Answer(200, _ds(call.path["domain"], ds))


def delete_ds(call: Call, account: Account) -> Answer:
    """DeleteDNSSEC."""
    row = _row(call, account)
    left = [ds for ds in row["ds"] if ds.split()[3] != call.path["digest"].upper()]
    if left == row["ds"]:
        return _error(404, "Not Found", "No such DNSSEC record")
    row["ds"] = left
    _done(call, "deleteDNSSEC", row)
    return Answer(204, None)


def _host(call: Call, host: str, ips: list[str]) -> dict[str, Any]:
    return {"domainName": call.path["domain"], "hostname": host, "ips": ips}


def list_hosts(call: Call, account: Account) -> Answer:
    """ListVanityNameservers."""
    glue = _row(call, account)["glue"]
    rows = [_host(call, host, ips) for host, ips in sorted(glue.items())]
    return Answer(200, {"vanityNameservers": rows})


def get_host(call: Call, account: Account) -> Answer:
    """GetVanityNameserver."""
    glue, host = _row(call, account)["glue"], call.path["hostname"].lower()
    if host not in glue:
        return _error(404, "Not Found")
    return Answer(200, _host(call, host, glue[host]))


def create_host(call: Call, account: Account) -> Answer:
    """CreateVanityNameserver."""
    row, body = _row(call, account), call.json or {}
    label, ips = str(body.get("hostname") or "").lower(), _ips(body)
    if not label or not ips:
        return _error(400, "Invalid argument", "hostname and ips are required")
    host = f"{label}.{call.path['domain'].lower()}"
    if host in row["glue"]:
        return _error(400, "Invalid argument", "The nameserver exists")
    row["glue"][host] = ips
    _done(call, "createVanityNameserver", row)
    return Answer(200, _host(call, host, ips))


def update_host(call: Call, account: Account) -> Answer:
    """UpdateVanityNameserver."""
    row, host = _row(call, account), call.path["hostname"].lower()
    ips = _ips(call.json or {})
    if ips is None:
        return _error(400, "Invalid argument", "ips is no list of addresses")
    if host not in row["glue"]:
        return _error(404, "Not Found")
    row["glue"][host] = ips
    _done(call, "updateVanityNameserver", row)
    return Answer(200, _host(call, host, ips))


def delete_host(call: Call, account: Account) -> Answer:
    """DeleteVanityNameserver; "might fail if [...] the nameserver is still in use"."""
    row, host = _row(call, account), call.path["hostname"].lower()
    if host not in row["glue"]:
        return _error(404, "Not Found")
    if host in row["nameservers"]:
        return _error(400, "Invalid argument", "The nameserver is in use")
    del row["glue"][host]
    _done(call, "deleteVanityNameserver", row)
    return Answer(204, None)


def _ips(body: Any) -> list[str] | None:
    try:
        return [str(ip_address(str(ip))) for ip in body["ips"]]
    except (KeyError, TypeError, ValueError):
        return None


def _done(call: Call, operation: str, row: dict[str, Any]) -> None:
    more: dict[str, Any] = {"ds": [*row["ds"]], "glue": {**row["glue"]}}
    call.bench.effect(operation, call.path["domain"].lower(), **more)


_HOSTS = "/vanity_nameservers"
_ONE = _HOSTS + "/{hostname}"
#: Operation, method, path below the domain, what serves it.
TABLE: list[tuple[str, str, str, Serve]] = [
    ("listDNSSECs", "GET", "/dnssec", list_ds),
    ("createDNSSEC", "POST", "/dnssec", create_ds),
    ("deleteDNSSEC", "DELETE", "/dnssec/{digest}", delete_ds),
    ("listVanityNameservers", "GET", _HOSTS, list_hosts),
    ("createVanityNameserver", "POST", _HOSTS, create_host),
    ("getVanityNameserver", "GET", _ONE, get_host),
    ("updateVanityNameserver", "PUT", _ONE, update_host),
    ("deleteVanityNameserver", "DELETE", _ONE, delete_host),
]
