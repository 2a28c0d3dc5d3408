"""What else a gateway is asked, by letters and by the books: never by a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from datetime import datetime
from typing import Final, NamedTuple, Protocol, runtime_checkable

from reconciler.model.money import Money

#: What the name of something begins with whose own name a gateway cannot hold.
HASHED: Final = "sha-"


def hashed(uid: str) -> str:
    """Return what a subscription is called where its *uid* cannot be written."""
    return f"{HASHED}{hashlib.sha256(uid.encode()).hexdigest()[:40]}"


class Links(NamedTuple):
    """
    Where a customer sees a bill; whoever has such an address may open it.

    Attributes:
        page: The gateway's page, where the bill can be paid; None where there is none.
        document: The bill as a PDF.
    """

    page: str | None
    document: str | None


class UpdateLink(NamedTuple):
    """
    Where a customer enters another card, on the gateway's own page.

    Attributes:
        until: When the address ends; None where it stays.
    """

    url: str
    until: datetime | None


class Capture(NamedTuple):
    """
    Money that a gateway took.

    Attributes:
        id: The gateway's name of it.
        amount: What was taken; ``refunded`` was given back of it.
        operation: The id of the action whose object was paid; None where no object of
            ours was: whoever pays by the gateway's page pays our object too.
        object: The gateway's id of what was paid.
        subscription: The uid of the subscription, where the object says so; or, where
            the gateway could not hold it, what ``hashed`` makes of it.
        generation: The period it was paid for, as in the id of its actions.
        disputed: The payer denies it, and the gateway asks for evidence.
        page: Where a person sees it at the gateway, and gives it back.
    """

    id: str
    at: datetime
    amount: Money
    refunded: Money
    operation: str | None
    object: str | None
    subscription: str | None
    generation: str | None
    disputed: bool = False
    page: str | None = None


@runtime_checkable
class Collector(Protocol):
    """A driver of the family ``billing`` that has pages for customers, and books."""

    def links(self, bill: str) -> Links:
        """Return where the customer sees the bill with that id."""

    def update_link(self, token: str) -> UpdateLink:
        """Return where the owner of a method enters another one."""

    def captures(self, since: datetime) -> Iterator[Capture]:
        """Yield all money that was taken since then; raise ProviderError if unread."""


class Hold(NamedTuple):
    """
    Money that a gateway holds for us, and has not taken.

    Attributes:
        subscription: Whose it is, and *generation* of which period; as of a Capture.
        page: Where a person sees it at the gateway, and lets go of it.
    """

    id: str
    at: datetime
    amount: Money
    subscription: str
    generation: str
    page: str | None = None


@runtime_checkable
class Holder(Protocol):
    """A driver of the family ``billing`` that holds money before it takes it."""

    def holds(self, since: datetime, known: Container[str]) -> Iterator[Hold]:
        """Yield what is held since then, but for what is *known*, by its id."""


@runtime_checkable
class Papers(Protocol):
    """A driver of the family ``billing`` that hands out its bills as PDFs."""

    def paper(self, bill: str) -> bytes:
        """Return the bill with that id; raise ProviderError where it cannot be had."""
