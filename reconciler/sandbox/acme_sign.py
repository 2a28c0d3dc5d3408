"""
Keys and certificates of an authority: two roots, an intermediate, leaves, lists.

A root and its alternate have both signed the intermediate, so that there are two
chains. Everything is ECDSA P-256; the keys are in the bench's state, so that they
survive a restart, and are good nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.sandbox.acme_seeds import ProfileSeed

Row = dict[str, Any]
_CRITICAL: Final = True
_PLAIN: Final = False
_YEAR: Final = timedelta(days=365)
_LIST_LIVES: Final = timedelta(days=9)
#: Domain validated (CA/Browser Forum).
_POLICY: Final = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)]
)
_LEAF: Final = x509.BasicConstraints(ca=False, path_length=None)
_SERVER: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
_LONGEST_COMMON_NAME: Final = 64
_REASONS: Final = {
    1: x509.ReasonFlags.key_compromise,
    3: x509.ReasonFlags.affiliation_changed,
    4: x509.ReasonFlags.superseded,
    5: x509.ReasonFlags.cessation_of_operation,
}


class Wish(NamedTuple):
    """
    What a leaf should be.

    Attributes:
        names: Its names, sorted.
        key: The public key of the request.
        subject: The common name that was asked for, or nothing.
        base: Where the authority's URLs begin.
        begins: Its ``notBefore``.
    """

    names: tuple[str, ...]
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    subject: str
    base: str
    begins: datetime
    serial: int


def made(name: str, now: datetime) -> Row:
    """Return the keys and certificates of a new authority, as PEM."""
    first, second, middle = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _name(f"{name} Root", name)
    alternate = _name(f"{name} Alternate Root", name)
    return {
        "roots": [
            _pem(_ca(root, first.public_key(), root, first, now, None)),
            _pem(_ca(alternate, second.public_key(), alternate, second, now, None)),
        ],
        "intermediates": [
            _pem(_ca(_name("E1", name), middle.public_key(), root, first, now, 0)),
            _pem(
                _ca(_name("E1", name), middle.public_key(), alternate, second, now, 0)
            ),
        ],
        "key": middle.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
    }


def _name(common: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{organization} (sandbox)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _ca(
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    below: int | None,
) -> x509.Certificate:
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    limits = x509.BasicConstraints(ca=True, path_length=below)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 5 * _YEAR)
        .not_valid_after(now + 15 * _YEAR)
        .add_extension(limits, _CRITICAL)
        .add_extension(_usage(signs=True, encipherment=False), _CRITICAL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), _PLAIN)
        .add_extension(by, _PLAIN)
        .sign(signer, hashes.SHA256())
    )


def _usage(*, signs: bool, encipherment: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


class Authority:
    """An authority that can sign; made of what ``made`` returned."""

    def __init__(self, key: str, intermediate: str) -> None:
        loaded = load_pem_private_key(key.encode(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)  # noqa: S101
        self._key = loaded
        self._certificate = x509.load_pem_x509_certificate(intermediate.encode())
        self._by = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            loaded.public_key()
        )
        self.identifier = self._by.key_identifier or b""

    def issue(self, wish: Wish, profile: ProfileSeed) -> str:
        """Return a leaf as PEM."""
        ends = wish.begins + profile.validity - timedelta(seconds=1)
        enciphers = profile.key_encipherment and isinstance(wish.key, rsa.RSAPublicKey)
        names = x509.SubjectAlternativeName([x509.DNSName(n) for n in wish.names])
        subject = x509.Name([])
        if profile.common_name and (common := _common(wish)):
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._certificate.subject)
            .public_key(wish.key)
            .serial_number(wish.serial)
            .not_valid_before(wish.begins)
            .not_valid_after(ends)
            .add_extension(_usage(signs=False, encipherment=enciphers), _CRITICAL)
            .add_extension(_SERVER, _PLAIN)
            .add_extension(_LEAF, _CRITICAL)
            .add_extension(self._by, _PLAIN)
            .add_extension(_issuer_at(wish.base), _PLAIN)
            # Without a subject the names are all there is (RFC 5280, 4.2.1.6).
            .add_extension(names, critical=not subject.rdns)
            .add_extension(_POLICY, _PLAIN)
            .add_extension(_list_at(wish.base), _PLAIN)
        )
        if profile.key_id:
            own = x509.SubjectKeyIdentifier.from_public_key(wish.key)
            builder = builder.add_extension(own, _PLAIN)
        return _pem(builder.sign(self._key, hashes.SHA256()))

    def list_of(
        self, revoked: Iterable[tuple[int, float, int]], now: datetime, number: int
    ) -> bytes:
        """Return a revocation list (DER) of serial numbers, times and reasons."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now)
            .next_update(now + _LIST_LIVES)
            .add_extension(self._by, _PLAIN)
            .add_extension(x509.CRLNumber(number), _PLAIN)
        )
        for serial, at, reason in revoked:
            one = (
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(datetime.fromtimestamp(at, UTC))
            )
            if reason in _REASONS:
                one = one.add_extension(x509.CRLReason(_REASONS[reason]), _PLAIN)
            builder = builder.add_revoked_certificate(one.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    @property
    def certificate(self) -> bytes:
        """The intermediate as DER, as its AIA address gives it."""
        return self._certificate.public_bytes(Encoding.DER)


@lru_cache(64)
def _authority(key: str, intermediate: str) -> Authority:
    return Authority(key, intermediate)


def authority(kept: Row) -> Authority:
    """Return the authority of what ``made`` returned; loaded once."""
    return _authority(kept["key"], kept["intermediates"][0])


def key_identifier(kept: Row) -> bytes:
    """Return the Authority Key Identifier of its leaves."""
    return authority(kept).identifier


def _common(wish: Wish) -> str:
    """Return the common name: what was asked for, else the first that is not long."""
    if wish.subject:
        return wish.subject if len(wish.subject) <= _LONGEST_COMMON_NAME else ""
    short = (name for name in wish.names if len(name) <= _LONGEST_COMMON_NAME)
    return next(short, "")


@lru_cache(64)
def _issuer_at(base: str) -> x509.AuthorityInformationAccess:
    where = x509.UniformResourceIdentifier(f"{base}/issuer")
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(Access.CA_ISSUERS, where)]
    )


@lru_cache(64)
def _list_at(base: str) -> x509.CRLDistributionPoints:
    where = x509.UniformResourceIdentifier(f"{base}/crl/1.crl")
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([where], None, None, None)]
    )


def serial(head: int, data: bytes) -> int:
    """Return a serial number as Let's Encrypt's are: 18 bytes, the first its own."""
    return int.from_bytes(bytes([head]) + hashlib.sha256(data).digest()[:17], "big")
