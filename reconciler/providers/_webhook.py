"""
How a vendor's webhook is believed: the port of ``providers/_<vendor>_webhook.py``.

Such a module ends with ``HOOK = <its class>``; the file name is the registration. What
an event says is never used: all that is asked of it is who sent it, and its id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from reconciler.errors import Rejected
from reconciler.model import Account

#: What only the inbox needs to know: no driver is given these.
INBOUND: Final = frozenset({"webhookSecret", "webhookId"})
#: How far a signature's time may be from ours, as Stripe's own libraries have it.
TOLERANCE: Final = timedelta(minutes=5)
_LONGEST_ID: Final = 255


class Forged(Rejected):
    """Nobody can tell that the vendor sent this; says why, and nothing of what came."""


class Unreadable(Rejected):
    """The vendor sent this, and it is no event."""


class Posted(NamedTuple):
    """
    What somebody posted.

    Attributes:
        headers: By lower-case name.
        body: As it came: the signature is over these very bytes.
        now: When it came, by our clock.
    """

    headers: Mapping[str, str]
    body: bytes
    now: datetime


class Verifier(Protocol):
    """
    Says whether a vendor sent something.

    Attributes:
        credentials: What of the account's credentials it needs, by name.
    """

    credentials: ClassVar[frozenset[str]]

    def __init__(self, account: Account) -> None:
        """Raise ValueError where a credential cannot be what it should be."""

    def event(self, posted: Posted) -> str:
        """
        Return the id of the event that *posted* is.

        Raises:
            Forged: The signature is missing, old, or does not fit.
            Unreadable: It fits, and what came is no event.
            Transient: It cannot be known now (a certificate could not be fetched).
        """


def timely(at: datetime, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Raise Forged for a signature that is too old, or from the future."""
    if now - at > tolerance:
        raise Forged("the signature is too old")
    if at - now > TOLERANCE:
        raise Forged("the signature is from the future: is this clock right?")


def identity(body: bytes) -> str:
    """Return ``id`` of a JSON object; raises Unreadable."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the body is not JSON") from None
    found = data.get("id") if isinstance(data, dict) else None
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_ID:
        raise Unreadable("the body has no id")
    return found
