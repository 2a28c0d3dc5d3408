"""
Certificates and keys as PEM, and what may be said of them.

Sources: RFC 5280 (certificates), RFC 8555 (9.1: the chain in the order of TLS, each
certified by the next), RFC 9773 (4.1: how an authority calls a certificate).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtensionOID, NameOID

from reconciler.errors import Rejected
from reconciler.kinds.certificate.state import Kept
from reconciler.model.material import Material

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_CURVES: Final = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1}
_CURVE_NAMES: Final = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}
_EXPONENT: Final = 65537


def kept(
    material: Material, authority: str | None = None, profile: str | None = None
) -> Kept:
    """
    Return what is public of *material*.

    Args:
        material: What a key store or a secret has.
        authority: The Issuer that it came from, where that is known.
        profile: Which was asked for.

    Raises:
        Rejected: It is no certificate.
    """
    chain = certificates(material.chain)
    leaf = chain[0]
    return Kept(
        fingerprint=fingerprint(leaf),
        spki=spki(leaf.public_key()),
        serial=f"{leaf.serial_number:x}",
        issuer=_called(leaf.issuer),
        authority=authority,
        names=names_of(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        algorithm=algorithm_of(leaf.public_key()),
        profile=profile,
        ari=ari(leaf),
        wrong=wrong(chain, material.key),
        chain=chain_mark(chain[1:]),
    )


def certificates(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates of *pem*, at least one; raise Rejected."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Rejected("what is there is no certificate (PEM)") from None


def private_key(pem: bytes) -> PrivateKey:
    """Return the private key of *pem*, unencrypted; raise Rejected, never with it."""
    try:
        found = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Rejected("what is there is no unencrypted private key (PEM)") from None
    if not isinstance(found, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise Rejected("a private key is an RSA or an elliptic curve key here")
    return found


def new_key(algorithm: str) -> PrivateKey:
    """Return a new private key of *algorithm*, as YAML writes it."""
    if curve := _CURVES.get(algorithm):
        return ec.generate_private_key(curve())
    return rsa.generate_private_key(_EXPONENT, int(algorithm.removeprefix("rsa-")))


def key_pem(key: PrivateKey) -> bytes:
    """Return *key* as PKCS#8 PEM, unencrypted: for a key store alone."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def chain_pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Return *chain* as PEM, without the root that servers do not send."""
    whole = list(chain)
    while len(whole) > 1 and whole[-1].subject == whole[-1].issuer:
        whole.pop()
    return b"".join(one.public_bytes(Encoding.PEM) for one in whole)


def request(key: PrivateKey, names: Sequence[str]) -> x509.CertificateSigningRequest:
    """Return what an authority is asked to sign: *names*, and nothing else."""
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    made = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return made.add_extension(san, critical=False).sign(key, SHA256())


def wrong(chain: Sequence[x509.Certificate], key: bytes) -> str | None:
    """Say why *chain* may not be installed with *key*, if so."""
    try:
        public = private_key(key).public_key()
    except Rejected as error:
        return error.what
    if spki(public) != spki(chain[0].public_key()):
        return "its private key belongs to another certificate"
    for one, signer in pairwise(chain):
        try:
            one.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return "its chain is not in order: one does not certify the one before"
    return None


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return the names that *leaf* is good for, in lower case, sorted."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = found.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(sorted({name.lower() for name in names}))


def fingerprint(leaf: x509.Certificate) -> str:
    """Return the SHA-256 of *leaf*, in hex."""
    return leaf.fingerprint(SHA256()).hex()


def chain_mark(issuers: Sequence[x509.Certificate]) -> str:
    """Return the SHA-256 of who signed a leaf, in hex; a root in it does not count."""
    digest = Hash(SHA256())
    for one in issuers:
        if one.subject != one.issuer:
            digest.update(one.public_bytes(Encoding.DER))
    return digest.finalize().hex()


def spki(key: object) -> str:
    """Return the SHA-256 of a public key, in hex; raise Rejected for strange ones."""
    sound = getattr(key, "public_bytes", None)
    if sound is None:
        raise Rejected("what is there is no public key")
    digest = Hash(SHA256())
    digest.update(sound(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def algorithm_of(key: object) -> str:
    """Return the kind of a public key, as YAML writes it where it can."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVE_NAMES.get(key.curve.name, f"ecdsa-{key.curve.name}")
    return type(key).__name__.removesuffix("PublicKey").lower()


def ari(leaf: x509.Certificate) -> str | None:
    """
    Return how its authority calls *leaf* (RFC 9773, 4.1); None where it cannot.

    The key identifier of who signed it and its serial number as DER has it (with the
    zero before a number whose first bit is set), each in base64url without padding.
    """
    try:
        found = leaf.extensions.get_extension_for_oid(
            ExtensionOID.AUTHORITY_KEY_IDENTIFIER
        ).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    if not isinstance(found, x509.AuthorityKeyIdentifier) or not found.key_identifier:
        return None
    number = leaf.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return f"{_base64url(found.key_identifier)}.{_base64url(serial)}"


def crl_urls(leaf: x509.Certificate) -> tuple[str, ...]:
    """Return where the list of what its authority revoked is to be had."""
    try:
        points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(
        name.value
        for point in points.value
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )


def _called(name: x509.Name) -> str:
    for part in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for found in name.get_attributes_for_oid(part):
            return str(found.value)
    return name.rfc4514_string()


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
