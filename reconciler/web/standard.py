"""
Who signed a webhook that follows Standard Webhooks 1.0.0 (standardwebhooks.com).

What every vendor gets that has no way of its own: ``webhook-id``, ``webhook-timestamp``
and ``webhook-signature``, made with a ``whsec_`` secret, as this tool signs its own.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import ClassVar, Final

from reconciler.model import Account
from reconciler.notify.webhook import keys, signature
from reconciler.providers._webhook import Forged, Posted, Unreadable, timely

_LONGEST: Final = 255


class Standard:
    """The keys of one sender; raises ValueError where the secret is none."""

    credentials: ClassVar[frozenset[str]] = frozenset({"webhookSecret"})

    def __init__(self, account: Account) -> None:
        self._keys = keys(account.secrets["webhookSecret"])

    def __repr__(self) -> str:
        return "Standard()"

    def event(self, posted: Posted) -> str:
        """Return the message's id; see ``Verifier.event``."""
        name, stamp, given = (
            posted.headers.get(f"webhook-{part}", "")
            for part in ("id", "timestamp", "signature")
        )
        if not (name and stamp and given):
            raise Forged(
                "webhook-id, webhook-timestamp or webhook-signature is missing"
            )
        at = _time(stamp)
        good = signature(self._keys, name, int(stamp), posted.body).split()
        if not any(_same(one, known) for one in given.split() for known in good):
            raise Forged("webhook-signature does not fit")
        timely(at, posted.now)
        if len(name) > _LONGEST:
            raise Unreadable("webhook-id is too long")
        return name


def _time(stamp: str) -> datetime:
    """Return the time of *stamp*, which must be written as it was signed."""
    try:
        if stamp == str(int(stamp)):
            return datetime.fromtimestamp(int(stamp), UTC)
    except (OverflowError, OSError, ValueError):
        pass
    raise Forged("webhook-timestamp is no time")


def _same(given: str, good: str) -> bool:
    return hmac.compare_digest(given.encode(), good.encode())
