"""From a request for a certificate to the certificate (RFC 8555, 7.4 and 7.4.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reconciler.sandbox import acme_jws, acme_limits, acme_orders
from reconciler.sandbox.acme_renewal import serial_of
from reconciler.sandbox.acme_sign import Wish, authority, serial
from reconciler.sandbox.acme_words import (
    Ask,
    Ca,
    Problem,
    Resource,
    Row,
    malformed,
    missing,
    unauthorized,
    unb64,
)
from reconciler.sandbox.rest import Answer

_RSA_SIZES: Final = frozenset({2048, 3072, 4096})
_CURVES: Final = frozenset({"secp256r1", "secp384r1"})
_DIGESTS: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CHAIN: Final = {"content-type": "application/pem-certificate-chain"}


def _finalize(ca: Ca, ask: Ask) -> Answer:
    """Take the request of an order that is ready; the certificate comes after."""
    order = acme_orders.own(ca, ask)
    status = acme_orders.status(ca, order)
    if status != "ready":
        raise Problem(
            "orderNotReady",
            f'Order\'s status ("{status}") is not acceptable for finalization',
            403,
        )
    try:
        data = unb64(ask.data.get("csr"))
        request = x509.load_der_x509_csr(data)
    except ValueError:
        raise malformed("Error parsing certificate request") from None
    _acceptable(ca, request, order)
    order["csr"] = request.public_bytes(Encoding.PEM).decode()
    order["status"] = "processing"
    ca.job("issue", order["id"], ca.now + ca.seed.processing)
    return acme_orders.answered(ca, ask, order)


def _acceptable(ca: Ca, request: x509.CertificateSigningRequest, order: Row) -> None:
    """Refuse a request whose key, signature or names are not as they must be."""
    try:
        key = request.public_key()
        if trouble := _key_trouble(key):
            raise _bad(f"invalid public key in CSR: {trouble}")
        if not isinstance(request.signature_hash_algorithm, _DIGESTS):
            raise _bad("signature algorithm not supported")
        if not request.is_signature_valid:
            raise _bad("invalid signature on CSR")
    except (InvalidSignature, ValueError):
        raise _bad("invalid public key in CSR") from None
    text = acme_jws.text_of(key)
    if text is not None and acme_jws.thumbprint(text) in ca.state["keys"]:
        raise malformed("Certificate public key must be different than account key")
    names = _names(request)
    if names != order["names"]:
        raise unauthorized(
            "CSR does not specify same identifiers as Order: "
            f"{', '.join(names)} instead of {', '.join(order['names'])}"
        )


def _bad(detail: str) -> Problem:
    return Problem("badCSR", f"Error finalizing order :: {detail}")


def _key_trouble(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        size = key.key_size
        return "" if size in _RSA_SIZES else f"key size not supported: {size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        curve = key.curve.name
        return "" if curve in _CURVES else f"ECDSA curve {curve} not allowed"
    return "unsupported key type"


def _names(request: x509.CertificateSigningRequest) -> list[str]:
    """Return all names a request has, its common name too; sorted."""
    found = {_common(request)} - {""}
    try:
        extension = request.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return sorted(found)
    except ValueError:
        raise _bad("invalid extensions in CSR") from None
    names = extension.value
    if names.get_values_for_type(x509.RFC822Name):
        raise _bad("CSR contains one or more email address fields")
    if names.get_values_for_type(x509.UniformResourceIdentifier):
        raise _bad("CSR contains one or more URI fields")
    addresses = {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    plain = {one.lower() for one in names.get_values_for_type(x509.DNSName)}
    return sorted(found | addresses | plain)


def _common(request: x509.CertificateSigningRequest) -> str:
    found = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value).lower() if found else ""


def issue(ca: Ca, order: Row) -> None:
    """Make the certificate of an order that is processing."""
    request = x509.load_pem_x509_csr(order["csr"].encode())
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)  # noqa: S101
    profile = ca.seed.profiles[order["profile"]]
    number = serial(ca.seed.serial_head, ca.token("serial", 32))
    begins = _whole(ca.now - ca.seed.backdated)
    names = tuple(order["names"])
    wish = Wish(names, key, _common(request), order["base"], begins, number)
    pem = authority(ca.state["ca"]).issue(wish, profile)
    name = f"{number:036x}"
    ca.state["certificates"][name] = {
        "account": order["account"],
        "names": order["names"],
        "profile": order["profile"],
        "begins": begins.timestamp(),
        "ends": (begins + profile.validity - timedelta(seconds=1)).timestamp(),
        "issued": ca.now.timestamp(),
        "pem": pem,
    }
    order.update(status="valid", certificate=name)
    del order["csr"]
    ca.state["sets"][",".join(names)] = ca.now.timestamp()
    ca.state["open"].pop(f"{order['account']}|{','.join(names)}", None)
    replaces = order.get("replaces")
    if replaces:
        ca.state["certificates"][serial_of(replaces)]["replaced"] = order["id"]
    acme_limits.for_certificate(ca, names, renewal=order["renewal"])
    ca.bench.effect(
        "issue",
        names[0],
        authority=ca.name,
        names=list(names),
        serial=name,
        profile=order["profile"],
        account=order["account"],
        order=order["id"],
        **({"replaces": replaces} if replaces else {}),
    )


def _whole(when: datetime) -> datetime:
    return when.replace(microsecond=0)


def _certificate(ca: Ca, ask: Ask) -> Answer:
    """Give a chain; the second ends below the alternate root (RFC 8555, 7.4.2)."""
    row = ca.state["certificates"].get(ask.rest[0] if ask.rest else "")
    if row is None:
        raise missing("Certificate not found")
    if row["account"] != ask.owner["id"]:
        raise unauthorized("Account in use did not issue specified certificate")
    chains = ca.state["ca"]["intermediates"]
    which = ask.rest[1] if ask.rest[1:] else "0"
    if not which.isdecimal() or int(which) >= len(chains) or len(ask.rest) > 2:
        raise missing("Unknown issuance chain")
    here = f"{ask.base}/acme/cert/{ask.rest[0]}"
    others = [
        f'<{here}{f"/{n}" if n else ""}>;rel="alternate"'
        for n in range(len(chains))
        if n != int(which)
    ]
    said = f"{row['pem']}{chains[int(which)]}".encode()
    return Answer(200, said, {**_CHAIN, "link": ", ".join(others)})


def _issuer(ca: Ca, ask: Ask) -> Answer:
    """Give the intermediate, where the certificates say it is."""
    del ask
    kind = {"content-type": "application/pkix-cert"}
    return Answer(200, authority(ca.state["ca"]).certificate, kind)


def _root(ca: Ca, ask: Ask) -> Answer:
    """Give a root, as Pebble's management interface does."""
    roots = ca.state["ca"]["roots"]
    which = ask.rest[0] if ask.rest else "0"
    if not which.isdecimal() or int(which) >= len(roots):
        raise missing("There is no such root")
    return Answer(200, roots[int(which)].encode(), _CHAIN)


RESOURCES: Final = (
    Resource("finalize", "finalize", "kid", _finalize),
    Resource("certificate", "cert", "kid", _certificate, reads=True),
    Resource("issuer", "issuer", "none", _issuer),
    Resource("root", "roots", "none", _root),
)
