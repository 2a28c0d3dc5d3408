"""A certificate: issued, installed, served, and each of the three by itself."""

from reconciler.kinds.certificate.allotment import allotted
from reconciler.kinds.certificate.certificate import Certificate
from reconciler.kinds.certificate.changes import (
    MISPLACED,
    NEXT,
    CertificateChange,
    Changes,
    Check,
    Install,
    Issue,
    Reload,
    Renew,
)
from reconciler.kinds.certificate.issuing import ISSUING, IssuingState, Rules, hindered
from reconciler.kinds.certificate.memory import Order, orders
from reconciler.kinds.certificate.spec import CertificateSpec, KeyStore, Target
from reconciler.kinds.certificate.state import (
    BOUGHT,
    TLS,
    Advised,
    InstalledState,
    IssuanceState,
    Kept,
    Served,
    Site,
    TlsState,
)
from reconciler.kinds.certificate.surface import (
    SURFACE,
    Offer,
    Scanned,
    SecurityTxt,
    SurfaceState,
)
from reconciler.kinds.certificate.transparency import (
    CT,
    Logged,
    TransparencyState,
)

KIND = Certificate

__all__ = [
    "BOUGHT",
    "CT",
    "ISSUING",
    "KIND",
    "MISPLACED",
    "NEXT",
    "SURFACE",
    "TLS",
    "Advised",
    "Certificate",
    "CertificateChange",
    "CertificateSpec",
    "Changes",
    "Check",
    "Install",
    "InstalledState",
    "IssuanceState",
    "Issue",
    "IssuingState",
    "Kept",
    "KeyStore",
    "Logged",
    "Offer",
    "Order",
    "Reload",
    "Renew",
    "Rules",
    "Scanned",
    "SecurityTxt",
    "Served",
    "Site",
    "SurfaceState",
    "Target",
    "TlsState",
    "TransparencyState",
    "allotted",
    "hindered",
    "orders",
]
