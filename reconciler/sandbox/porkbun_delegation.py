"""
Porkbun's calls for DS records and glue, in its wire format.

After the vendor's reference and its clients: DS records are answered by key tag (an
empty PHP array where there are none) and deleted by it; glue is answered in pairs of a
name and its v4 and v6 addresses, and written by the part before the domain.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from reconciler.sandbox.rest import Call

Row = dict[str, Any]
_FIELDS = ("keyTag", "alg", "digestType", "digest")


def ds_records(row: Row) -> Any:
    """Return ``records`` of ``getDnssecRecords``."""
    records = {}
    for ds in row["ds"]:
        parts = dict(zip(_FIELDS, ds.split(), strict=True))
        records[parts["keyTag"]] = parts
    return records or []


def create_ds(call: Call, row: Row) -> str | None:
    """Add a DS record; return why not."""
    body = call.json or {}
    parts = [str(body.get(field, "")) for field in _FIELDS]
    if not all(part.isdigit() for part in parts[:3]) or not _hex(parts[3]):
        return "Invalid DNSSEC data."
    ds = " ".join([*parts[:3], parts[3].upper()])
    if ds in row["ds"]:
        return "The registry refused it: object exists."
    row["ds"].append(ds)
    return None


def delete_ds(row: Row, key_tag: str) -> str | None:
    """Remove every DS record with that key tag; return why not."""
    left = [ds for ds in row["ds"] if ds.split()[0] != key_tag]
    if left == row["ds"]:
        return "The registry refused it: object does not exist."
    row["ds"] = left
    return None


def _hex(text: str) -> bool:
    return bool(text) and all(char in "0123456789abcdefABCDEF" for char in text)


def hosts(row: Row) -> list[list[Any]]:
    """Return ``hosts`` of ``getGlue``."""
    found: list[list[Any]] = []
    for host, ips in sorted(row["glue"].items()):
        by = {
            f"v{version}": [ip for ip in ips if ip_address(ip).version == version]
            for version in (4, 6)
        }
        found.append([host, {kind: some for kind, some in by.items() if some}])
    return found


def write_glue(call: Call, row: Row, name: str, *, new: bool) -> str | None:
    """Create or replace a host; return why not."""
    host = f"{call.path['subdomain'].lower()}.{name}"
    ips = (call.json or {}).get("ips")
    if not isinstance(ips, list) or not ips or not all(map(_address, ips)):
        return "Invalid IP address."
    if (host in row["glue"]) is new:
        return "The host exists." if new else "The host does not exist."
    row["glue"][host] = [str(ip_address(ip)) for ip in ips]
    return None


def delete_glue(call: Call, row: Row, name: str) -> str | None:
    """Remove a host; return why not."""
    host = f"{call.path['subdomain'].lower()}.{name}"
    if host not in row["glue"]:
        return "The host does not exist."
    if host in row["nameservers"]:
        return "The registry refused it: the host is in use."
    del row["glue"][host]
    return None


def _address(text: Any) -> bool:
    try:
        return bool(ip_address(str(text)))
    except ValueError:
        return False
