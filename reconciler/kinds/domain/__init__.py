"""A registered domain name: its renewal, its safety and its records."""

from reconciler.kinds.domain.changes import (
    AutoRenew,
    Delegate,
    DomainChange,
    Lock,
    Privacy,
    Prune,
    Records,
    Renew,
)
from reconciler.kinds.domain.domain import DNS, REGISTRATION, Domain
from reconciler.kinds.domain.spec import DnsSpec, DomainSpec, Renewal
from reconciler.kinds.domain.state import Phase, RegistrationState, ZoneState

KIND = Domain

__all__ = [
    "DNS",
    "KIND",
    "REGISTRATION",
    "AutoRenew",
    "Delegate",
    "DnsSpec",
    "Domain",
    "DomainChange",
    "DomainSpec",
    "Lock",
    "Phase",
    "Privacy",
    "Prune",
    "Records",
    "RegistrationState",
    "Renew",
    "Renewal",
    "ZoneState",
]
