"""What gateways show of a subscription: its bills, and how they are paid there."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from reconciler.model import Frozen, Money, State

BILLING: Final = "billing"
Way = Literal["invoice", "authorize", "capture"]


class Of(NamedTuple):
    """
    What is paid for.

    Attributes:
        period: Its first day, ISO 8601, in the customer's time zone.
        purpose: ``renewal``; or what else was agreed to be paid for that period.
        leg: 0; 1 where another gateway took over after the first was fenced off.
    """

    period: str
    purpose: str = "renewal"
    leg: int = 0

    @property
    def generation(self) -> str:
        """What the ids of its actions are made from: never a price, never a card."""
        return f"{self.period}/{self.purpose}/{self.leg}"

    @property
    def fact(self) -> str:
        """What the facts of its record begin with."""
        return f"bill/{self.generation}"


class Bill(Frozen):
    """
    One thing to be paid, as its gateway shows it.

    Attributes:
        id: The gateway's name of it.
        state: ``draft``: nobody can pay it yet; ``authorized``: the money is held, and
            not taken; ``void``: it can never be paid any more.
        total: With tax.
        left: What is left to pay, after credit.
        paid: What was paid in money.
        payment: Of the last attempt while it is open: ``processing``: the gateway has
            not decided; ``action``: the customer has to confirm.
        code: Why the last attempt failed, in the gateway's word.
        method: The method of the last attempt, by the gateway's id.
        at: When it was paid.
    """

    period: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    purpose: str = "renewal"
    leg: int = 0
    id: str
    number: str | None = None
    state: Literal["draft", "open", "authorized", "paid", "void", "uncollectible"]
    total: Money
    left: Money
    paid: Money
    payment: Literal["none", "processing", "action", "failed"] = "none"
    code: str | None = None
    method: str | None = None
    at: AwareDatetime | None = None

    @property
    def of(self) -> Of:
        """What it is for."""
        return Of(self.period, self.purpose, self.leg)


class Payer(Frozen):
    """What a gateway knows of a customer, as far as a document could say it."""

    name: str | None = None
    country: str | None = None
    currency: str | None = None
    language: str | None = None


class Native(Frozen):
    """
    A subscription that its gateway's own engine collects.

    Attributes:
        collector: What an InvoicePolicy calls that engine.
        status: ``late``: it could not collect; ``paused``: it does not, for now.
        price: Of one period, without tax and discounts; None: nobody knows it before.
        months: How long a period is; None where it is none of months.
        why: Why price or months are not known, as the end of a sentence.
        since: The first day of a period.
        until: When this period ends, and the next one is collected.
        ending: It ends then.
        method: The gateway's id of what it is charged by.
        names: The domain names that it mentions.
        payer: Whose it is; never written anywhere by itself.
    """

    id: str
    collector: Literal["stripe-billing", "paypal-subscription"]
    status: Literal["active", "late", "paused"] = "active"
    price: Money | None = None
    months: Annotated[int | None, Field(ge=1)] = None
    why: str | None = None
    since: date
    until: AwareDatetime | None = None
    ending: bool = False
    discounted: bool = False
    method: str | None = None
    names: tuple[str, ...] = ()
    payer: Annotated[Payer | None, Field(exclude=True, repr=False)] = None


class BillingState(State):
    """
    What one gateway knows of one subscription; a customer it never saw has no bills.

    Attributes:
        way: How money is collected there: by an ``invoice`` that is paid, by holding
            money first (``authorize``, then ``capture``), or in one step (``capture``).
        customer: Its id of the customer, where the method tells.
        native: What its own engine collects under the subscription's uid.
    """

    way: Way
    customer: str | None = None
    bills: tuple[Bill, ...] = ()
    native: Native | None = None

    def bill(self, of: Of) -> Bill | None:
        """Return the bill of *of*; the one that is not void, where there are two."""
        found = [bill for bill in self.bills if bill.of == of]
        return next(
            (b for b in found if b.state != "void"), found[0] if found else None
        )
