"""
Route 53 Domains: DS records, restoration, and names that leave the account.

After the service's API reference. A name in redemption is no longer listed, and has an
``EXPIRE_DOMAIN`` operation; one that was restored "reappears in the response to
ListDomains". A seed's ``transfer`` is ``account`` (to another AWS account: it can be
cancelled), ``registrar`` (it cannot) or ``done`` (it has left).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import dns.dnssec
import dns.name
import dns.rdata
from dns.exception import DNSException

from reconciler.sandbox import registrar
from reconciler.sandbox.aws_call import OPEN, Call, Refused, domains_of
from reconciler.sandbox.emulator import Bench

_TRANSFERS: Mapping[str, tuple[str, str]] = {
    "account": ("INTERNAL_TRANSFER_OUT_DOMAIN", OPEN),
    "registrar": ("TRANSFER_OUT_DOMAIN", OPEN),
    "done": ("TRANSFER_OUT_DOMAIN", "SUCCESSFUL"),
}
_FIELDS = ("KeyTag", "Algorithm", "DigestType", "Digest")


def let_go(bench: Bench) -> None:
    """Write down what has left, or begun to leave, since the last request."""
    now = bench.clock()
    for name, domain in sorted(domains_of(bench.state).items()):
        if registrar.phase(domain, now) in {"redemption", "pending-delete"}:
            lost = datetime.fromisoformat(domain["expires"]) + registrar.GRACE
            _once(bench, "EXPIRE_DOMAIN", name, "SUCCESSFUL", lost)
        elif domain["transfer"]:
            kind, status = _TRANSFERS[domain["transfer"]]
            _once(bench, kind, name, status, None)


def _once(bench: Bench, kind: str, name: str, status: str, at: datetime | None) -> None:
    operations = bench.state["operations"]
    when = (at or bench.clock()).isoformat()
    for other in operations:
        known = (other["domain"], other["type"], other["status"])
        if known == (name, kind, status) and (not at or other["submitted"] == when):
            return
    operations.append(
        {
            "id": f"00000000-0000-4000-9000-{len(operations) + 1:012d}",
            "type": kind,
            "domain": name,
            "status": status,
            "outcome": status,
            "submitted": when,
            "updated": when,
            "due": "9999-12-31T00:00:00+00:00",
            "change": {},
            "years": 0,
            "amount": None,
            "message": "",
        }
    )


def dnssec_keys(domain: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return ``DnssecKeys`` of a domain's detail; keys and flags are not answered."""
    found = []
    for ds in domain["ds"]:
        tag, algorithm, kind, digest = ds.split()
        values = (int(tag), int(algorithm), int(kind), digest)
        found.append({**dict(zip(_FIELDS, values, strict=True)), "Id": _id(ds)})
    return found


def _id(ds: str) -> str:
    return f"ds-{ds.split(maxsplit=1)[0]}-{ds[-8:]}"


def associate(call: Call) -> dict[str, Any]:
    """AssociateDelegationSignerToDomain: the service makes the digest itself."""
    domain = call.domain()
    said = call.asked.get("SigningAttributes") or {}
    try:
        base64.b64decode(said["PublicKey"], validate=True)
        text = f"{int(said['Flags'])} 3 {int(said['Algorithm'])} {said['PublicKey']}"
        key = dns.rdata.from_text("IN", "DNSKEY", text)
    except (KeyError, TypeError, ValueError, DNSException):
        raise Refused("InvalidInput", "SigningAttributes cannot be read") from None
    made = dns.dnssec.make_ds(dns.name.from_text(call.name), key, "SHA256")
    ds = f"{made.key_tag} {int(made.algorithm)} {int(made.digest_type)} "
    ds += made.digest.hex().upper()
    if ds in domain["ds"]:
        raise Refused("InvalidInput", "The delegation signer exists")
    return call.begin("ADD_DNSSEC", {"ds": [*domain["ds"], ds]})


def disassociate(call: Call) -> dict[str, Any]:
    """DisassociateDelegationSignerFromDomain."""
    domain = call.domain()
    left = [ds for ds in domain["ds"] if _id(ds) != call.asked.get("Id")]
    if left == domain["ds"]:
        raise Refused("InvalidInput", "There is no such delegation signer")
    return call.begin("REMOVE_DNSSEC", {"ds": left})


def restore(call: Call) -> dict[str, Any]:
    """RestoreDomain: the price includes a year, as registries demand (RFC 3915)."""
    domain = call.held()
    if registrar.phase(domain, call.bench.clock()) != "redemption":
        raise Refused("InvalidInput", "The domain cannot be restored")
    price = restore_price(domain)
    consent = call.asked.get("Consent") or {}
    if consent and (
        consent.get("Currency") != "USD" or Decimal(str(consent["MaxPrice"])) < price
    ):
        raise Refused("InvalidInput", "The restoration price is more than MaxPrice")
    return call.begin("RESTORE_DOMAIN", {}, 1, f"{price:.2f} USD")


def restore_price(domain: Mapping[str, Any]) -> Decimal:
    """Return what it costs to buy a domain back, in US dollars."""
    return Decimal(domain["restore"]).scaleb(-2)


def cancel(call: Call) -> dict[str, Any]:
    """CancelDomainTransferToAnotherAwsAccount; its operation ends with it."""
    domain = call.domain()
    for operation in call.bench.state["operations"]:
        known = (operation["domain"], operation["type"], operation["status"])
        if known == (call.name, "INTERNAL_TRANSFER_OUT_DOMAIN", OPEN):
            operation.update(status="FAILED", cancelled=True)
            domain["transfer"] = None
            call.bench.effect("CancelDomainTransferToAnotherAwsAccount", call.name)
            return {"OperationId": operation["id"]}
    raise Refused("InvalidInput", "The domain is not being transferred")
