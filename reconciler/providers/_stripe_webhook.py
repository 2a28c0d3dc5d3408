"""
Who signed a webhook of Stripe (docs.stripe.com/webhooks/signature).

``Stripe-Signature: t=<time>,v1=<hex>`` with HMAC-SHA256 over ``<time>.<body>``, checked
by the official SDK. The SDK would compare the time with this machine's clock; here it
is compared with the clock that is given.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar, Final

from stripe import SignatureVerificationError, WebhookSignature

from reconciler.model import Account
from reconciler.providers._webhook import Forged, Posted, identity, timely

_PREFIX: Final = "whsec_"


class StripeHook:
    """The secret of one endpoint; several, separated by blanks, for a rotation."""

    credentials: ClassVar[frozenset[str]] = frozenset({"webhookSecret"})

    def __init__(self, account: Account) -> None:
        self._secrets = account.secrets["webhookSecret"].split()
        if not self._secrets or not all(s.startswith(_PREFIX) for s in self._secrets):
            raise ValueError(f"webhookSecret does not begin with {_PREFIX}")

    def __repr__(self) -> str:
        return "StripeHook()"

    def event(self, posted: Posted) -> str:
        """Return the event's id; see ``Verifier.event``."""
        header = posted.headers.get("stripe-signature", "")
        if not header:
            raise Forged("Stripe-Signature is missing")
        if not any(_fits(posted.body, header, secret) for secret in self._secrets):
            raise Forged("Stripe-Signature does not fit")
        timely(_signed_at(header), posted.now)
        return identity(posted.body)


def _fits(body: bytes, header: str, secret: str) -> bool:
    try:
        text = body.decode()
        WebhookSignature.verify_header(text, header, secret)
    except (SignatureVerificationError, TypeError, ValueError):
        return False
    return True


def _signed_at(header: str) -> datetime:
    """Return the time that was signed: as in the SDK, the first ``t`` there is."""
    parts = [part.split("=", 2) for part in header.split(",")]
    (stamp, *_) = [part[1] for part in parts if part[0] == "t"]
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (OverflowError, OSError, ValueError):
        raise Forged("Stripe-Signature has no time") from None


HOOK = StripeHook
