"""A registered domain name: its renewal, its safety and its records."""

from reconciler.kinds.domain.changes import (
    AutoRenew,
    BlockTransfer,
    Delegate,
    Dnssec,
    DomainChange,
    Glue,
    Lock,
    Privacy,
    Prune,
    Records,
    Renew,
    Restore,
)
from reconciler.kinds.domain.domain import (
    DNS,
    REGISTRATION,
    REGISTRY,
    SEEN,
    Domain,
)
from reconciler.kinds.domain.evidence import RdapState, Standing
from reconciler.kinds.domain.spec import DnsSpec, DomainSpec, Renewal
from reconciler.kinds.domain.state import (
    DelegationState,
    Phase,
    RegistrationState,
    ZoneState,
)

KIND = Domain

__all__ = [
    "DNS",
    "KIND",
    "REGISTRATION",
    "REGISTRY",
    "SEEN",
    "AutoRenew",
    "BlockTransfer",
    "Delegate",
    "DelegationState",
    "DnsSpec",
    "Dnssec",
    "Domain",
    "DomainChange",
    "DomainSpec",
    "Glue",
    "Lock",
    "Phase",
    "Privacy",
    "Prune",
    "RdapState",
    "Records",
    "RegistrationState",
    "Renew",
    "Renewal",
    "Restore",
    "Standing",
    "ZoneState",
]
