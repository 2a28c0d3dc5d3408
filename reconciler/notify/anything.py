"""
Anything else, by Apprise (github.com/caronc/apprise), where that is installed.

It says yes or no, and for some services yes where the answer said no: those that this
tool speaks itself are refused here. What it sends cannot be told from a repetition, so
that it is written down before, like an SMS; what became of it later nobody asks.
"""

from __future__ import annotations

import importlib
import logging
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.message import Message

#: Apprise 2.2 says yes for these whatever the answer says.
_OURS = {
    "twilio": "twilio",
    "vonage": "vonage",
    "nexmo": "vonage",
    "sns": "sns",
}
MISSING = "apprise is not installed: pip install 'reconciler[apprise]'"


class Anything:
    """
    One address of Apprise.

    Args:
        url: As in ``slack://...``: a credential, never shown.

    Raises:
        ValueError: Apprise is not installed, or the service is one of ours.
    """

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0].lower()
        if scheme in _OURS:
            raise ValueError(
                f"{scheme}:// says yes where the answer says no: use type: "
                f"{_OURS[scheme]}"
            )
        if "://" not in url or not url.isprintable():
            raise ValueError("the url is not of the form service://...")
        if find_spec("apprise") is None:
            raise ValueError(MISSING)
        self._url = url

    def __repr__(self) -> str:
        return "Anything()"

    @property
    def identity(self) -> str:
        """Changes with the address, and does not tell it."""
        return sha256(["apprise", self._url])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Have *message* sent; see ``Sender.send``."""
        del now
        made = self._made()
        if made is None:
            return Delivery(Status.FAILED, "apprise does not know this url")
        said = made.notify(body=message.text, title=message.subject, body_format="text")
        if said:
            return Delivery(Status.DELIVERED, "apprise says that it was taken")
        return Delivery(Status.FAILED, "apprise says that it was not taken")

    def check(self, identity: str, now: datetime) -> Delivery:
        """Say that nobody can tell; see ``Tracked.check``."""
        del identity, now
        return Delivery(Status.UNKNOWN, "apprise cannot tell what became of it")

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """Say that nobody can tell; see ``Tracked.find``."""
        del message, since, now
        return Delivery(Status.UNKNOWN, "apprise lists nothing of what it sent")

    def trouble(self) -> str | None:
        """Return why it cannot be used; nothing is sent."""
        return None if self._made() else "apprise does not know this url"

    def _made(self) -> Any:
        """Return apprise with the address; None where it does not take it."""
        # Its log holds addresses.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        made = importlib.import_module("apprise").Apprise()
        return made if made.add(self._url) else None
