"""What can have to happen so that a period is paid."""

from __future__ import annotations

from typing import ClassVar, Literal

from reconciler.kinds.subscription.state import Of
from reconciler.model import Change, Risk


class BillingChange(Change):
    """
    One step of one period; ``generation`` says of which (``Of.generation``).

    ``details`` of all: ``period``, ``purpose``, ``leg``; ``uid`` of the subscription.
    """

    usually_merges: ClassVar[bool] = False

    @property
    def of(self) -> Of:
        """What it is for."""
        period, purpose, leg = self.generation.split("/")
        return Of(period, purpose, int(leg))

    def text(self, key: str) -> str:
        """Return a text of the details."""
        found = self.details[key]
        assert isinstance(found, str)  # noqa: S101  (made in Subscription.diff alone)
        return found


class Invoice(BillingChange):
    """
    Make the one object of the period that can be paid, and nothing that pays it.

    ``details``: ``amount`` (Money, without tax), ``lines`` (texts with amounts),
    ``due`` (date), ``begins`` and ``ends`` (dates), ``collect``, ``tax``, ``token``
    (the method whose customer is invoiced, where there is one). ``number``: of our own
    series, put there by the journal where the gateway gives none.
    """

    numbered: ClassVar[bool] = True

    reversible: ClassVar[bool] = True
    verb: Literal["invoice"] = "invoice"


class Charge(BillingChange):
    """
    Pay the open bill with one stored method; exactly ``charge``.

    ``details``: ``bill`` (the gateway's id), ``token``; where the gateway has no
    object to pay (way ``capture``): ``number``, the invoice's own.
    """

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    verb: Literal["charge"] = "charge"


class Authorize(BillingChange):
    """Hold the money of the period, ``charge`` of it; ``details`` as of Charge."""

    only_holds: ClassVar[bool] = True
    verb: Literal["authorize"] = "authorize"


class Capture(BillingChange):
    """Take what is held; ``details``: ``bill``, the authorization's id; ``number``."""

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    verb: Literal["capture"] = "capture"


class Void(BillingChange):
    """
    The fence: make sure that the bill can never be paid any more.

    The gateway refuses it where it is paid, or being paid. ``details``: ``bill``.
    """

    reversible: ClassVar[bool] = False
    fences: ClassVar[bool] = True
    verb: Literal["void"] = "void"


SubscriptionChange = Invoice | Charge | Authorize | Capture | Void
