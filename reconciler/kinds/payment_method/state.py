"""What a gateway says of a payment method, and the one thing that is done to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from reconciler.model import (
    Change,
    Frozen,
    Risk,
    State,
)

FAMILY: Final = "payment"


class Owner(Frozen):
    """What the gateway knows of a customer, as far as a document could say it."""

    name: str | None = None
    country: str | None = None
    currency: str | None = None
    language: str | None = None


class PaymentMethodState(State):
    """
    What the gateway says; of a card only what may be shown.

    Attributes:
        token: The gateway's id of it.
        type: ``card``, ``sepa_debit`` ... in the gateway's words.
        brand: The card's brand, where it is one.
        last4: The last four digits of a card or an account.
        exp_year: The year of the last month it is good in, ``exp_month`` that month.
        customer: The gateway's id of the customer it is attached to; None: detached.
        default: What the gateway charges by itself for that customer.
        defaults: Whether it knows such a thing: some charge nothing but what is named.
        owner: Who that is; never written anywhere by itself.
    """

    token: str
    type: str
    brand: str | None = None
    last4: Annotated[str | None, Field(pattern=r"^[0-9A-Za-z]{4}$")] = None
    exp_month: Annotated[int | None, Field(ge=1, le=12)] = None
    exp_year: Annotated[int | None, Field(ge=2000, le=2200)] = None
    customer: str | None = None
    default: str | None = None
    defaults: bool = True
    owner: Annotated[Owner | None, Field(exclude=True, repr=False)] = None

    @property
    def ends(self) -> datetime | None:
        """The last second of the last month it is good in (ISO/IEC 7813), in UTC."""
        if self.exp_year is None or self.exp_month is None:
            return None
        year, month = divmod(self.exp_year * 12 + self.exp_month, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC) - timedelta(seconds=1)

    @property
    def label(self) -> str:
        """What people know it by."""
        return " ".join(filter(None, (self.brand or self.type, self.last4)))


class SetDefault(Change):
    """
    Make it the one that the gateway charges by itself for its customer.

    ``details``: ``customer``, the gateway's id of whom it is for.
    """

    usual_risk: ClassVar[Risk] = Risk.SECURITY
    usually_merges: ClassVar[bool] = False
    verb: Literal["set-default"] = "set-default"
