"""A certificate: issued, installed, served, and each of the three looked at by itself."""

from reconciler.kinds.certificate.certificate import (
    TLS,
    Certificate,
    CertificateSpec,
    Served,
    TlsState,
)

KIND = Certificate

__all__ = [
    "KIND",
    "TLS",
    "Certificate",
    "CertificateSpec",
    "Served",
    "TlsState",
]
