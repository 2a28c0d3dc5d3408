"""A channel that is ready, and what came of one message to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.notify.delivery import Sender, Sent
from reconciler.notify.message import Message
from reconciler.notify.wording import Words


class Channel(NamedTuple):
    """
    A channel of the inventory.

    Attributes:
        sender: None where it cannot be used, and *why* says why.
        words: What it says, in its language; None for the shipped English.
    """

    want: NotificationChannel
    sender: Sender | None
    why: str = ""
    words: Words | None = None


Channels = Mapping[str, Channel]


class Told(NamedTuple):
    """One message to one channel, and what came of it."""

    channel: str
    message: Message
    sent: Sent

    @property
    def arrived(self) -> bool:
        """Whether somebody has it, or will have as far as anybody knows."""
        return self.sent.delivery.taken
