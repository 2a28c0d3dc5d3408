"""What Route 53 Domains is asked for each change, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    TooEarly,
    Transient,
    Unsupported,
)
from reconciler.kinds.domain import (
    AutoRenew,
    BlockTransfer,
    Delegate,
    Domain,
    DomainChange,
    Glue,
    Lock,
    Privacy,
    Renew,
    Restore,
)
from reconciler.model import Change
from reconciler.providers import _delegation, _registrar
from reconciler.providers._aws import Refusal

Hosts = Mapping[str, tuple[str, ...]]


def request(
    want: Domain, change: DomainChange, live: Hosts
) -> tuple[str, dict[str, Any]]:
    """
    Return the operation and its values; the same change gives the same.

    *live* are the nameservers that are there, each with its glue.
    """
    match change:
        case Renew():
            return "renew_domain", _renewal(change)
        case Restore():
            return "restore_domain", {"Consent": _consent(change)}
        case AutoRenew():
            on = "enable" if _registrar.flag(change) else "disable"
            return f"{on}_domain_auto_renew", {}
        case Lock():
            on = "enable" if _registrar.flag(change) else "disable"
            return f"{on}_domain_transfer_lock", {}
        case Privacy():
            kinds = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
            values = dict.fromkeys(kinds, _registrar.flag(change))
            return "update_domain_contact_privacy", values
        case Delegate():
            glue = {**live, **want.spec.glue}
            hosts = {host: glue.get(host, ()) for host in _registrar.hosts(change)}
            return _nameservers(hosts)
        case Glue():
            steps = _delegation.glue_steps(change, live)
            new = {step.host: step.after or () for step in steps}
            return _nameservers({host: new.get(host, live[host]) for host in live})
        case BlockTransfer():
            return "cancel_domain_transfer_to_another_aws_account", {}
        case _:
            raise Unsupported(f"Route 53 Domains cannot {change.verb} a domain")


def _nameservers(hosts: Hosts) -> tuple[str, dict[str, Any]]:
    """A host outside the domain has no glue; one inside has an address of a sort."""
    listed = [
        {"Name": host, **({"GlueIps": [*glue]} if glue else {})}
        for host, glue in sorted(hosts.items())
    ]
    return "update_domain_nameservers", {"Nameservers": listed}


def _renewal(change: Renew) -> dict[str, Any]:
    expires = datetime.fromisoformat(str(change.details["expires"])).astimezone(UTC)
    return {
        "DurationInYears": change.years,
        "CurrentExpiryYear": expires.year,
        "Consent": _consent(change),
    }


def _consent(change: Change) -> dict[str, Any]:
    """Never without a ceiling: ``Consent`` is what makes AWS refuse a higher price."""
    ceiling = change.ceiling
    if ceiling is None:
        raise Rejected(f"to {change.verb} needs a ceiling: maxPrice or maxRestore")
    return {"MaxPrice": float(ceiling.amount), "Currency": ceiling.currency}


def meaning(refusal: Refusal) -> ProviderError:
    """Return what a refusal means for the caller."""
    what, request_id = refusal.what, refusal.request_id
    match refusal.aws_code:
        case "DuplicateRequest":
            return Ambiguous(f"one is in progress: {what}", request_id=request_id)
        case "UnsupportedTLD":
            return Unsupported(what, request_id=request_id)
        case "TLDInMaintenance":
            return Transient(what, request_id=request_id)
        case "TLDRulesViolation" if "window" in what or "early" in what:
            return TooEarly(what, request_id=request_id)
    return refusal
