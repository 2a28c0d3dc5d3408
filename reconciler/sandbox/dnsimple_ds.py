"""
DNSimple's calls for DS records, in its wire format.

After the vendor's documentation: numbers as strings, a TLD that takes DS data or a
public key, 204 for a deletion, the fields that are missing named in a 400.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from reconciler.kinds.domain.dnssec import ds_of
from reconciler.sandbox.dnsimple_words import Account, error, good, ok, paged
from reconciler.sandbox.rest import Answer, Call

_PARTS = ("keytag", "algorithm", "digest_type", "digest")


def _row(call: Call, account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account["domains"][call.path["domain"].lower()]
    return found


def takes_keys(account: Account, tld: str) -> bool:
    """Whether a TLD takes public keys; the world says it of the account."""
    return tld in account.get("key_tlds", ())


def _shown(call: Call, account: Account, ds: str) -> dict[str, Any]:
    name = call.path["domain"].lower()
    parts: dict[str, Any] = dict(zip(_PARTS, ds.split(), strict=True))
    key = account.get("keys", {}).get(ds)
    if key is not None:
        parts |= {"digest": None, "digest_type": None, "keytag": None}
    return {
        "id": crc32(f"{name} {ds}".encode()),
        "domain_id": crc32(name.encode()),
        **parts,
        "public_key": key,
        "created_at": "2017-03-03T13:49:58Z",
        "updated_at": "2017-03-03T13:49:58Z",
    }


def list_ds(call: Call, account: Account) -> Answer:
    """ListDelegationSignerRecords."""
    rows = [_shown(call, account, ds) for ds in _row(call, account)["ds"]]
    return paged(call, rows)


def create_ds(call: Call, account: Account) -> Answer:
    """CreateDelegationSignerRecord."""
    name, body = call.path["domain"].lower(), call.json or {}
    keys = takes_keys(account, name.partition(".")[2])
    needed = ("algorithm", "public_key") if keys else _PARTS
    missing = {field: ["can't be blank"] for field in needed if not body.get(field)}
    if missing or not all(isinstance(body[field], str) for field in needed):
        return error(400, "Validation failed", **missing)
    if keys:
        key = body["public_key"]
        ds = str(ds_of(name, f"257 3 {body['algorithm']} {key}"))
        account.setdefault("keys", {})[ds] = key
    else:
        ds = " ".join([*(body[part] for part in _PARTS[:3]), body["digest"].upper()])
    row = _row(call, account)
    if ds in row["ds"]:
        return error(400, "Validation failed", digest=["has already been taken"])
    row["ds"].append(ds)
    call.bench.effect("createDelegationSignerRecord", name, ds=ds)
    return ok(201, _shown(call, account, ds))


def get_ds(call: Call, account: Account) -> Answer:
    """GetDelegationSignerRecord."""
    found = _find(call, account)
    return good(_shown(call, account, found)) if found else _missing(call)


def delete_ds(call: Call, account: Account) -> Answer:
    """DeleteDelegationSignerRecord."""
    found = _find(call, account)
    if found is None:
        return _missing(call)
    _row(call, account)["ds"].remove(found)
    name = call.path["domain"].lower()
    call.bench.effect("deleteDelegationSignerRecord", name, ds=found)
    return Answer(204, None)


def _find(call: Call, account: Account) -> str | None:
    for ds in _row(call, account)["ds"]:
        if str(_shown(call, account, ds)["id"]) == call.path["record"]:
            return str(ds)
    return None


def _missing(call: Call) -> Answer:
    return error(404, f"Delegation signer record `{call.path['record']}` not found")


_ALL = "/ds_records"
_ONE = _ALL + "/{record}"
TABLE = (
    ("listDelegationSignerRecords", "GET", _ALL, list_ds),
    ("createDelegationSignerRecord", "POST", _ALL, create_ds),
    ("getDelegationSignerRecord", "GET", _ONE, get_ds),
    ("deleteDelegationSignerRecord", "DELETE", _ONE, delete_ds),
)
