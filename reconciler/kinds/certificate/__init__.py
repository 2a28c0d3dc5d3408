"""A certificate: issued, installed, served, and each of the three looked at by itself."""

from reconciler.kinds.certificate.certificate import (
    TLS,
    Certificate,
    CertificateSpec,
    Served,
    TlsState,
)
from reconciler.kinds.certificate.surface import (
    SURFACE,
    Offer,
    SecurityTxt,
    Site,
    SurfaceState,
)

KIND = Certificate

__all__ = [
    "KIND",
    "SURFACE",
    "TLS",
    "Certificate",
    "CertificateSpec",
    "Offer",
    "SecurityTxt",
    "Served",
    "Site",
    "SurfaceState",
    "TlsState",
]
