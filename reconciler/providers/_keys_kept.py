"""What may be told of a certificate that is kept. Pure; nothing of it is secret."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from reconciler.errors import Rejected
from reconciler.kinds.certificate import Kept
from reconciler.model import Material
from reconciler.providers._certificate import chain_mark
from reconciler.providers._keys_document import unfit
from reconciler.providers._said import shown

_CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384"}


def kept(material: Material) -> Kept:
    """
    Return what *material* is.

    Raises:
        Rejected: Its certificate cannot be read.
    """
    chain: list[x509.Certificate] = []
    with suppress(ValueError):
        chain = x509.load_pem_x509_certificates(material.chain)
    if not chain:
        raise Rejected("what is kept is no certificate")
    leaf = chain[0]
    public = leaf.public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Kept(
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        spki=sha256(spki).hexdigest(),
        serial=f"{leaf.serial_number:x}",
        issuer=_issuer(leaf),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        algorithm=_algorithm(public),
        wrong=unfit(material) or _out_of_order(chain),
        chain=chain_mark(chain[1:]),
    )


def _issuer(leaf: x509.Certificate) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for found in leaf.issuer.get_attributes_for_oid(oid):
            return shown(str(found.value))[:80]
    return "nobody"


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = found.value.get_values_for_type(x509.DNSName)
    return tuple(sorted({name.lower() for name in names}))


def _algorithm(public: object) -> str:
    match public:
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(public.curve.name, f"ecdsa-{public.curve.name}")
        case rsa.RSAPublicKey():
            return f"rsa-{public.key_size}"
        case _:
            return type(public).__name__.removesuffix("PublicKey").lower()


def _out_of_order(chain: Sequence[x509.Certificate]) -> str | None:
    """Say where one certificate of the chain does not sign the one before it."""
    for number, (below, above) in enumerate(pairwise(chain), 1):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            return f"certificate {number + 1} of its chain did not sign the one before"
    return None
