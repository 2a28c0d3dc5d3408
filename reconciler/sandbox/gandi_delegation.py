"""
Gandi's calls for DNSSEC keys, glue, restorations and transfers away.

After the vendor's reference: keys go in and DS records come out, hosts are named
without the domain (``@`` is the domain itself), a name that was deleted is
``restorable`` for a while, a transfer is accepted or declined with the transfer code.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from zlib import crc32

from reconciler.kinds.domain.dnssec import ds_of
from reconciler.model import Money
from reconciler.sandbox import registrar
from reconciler.sandbox.gandi_words import Account, denied, error, listed, wrong
from reconciler.sandbox.gandi_writes import later, row_of
from reconciler.sandbox.rest import Answer, Call

_FLAGS = {"ksk": 257, "zsk": 256}
_SHA256 = 2


def _name(call: Call) -> str:
    return call.path["domain"].lower()


def _key(name: str, ds: str) -> dict[str, Any]:
    tag, algorithm, kind, digest = ds.split()
    number = crc32(f"{name} {ds}".encode())
    return {
        "id": number,
        "keytag": int(tag),
        "algorithm": int(algorithm),
        "digest_type": int(kind),
        "digest": digest,
        "type": "ksk",
        "href": f"https://api.test/v5/domain/domains/{name}/dnskeys/{number}",
    }


def list_keys(call: Call, account: Account) -> Answer:
    """DNS Key List."""
    rows = [_key(_name(call), ds) for ds in row_of(call, account)["ds"]]
    return listed(call, rows, len(rows))


def create_key(call: Call, account: Account) -> Answer:
    """Create a new DNS Key: all three fields are required."""
    body, name = call.json or {}, _name(call)
    flags = _FLAGS.get(str(body.get("type")))
    if flags is None:
        return wrong("type", 'is not one of "none", "zsk", "ksk"')
    if not isinstance(body.get("algorithm"), int):
        return wrong("algorithm", "Required")
    key = f"{flags} 3 {body['algorithm']} {body.get('public_key')}"
    ds = ds_of(name, key, str(_SHA256))
    if ds is None or not body.get("public_key"):
        return wrong("public_key", "is no public key")
    if ds in row_of(call, account)["ds"]:
        return wrong("public_key", "exists already")
    call.bench.effect("createKey", name, ds=ds)
    return later(call, account, {"add_ds": ds})


def delete_key(call: Call, account: Account) -> Answer:
    """Delete a DNSSEC Key."""
    name = _name(call)
    for ds in row_of(call, account)["ds"]:
        if str(_key(name, ds)["id"]) == call.path["key"]:
            call.bench.effect("deleteKey", name, ds=ds)
            return later(call, account, {"remove_ds": ds})
    return error(404)


def _host(name: str, host: str, ips: list[str]) -> dict[str, Any]:
    label = "@" if host == name else host.removesuffix(f".{name}")
    return {
        "name": label,
        "ips": ips,
        "fqdn": name,
        "fqdn_unicode": name,
        "href": f"https://api.test/v5/domain/domains/{name}/hosts/{label}",
    }


def _full(name: str, label: str) -> str:
    return name if label == "@" else f"{label.lower()}.{name}"


def list_hosts(call: Call, account: Account) -> Answer:
    """Glue record list."""
    glue = row_of(call, account)["glue"]
    rows = [_host(_name(call), host, ips) for host, ips in sorted(glue.items())]
    return listed(call, rows, len(rows))


def create_host(call: Call, account: Account) -> Answer:
    """Create a new glue record."""
    body = call.json or {}
    if not body.get("name"):
        return wrong("name", "Required")
    host = _full(_name(call), str(body["name"]))
    if host in row_of(call, account)["glue"]:
        return wrong("name", "exists already")
    return _write(call, account, "createHost", host)


def update_host(call: Call, account: Account) -> Answer:
    """Update a glue record."""
    host = _full(_name(call), call.path["host"])
    if host not in row_of(call, account)["glue"]:
        return error(404)
    return _write(call, account, "updateHost", host)


def _write(call: Call, account: Account, operation: str, host: str) -> Answer:
    ips = _ips(call.json or {})
    if not ips:
        return wrong("ips", "is no list of addresses")
    call.bench.effect(operation, _name(call), host=host, ips=ips)
    return later(call, account, {"host": host, "ips": ips})


def delete_host(call: Call, account: Account) -> Answer:
    """Delete a glue record."""
    host = _full(_name(call), call.path["host"])
    if host not in row_of(call, account)["glue"]:
        return error(404)
    call.bench.effect("deleteHost", _name(call), host=host)
    return later(call, account, {"host": host, "ips": None})


def _ips(body: Any) -> list[str]:
    try:
        return [str(ip_address(str(ip))) for ip in body["ips"]]
    except (KeyError, TypeError, ValueError):
        return []


def transfer_out(call: Call, account: Account) -> Answer:
    """Accept or decline a transfer to another registrar; both fields are required."""
    body, name, row = call.json or {}, _name(call), row_of(call, account)
    if not isinstance(body.get("accept"), bool):
        return wrong("accept", "Required")
    if body.get("authinfo") != f"code-{name}":
        return wrong("authinfo", f"{body.get('authinfo')} is not the code")
    if not row["transfer"]:
        return wrong("fqdn", "No transfer is under way")
    call.bench.effect("transferout", name, accept=body["accept"])
    return later(call, account, {"transfer": None})


def restore_info(call: Call, account: Account) -> Answer:
    """Domain restore information; nothing of a name that never was here."""
    row = account["domains"].get(_name(call))
    if row is None:
        return error(404)
    lost = registrar.phase(row, call.bench.clock()) == "redemption"
    return Answer(200, {"restorable": lost})


def restore(call: Call, account: Account) -> Answer:
    """Restore a Domain: debited now, back after the latency."""
    name = _name(call)
    row = account["domains"].get(name)
    if row is None:
        return error(404)
    if registrar.phase(row, call.bench.clock()) != "redemption":
        return wrong("fqdn", "The domain cannot be restored")
    cents = row["restore"]
    if (account["balance"] or 0) < cents:
        return denied("Not enough credit on the prepaid account")
    registrar.debit(call.bench, account, cents)
    paid = Money.of_minor(cents, account["currency"])
    call.bench.effect("restore", name, amount=str(paid))
    return later(call, account, {"years": 1})


_KEYS, _HOSTS = "/dnskeys", "/hosts"
#: For names that are in the account: operation, method, path, what serves it.
TABLE = (
    ("listKeys", "GET", _KEYS, list_keys),
    ("createKey", "POST", _KEYS, create_key),
    ("deleteKey", "DELETE", _KEYS + "/{key}", delete_key),
    ("listHosts", "GET", _HOSTS, list_hosts),
    ("createHost", "POST", _HOSTS, create_host),
    ("updateHost", "PUT", _HOSTS + "/{host}", update_host),
    ("deleteHost", "DELETE", _HOSTS + "/{host}", delete_host),
    ("transferout", "POST", "/transferout", transfer_out),
)
#: For names that have left it, too.
LOST = (
    ("restoreInfo", "GET", "/restore", restore_info),
    ("restore", "POST", "/restore", restore),
)
