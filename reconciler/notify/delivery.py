"""The port to one way of reaching somebody."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from reconciler.notify.message import Message


class Status(StrEnum):
    """What came of one message."""

    DELIVERED = "delivered"
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
    """

    status: Status
    said: str = ""
    refused: int = 0

    @property
    def arrived(self) -> bool:
        """Whether somebody has it."""
        return self.status is Status.DELIVERED


class Sender(Protocol):
    """One channel, ready to send."""

    @property
    def identity(self) -> str:
        """A name for the receiver that tells nothing about it; changes with it."""

    def send(self, message: Message, now: datetime) -> Delivery:
        """Send *message*; never raises for what the receiver does."""

    def trouble(self) -> str | None:
        """Return why it cannot be used now, as far as can be seen without sending."""


class Sent(NamedTuple):
    """
    A delivery, and by which channel.

    Attributes:
        tried: The channels that were tried before, each with why it failed.
    """

    channel: str
    delivery: Delivery
    tried: tuple[tuple[str, str], ...] = ()
