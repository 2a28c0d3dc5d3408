"""
Whether PayPal signed a webhook: by its certificate here, or by asking PayPal.

Source: developer.paypal.com/api/rest/webhooks/rest (verification) and the published
OpenAPI (``notifications/webhooks``, verify-webhook-signature).

* Signed is ``<transmission id>|<time>|<webhook id>|<crc32 of the raw body>`` with RSA
  and SHA-256 (``SHA256withRSA``); the webhook's id is not sent, so that a signature for
  somebody else's webhook does not fit ours.
* The certificate is where ``PAYPAL-CERT-URL`` says, which anybody could write: only
  https at a host below ``paypal.com`` is ever asked, and over verified TLS.
* The body is signed byte for byte, so it is never read and written again; where PayPal
  is asked, its very bytes are put into the question.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from reconciler.providers._answers import mapping
from reconciler.providers._paypal import PayPal

_ALGORITHM: Final = "SHA256withRSA"
_HOST: Final = "paypal.com"
_CERTIFICATE: Final = re.compile(
    r"https://[a-z0-9-]+(\.[a-z0-9-]+)*\.paypal\.com(:443)?"
    r"/v1/notifications/certs/[A-Za-z0-9-]{1,100}"
)
_VERIFY: Final = "/v1/notifications/verify-webhook-signature"
_LONGEST: Final = 2048


class Signature(NamedTuple):
    """
    The headers of one delivery.

    Attributes:
        at: When it was sent.
        sent: The same, exactly as it was written (and signed).
        url: Where its certificate is said to be.
    """

    id: str
    at: datetime
    sent: str
    signature: str
    url: str
    algorithm: str


def signature(headers: Mapping[str, str]) -> Signature | None:
    """Return what *headers* (by lower-case name) say; None where one is missing."""
    names = ("transmission-id", "transmission-time", "transmission-sig", "cert-url")
    given = [headers.get(f"paypal-{name}", "") for name in (*names, "auth-algo")]
    if not all(given) or max(map(len, given)) > _LONGEST:
        return None
    identity, sent, signed, url, algorithm = given
    try:
        at = datetime.fromisoformat(sent)
    except ValueError:
        return None
    if at.tzinfo is None or "|" in identity + sent:
        return None
    return Signature(identity, at, sent, signed, url, algorithm)


def allowed(url: str) -> bool:
    """Say whether a certificate may be fetched from *url*: from PayPal, over TLS."""
    return _CERTIFICATE.fullmatch(url) is not None


def fits(
    signature: Signature, body: bytes, webhook: str, certificate: bytes, now: datetime
) -> bool:
    """
    Say whether *signature* is PayPal's, of *body*, for our *webhook*. Pure.

    *certificate* is what was fetched, as PEM; it must be of a host below paypal.com,
    and good *now*.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (slow)
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    if signature.algorithm != _ALGORITHM or not webhook:
        return False
    try:
        loaded = load_pem_x509_certificate(certificate)
        key = loaded.public_key()
        given = base64.b64decode(signature.signature, validate=True)
    except ValueError:
        return False
    if not loaded.not_valid_before_utc <= now <= loaded.not_valid_after_utc:
        return False
    if not isinstance(key, rsa.RSAPublicKey) or not _of_paypal(loaded):
        return False
    text = f"{signature.id}|{signature.sent}|{webhook}|{zlib.crc32(body)}".encode()
    try:
        key.verify(given, text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _of_paypal(certificate: Any) -> bool:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  (slow)

    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return any(str(one.value).lower().endswith(f".{_HOST}") for one in names)


def asked(paypal: PayPal, signature: Signature, body: bytes, webhook: str) -> bool:
    """
    Ask PayPal whether *signature* is its own: what needs no certificate.

    Raises:
        ProviderError: It could not be asked.
    """
    try:  # what is put into the question must be one object, and nothing beside it
        if not isinstance(json.loads(body), dict):
            return False
    except (ValueError, RecursionError):
        return False
    said = {
        "auth_algo": signature.algorithm,
        "cert_url": signature.url,
        "transmission_id": signature.id,
        "transmission_sig": signature.signature,
        "transmission_time": signature.sent,
        "webhook_id": webhook,
    }
    start = json.dumps(said).removesuffix("}")
    text = f'{start}, "webhook_event": {body.decode()}}}'
    reply = paypal.post("verifyWebhookSignature", _VERIFY, text, effect=False)
    return mapping(reply.data).get("verification_status") == "SUCCESS"
