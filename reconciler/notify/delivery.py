"""The port to one way of reaching somebody."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from reconciler.notify.message import Message


class Status(StrEnum):
    """What came of one message."""

    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    """It was taken; whether it arrives, the next runs ask."""
    FAILED = "failed"
    """It was certainly not taken."""
    UNKNOWN = "unknown"
    """It left, and no answer came: it may have been taken."""
    GONE = "gone"
    """The receiver says: never again (HTTP 410)."""


class Delivery(NamedTuple):
    """
    One attempt.

    Attributes:
        said: The receiver's own words, cut and without secrets or addresses.
        refused: How many recipients were refused, where others were not.
        id: The provider's own name of the message, to ask for it later.
    """

    status: Status
    said: str = ""
    refused: int = 0
    id: str = ""

    @property
    def arrived(self) -> bool:
        """Whether somebody has it."""
        return self.status is Status.DELIVERED

    @property
    def taken(self) -> bool:
        """Whether somebody has it, or will have as far as anybody knows."""
        return self.status in {Status.DELIVERED, Status.ACCEPTED}


class Sender(Protocol):
    """One channel, ready to send."""

    @property
    def identity(self) -> str:
        """A name for the receiver that tells nothing about it; changes with it."""

    def send(self, message: Message, now: datetime) -> Delivery:
        """Send *message*; never raises for what the receiver does."""

    def trouble(self) -> str | None:
        """Return why it cannot be used now, as far as can be seen without sending."""


@runtime_checkable
class Tracked(Sender, Protocol):
    """
    A channel whose receiver cannot tell a repetition, and says later what came of it.

    What it sends is written down before: after a death it is looked for, never just
    sent again.
    """

    def check(self, identity: str, now: datetime) -> Delivery:
        """Return what became of the message that the provider calls *identity*."""

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """
        Return what became of *message* (by our id), sent after *since* if at all.

        None: it was certainly never sent. Unknown: the provider cannot tell.
        """


class Sent(NamedTuple):
    """
    A delivery, and by which channel.

    Attributes:
        tried: The channels that were tried before, each with why it failed.
    """

    channel: str
    delivery: Delivery
    tried: tuple[tuple[str, str], ...] = ()
