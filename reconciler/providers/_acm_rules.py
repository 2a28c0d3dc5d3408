"""
What ACM takes, and what it takes in the place of what it has. Pure.

Sources: AWS Certificate Manager User Guide ("Prerequisites for importing ACM
certificates", "Reimport a certificate") and API Reference (``ImportCertificate``).
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

#: The largest private key, in bytes.
LARGEST: Final = 5120
_SIZES: Final = (1024, 2048, 3072, 4096)
_CURVES: Final = {
    "secp256r1": "prime256v1",
    "secp384r1": "secp384r1",
    "secp521r1": "secp521r1",
}
#: All that a listing may be asked for; it names only the first two by itself.
KEY_TYPES: Final = (
    *(f"RSA_{size}" for size in _SIZES),
    *(f"EC_{curve}" for curve in _CURVES.values()),
)
_USES: Final = (
    "digital_signature", "content_commitment", "key_encipherment",
    "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
)  # fmt: skip


def key_type(certificate: x509.Certificate) -> str:
    """Return ACM's name for the kind of key of *certificate*."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA_{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC_{_CURVES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__


def refused(certificate: x509.Certificate, key: bytes, issuers: bytes) -> str | None:
    """Say why ACM would not import it at all."""
    kind = key_type(certificate)
    if kind not in KEY_TYPES:
        return f"ACM takes no keys of the kind {kind}"
    if len(key) > LARGEST:
        return f"ACM takes keys of at most {LARGEST} bytes"
    if not issuers and certificate.issuer != certificate.subject:
        return "ACM wants the certificates of who signed it"
    return None


def another(old: x509.Certificate, new: x509.Certificate) -> str | None:
    """Say why *new* cannot take the place of *old* under the same ARN."""
    was, is_ = key_type(old), key_type(new)
    if was != is_:
        return f"its key was {was} and is {is_}"
    elliptic = is_.startswith("EC_")
    lost = _uses(old) - _uses(new) - ({"key_encipherment"} if elliptic else set())
    if _uses(old) and lost:
        return f"its key usage has no {min(lost)} any more"
    gone = _purposes(old) - _purposes(new) - {ExtendedKeyUsageOID.CLIENT_AUTH}
    if _purposes(old) and gone:
        names = sorted(one._name for one in gone)  # noqa: SLF001  (nothing else names it)
        return f"its extended key usage has no {names[0]} any more"
    return None


def _uses(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {use for use in _USES if getattr(found, use)}


def _purposes(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value)
