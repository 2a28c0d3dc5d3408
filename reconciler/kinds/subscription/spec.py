"""What an engineer writes of a subscription."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from reconciler.model import Day, Period, Price, Spec, Terms, To

#: What may be paid for: each is written ``Kind/name``.
COVERED: Final = ("Backup", "Certificate", "Domain", "HostingAccount")


def _thing(text: str) -> str:
    kind, _, name = text.partition("/")
    if kind not in COVERED or not name:
        known = ", ".join(COVERED)
        raise ValueError(f"write Kind/name, where Kind is one of {known}")
    return text


class SubscriptionSpec(Spec):
    """
    Who pays for what, since when.

    Attributes:
        customer: Who pays.
        since: The first day of the first period: the day of the month that later
            periods begin on, or that month's last.
        covers: What is paid for.
        price: What it costs; left out, what the plan of the one covered account costs.
        term: How long a period is; left out, the interval of the price.
        state: ``suspended``: what it covers is taken off the net; nothing is invoiced
            any more from ``cancel-at-period-end`` on.
        invoicing: The InvoicePolicy; ``default`` needs no document.
        dunning: The DunningPolicy; ``standard`` needs no document.
        proration: ``create``: what a change of the price within a period makes up is
            a line of the next invoice.
        terms: What all of that comes to; the inventory fills it in, and nobody writes
            it.
    """

    customer: Annotated[str, To("Customer")]
    since: Day
    covers: Annotated[
        tuple[
            Annotated[str, AfterValidator(_thing), To("", edge=False, kinds=COVERED)],
            ...,
        ],
        Field(min_length=1, examples=[["HostingAccount/acme.example"]]),
    ]
    price: Price | None = None
    term: Period | None = None
    state: Literal["active", "suspended", "cancel-at-period-end", "terminated"] = (
        "active"
    )
    invoicing: Annotated[str, To("InvoicePolicy", edge=False, besides=("default",))] = (
        "default"
    )
    dunning: Annotated[str, To("DunningPolicy", edge=False, besides=("standard",))] = (
        "standard"
    )
    proration: Literal["create", "none"] = "create"
    terms: SkipJsonSchema[Terms | None] = Field(default=None, exclude=True)

    @field_validator("covers")
    @classmethod
    def _once(cls, covers: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(covers)) != len(covers):
            raise ValueError("the same thing is covered twice")
        return covers
