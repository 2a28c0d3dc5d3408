"""
DS records at DNSimple, for names whose zone is signed somewhere else.

Source: the vendor's documentation (``ds_records``). A TLD takes either DS data or a
public key, which its ``dnssec_interface_type`` says; numbers are sent as strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.domain import Dnssec, Domain
from reconciler.kinds.domain.dnssec import ds_of, ds_text
from reconciler.model import Receipt
from reconciler.providers import _delegation
from reconciler.providers._delegation import Ds
from reconciler.providers._detail import Details
from reconciler.providers._dnsimple import Dnsimple
from reconciler.providers._http import Reply

_DS = "ds"


class DsRecords:
    """What one account's registrations have at their registries."""

    def __init__(self, api: Dnsimple, details: Details) -> None:
        self._api = api
        self._details = details

    def seen(
        self, want: Domain, raw: Mapping[str, Any], hosts: frozenset[str] | None
    ) -> dict[str, Any]:
        """Return ``ds``, where *want* needs it."""
        if not _delegation.asks_ds(want, hosts):
            return {}
        kept = self._details.ask(_DS, want.name, dict(raw), lambda: self._kept(want))
        return {"ds": _delegation.texts(kept)}

    def _kept(self, want: Domain) -> JsonValue:
        return [*sorted(self.now(want.name))]

    def forget(self, name: str) -> None:
        """Ask anew next time."""
        self._details.forget(_DS, name)

    def now(self, name: str) -> Mapping[str, str]:
        """Return the DS records that are there now, each with the vendor's id."""
        listed = self._api.all("listDelegationSignerRecords", self._path(name))
        return {_text(name, row): str(row["id"]) for row in listed}

    def set(self, want: Domain, change: Dnssec, tld: Mapping[str, Any]) -> Receipt:
        """Add what is missing, then remove what is too many."""
        live = self.now(want.name)
        add, remove = _delegation.ds_steps(change, frozenset(live))
        bodies = [_body(change, one, str(tld["dnssec"])) for one in add]
        calls = [partial(self._create, want.name, body) for body in bodies]
        calls += [partial(self._delete, want.name, live[str(one)]) for one in remove]
        sent = _delegation.in_turn(calls)
        return Receipt(
            reference=f"ds/{want.name}",
            request_id=sent[-1].request_id if sent else None,
            details={"requests": len(sent)},
        )

    def _create(self, name: str, body: Mapping[str, str]) -> Reply:
        operation = "createDelegationSignerRecord"
        return self._api.effect("POST", self._path(name), operation, body)

    def _delete(self, name: str, number: str) -> Reply:
        path = f"{self._path(name)}/{number}"
        return self._api.effect("DELETE", path, "deleteDelegationSignerRecord")

    def _path(self, name: str) -> str:
        return self._api.path(f"/domains/{name}/ds_records")


def _text(name: str, row: Mapping[str, Any]) -> str:
    """Return one row as a DS; of a key it is made, as the registry makes it."""
    if row.get("digest"):
        return ds_text(
            row["keytag"], row["algorithm"], row["digest_type"], row["digest"]
        )
    made = ds_of(name, f"257 3 {row['algorithm']} {row.get('public_key')}")
    if made is None:
        raise Rejected("listDelegationSignerRecords: neither a digest nor a key")
    return made


def _body(change: Dnssec, one: Ds, takes: str) -> dict[str, str]:
    """Return what is sent for one DS: itself, or the key it stands for."""
    if takes != "key":
        return {
            "algorithm": str(one.algorithm),
            "digest": one.digest,
            "digest_type": str(one.kind),
            "keytag": str(one.key_tag),
        }
    keys = change.details.get("keys")
    key = keys.get(str(one)) if isinstance(keys, dict) else None
    if not isinstance(key, str):
        raise Rejected(f"the key of the DS {one.key_tag} was not seen; nothing is sent")
    return {"algorithm": str(one.algorithm), "public_key": key.split(maxsplit=3)[3]}
