"""
On which terms somebody pays: when an invoice is made, and what follows if it is unpaid.

Nouns that several kinds share: an InvoicePolicy says the first, a DunningPolicy the
second, and a Subscription has both, with its price and its payer, in its ``terms``.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from reconciler.model.base import Frozen, Spec
from reconciler.model.calendar import Duration, Period
from reconciler.model.money import Money
from reconciler.model.quantity import Percent

#: No policy allows more attempts at one invoice. The networks fine what is above their
#: own limits (Visa 15 in 30 days, Mastercard 10 in 24 hours).
MOST_ATTEMPTS: Final = 8
#: The deeds that ask a gateway for money.
ATTEMPTS: Final = ("charge", "retry", "backup-gateway")
#: Two attempts at one invoice are so far apart.
APART: Final = timedelta(hours=24)
#: A warning is no warning unless it leaves so much time.
WARNED: Final = timedelta(days=3)

Deed = Literal[
    "charge",
    "retry",
    "request-card-update",
    "backup-gateway",
    "suspend",
    "propose-termination",
]
Notify = Literal["first-failure", "reminder", "final-warning"]
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Notice(Spec):
    """A notice to the customer, by the name of its text."""

    notify: Notify


class Step(Spec):
    """
    What is done some time after the first attempt at an invoice failed.

    Attributes:
        after: Since that first failure; of an invoice that is not charged, since its
            due date.
    """

    after: Duration
    do: Annotated[tuple[Deed | Notice, ...], Field(min_length=1)]

    def does(self, deed: Deed) -> bool:
        """Say whether *deed* is part of it."""
        return deed in self.do

    @property
    def notices(self) -> tuple[Notify, ...]:
        """The notices that it sends."""
        return tuple(each.notify for each in self.do if isinstance(each, Notice))


class Hours(Frozen):
    """A part of every day, from one time to another, maybe over midnight."""

    start: time
    end: time

    def has(self, at: time) -> bool:
        """Say whether *at* lies in it; its end does not."""
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _hours(raw: Any) -> Any:
    found = _HOURS.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        if isinstance(raw, (Hours, dict)):
            return raw
        raise ValueError("write two times of the day, as in 21:00-08:00")
    start = time(int(found[1]), int(found[2]))
    end = time(int(found[3]), int(found[4]))
    if start == end:
        raise ValueError("that is the whole day: write hours of a part of it")
    return {"start": start, "end": end}


DayHours = Annotated[
    Hours,
    BeforeValidator(_hours),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _HOURS.pattern,
            "description": "Hours of every day, maybe over midnight.",
            "examples": ["21:00-08:00"],
        }
    ),
]


def _days(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=number) for number in numbers)


class Invoicing(Spec):
    """
    When an invoice is made, charged and due, and how it gets to the customer.

    Attributes:
        collector: Who charges: this tool, or the gateway's own engine. There is never
            more than one.
        create: How long before its period begins an invoice is made.
        charge: How long before it is due it is charged.
        due: How long after its period began it is due.
        remind_at: How long before it is due the customer is reminded.
        max_charge: The most that one charge may be.
        deliver: How the customer gets it.
        tax: ``none``; a rate on top of the price, as in ``21%``; ``gateway``: worked
            out there; or the gateway's ids of rates.
    """

    collector: Literal["reconciler", "stripe-billing", "paypal-subscription"] = (
        "reconciler"
    )
    create: Duration = timedelta(days=14)
    charge: Duration = timedelta(days=1)
    due: Duration = timedelta(0)
    remind_at: tuple[Duration, ...] = _days(14, 7, 3, 1)
    max_charge: Money | None = None
    deliver: tuple[Literal["email", "hosted-page", "archive"], ...] = (
        "email",
        "hosted-page",
        "archive",
    )
    tax: Literal["none", "gateway"] | Percent | tuple[str, ...] = "none"

    @model_validator(mode="after")
    def _before_it_is_due(self) -> Self:
        if self.charge > self.create + self.due:
            raise ValueError("charge is earlier than create: there is nothing to pay")
        return self


def _step(day: int, *do: Deed | Notify) -> Step:
    said = ("first-failure", "reminder", "final-warning")
    deeds = tuple(Notice(notify=d) if d in said else d for d in do)  # type: ignore[arg-type]
    return Step(after=timedelta(days=day), do=deeds)  # type: ignore[arg-type]


class Dunning(Spec):
    """
    What follows, step by step, when an invoice is not paid.

    Attributes:
        max_attempts: At one invoice, by all methods together.
        skip_weekends: No notice and no suspension on Saturdays and Sundays.
        quiet_hours: Nor in these hours, in the customer's time zone.
    """

    max_attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)] = 6
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    skip_weekends: bool = True
    quiet_hours: DayHours = Hours(start=time(21), end=time(8))


#: What ``dunning: standard`` means where no DunningPolicy is called so.
STANDARD: Final = Dunning(
    steps=(
        _step(0, "charge", "first-failure"),
        _step(1, "retry"),
        _step(3, "retry", "reminder", "request-card-update"),
        _step(5, "retry"),
        _step(7, "backup-gateway"),
        _step(10, "final-warning"),
        _step(14, "suspend"),
        _step(44, "propose-termination"),
    )
)


class Method(Frozen):
    """A payment method of the payer: its document, its account, its id there."""

    name: str
    provider: str
    token: str


class Agreed(Frozen):
    """
    What the payer agreed to.

    Attributes:
        max: The most that one charge may be.
        backup: Whether the backup methods may be charged too.
    """

    reference: str
    date: date
    max: Money
    backup: bool = False


class Terms(Frozen):
    """
    Everything that decides what a subscription costs, and how that is collected.

    Attributes:
        price: For one ``term``.
        customer: The name of the Customer.
        methods: Those that may be charged, the primary first.
        agreed: What was agreed; without it nothing is charged.
        holds: Why nothing is charged, suspended or deleted.
    """

    price: Money
    term: Period
    customer: str
    country: str
    currency: str
    language: str = "en"
    time_zone: str = "UTC"
    collect: Literal["auto", "invoice", "none"] = "auto"
    methods: tuple[Method, ...] = ()
    agreed: Agreed | None = None
    holds: tuple[str, ...] = ()
    invoicing: Invoicing = Invoicing()
    dunning: Dunning = STANDARD
