"""What an engineer writes of a payment method."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from reconciler.model import (
    Duration,
    Spec,
    To,
)

#: No token yet: the customer gets the gateway's own page to enter one on.
REQUEST: Final = "request"


def _days(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=number) for number in numbers)


class PaymentMethodSpec(Spec):
    """
    Whose it is, and what the gateway calls it.

    Attributes:
        customer: Whose it is; left out where it is our own.
        provider: The gateway's account.
        token: The gateway's id of it, or ``request``: there is none yet.
        purposes: What it may be used for.
        warn_at: How long before its end to warn.
    """

    customer: Annotated[str | None, To("Customer")] = None
    provider: Annotated[str, To("Provider")]
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
    purposes: Annotated[
        tuple[Literal["renewal", "domain", "overage"], ...], Field(min_length=1)
    ] = ("renewal",)
    warn_at: tuple[Duration, ...] = _days(60, 30, 14, 7)

    @field_validator("token")
    @classmethod
    def _no_card(cls, token: str) -> str:
        if not any(char.isalpha() for char in token):
            raise ValueError("a token is the gateway's own id, never a number")
        return token

    @field_validator("purposes")
    @classmethod
    def _once(cls, purposes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(purposes)) != len(purposes):
            raise ValueError("the same purpose is written twice")
        return purposes

    @model_validator(mode="after")
    def _somebody_is_asked(self) -> Self:
        if self.token == REQUEST and self.customer is None:
            raise ValueError("token: request asks a customer: name it in customer")
        return self
