"""What ``GetDomainDetail`` says, and the DS records that are made and removed by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.domain import Dnssec, Domain, Phase
from reconciler.kinds.domain.dnssec import ds_text
from reconciler.providers import _delegation, _registrar

_PRIVACIES: Final = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
_REDEMPTION: Final = frozenset({"redemptionperiod", "pendingrestore"})
Steps = list[tuple[str, dict[str, Any]]]


def kept(said: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return what is kept of a detail; the persons in it are not."""
    flags = {bool(said[kind]) for kind in _PRIVACIES if kind in said}
    hosts: dict[str, list[str]] = {
        str(host["Name"]).lower().rstrip("."): _delegation.addresses(
            host.get("GlueIps") or ()
        )
        for host in said.get("Nameservers", ())
    }
    return {
        "nameservers": [*sorted(hosts)],
        "glue": {host: [*glue] for host, glue in hosts.items() if glue},
        "ds": [*sorted(_ids(said))],
        "privacy": all(flags) if flags else None,
        "status": [*sorted(map(str, said.get("StatusList", ())))],
    }


def seen(
    want: Domain, detail: JsonValue, expires: datetime, now: datetime
) -> dict[str, Any]:
    """
    Return what a kept detail says of the state of *want*.

    A host that is no nameserver has no glue here, it comes with the delegation: it is
    taken for what is wanted, so that the delegation need not wait for it.
    """
    assert isinstance(detail, dict)  # noqa: S101  (made by ``kept`` alone)
    hosts = _delegation.texts(detail["nameservers"])
    privacy, status = detail["privacy"], _delegation.texts(detail["status"])
    found: dict[str, Any] = {
        "nameservers": hosts,
        "privacy": privacy if isinstance(privacy, bool) else None,
        "phase": _phase(status, expires, now),
    }
    if "ds" in detail:  # one that an older version kept has neither
        elsewhere = {h: g for h, g in want.spec.glue.items() if h not in hosts}
        found["ds"] = _delegation.texts(detail["ds"])
        found["glue"] = {**elsewhere, **_delegation.hosts_of(detail["glue"])}
    return found


def _phase(status: Iterable[str], expires: datetime, now: datetime) -> Phase:
    """Return the phase by the EPP status codes (RFC 3915), else by the date."""
    codes = {code.partition(" ")[0].lower() for code in status}
    if "pendingdelete" in codes and not codes & _REDEMPTION:
        return Phase.PENDING_DELETE
    if codes & _REDEMPTION:
        return Phase.REDEMPTION
    return _registrar.phase_by_date(expires, now)


def _ids(said: Mapping[str, Any]) -> dict[str, str]:
    """Return the DS records of a detail, each with the vendor's id."""
    fields = ("KeyTag", "Algorithm", "DigestType", "Digest")
    return {
        ds_text(*(key[field] for field in fields)): str(key["Id"])
        for key in said.get("DnssecKeys") or ()
    }


def ds_steps(change: Dnssec, said: Mapping[str, Any]) -> Steps:
    """
    Return the calls that are left to do of *change*: what is missing goes first.

    AWS takes keys and chooses the digest itself, so a DS is there if its key is.
    """
    ids = _ids(said)
    there, wanted = set(map(_key, ids)), set(map(_key, change.wanted))
    keys = change.details.get("keys")
    steps: Steps = [
        ("associate_delegation_signer_to_domain", _signing(ds, keys))
        for ds in sorted(change.wanted)
        if _key(ds) not in there
    ]
    steps += [
        ("disassociate_delegation_signer_from_domain", {"Id": ids[ds]})
        for ds in sorted(ids)
        if _key(ds) not in wanted
    ]
    return steps


def _key(ds: str) -> tuple[str, str]:
    key_tag, algorithm = ds.split()[:2]
    return key_tag, algorithm


def _signing(ds: str, keys: object) -> dict[str, Any]:
    key = keys.get(ds) if isinstance(keys, dict) else None
    if not isinstance(key, str):
        raise Rejected(f"the key of the DS {ds.split(maxsplit=1)[0]} was not seen")
    flags, _, algorithm, public = key.split(maxsplit=3)
    return {
        "SigningAttributes": {
            "Flags": int(flags),
            "Algorithm": int(algorithm),
            "PublicKey": public.replace(" ", ""),
        }
    }
