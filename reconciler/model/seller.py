"""Who sells, and where customers transfer their money to: what our invoices say."""

from __future__ import annotations

import re
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from reconciler.model.base import Spec

_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_BIC: Final = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_GROUP: Final = 4


def _iban(text: str) -> str:
    """Return an IBAN in groups of four; its check digits are checked (ISO 13616)."""
    plain = text.replace(" ", "")
    if not _IBAN.fullmatch(plain):
        raise ValueError("write an IBAN, as in NL91 ABNA 0417 1643 00")
    moved = plain[_GROUP:] + plain[:_GROUP]
    if int("".join(str(int(char, 36)) for char in moved)) % 97 != 1:
        raise ValueError("the check digits of this IBAN are wrong: one was mistyped")
    return " ".join(plain[i : i + _GROUP] for i in range(0, len(plain), _GROUP))


def _bic(text: str) -> str:
    if not _BIC.fullmatch(text):
        raise ValueError("write a BIC, as in ABNANL2A")
    return text


Iban = Annotated[
    str,
    AfterValidator(_iban),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,38}$",
            "description": "A bank account, by its IBAN.",
            "examples": ["NL91 ABNA 0417 1643 00"],
        }
    ),
]
Line = Annotated[str, Field(min_length=1, max_length=100)]


class Seller(Spec):
    """
    Who sells, as invoices have to say it.

    Attributes:
        address: Its lines, as on an envelope.
        tax_ids: Numbers of tax offices and registers, as they are to be shown.
        contact: Whom customers ask.
        iban: Where they transfer their money to.
        pay_to: The same in other words, where there is no IBAN.
        time_zone: Whose day an invoice is dated by.
    """

    legal_name: Annotated[str, Field(min_length=1, max_length=100)]
    address: Annotated[tuple[Line, ...], Field(min_length=1, max_length=6)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["NL"])]
    tax_ids: Annotated[tuple[Line, ...], Field(max_length=6)] = ()
    contact: Line | None = None
    iban: Iban | None = None
    bic: Annotated[str, AfterValidator(_bic)] | None = None
    pay_to: Annotated[tuple[Line, ...], Field(max_length=6)] = ()
    time_zone: str = "UTC"

    @property
    def account(self) -> tuple[str, ...]:
        """Where to transfer money to, line by line, in no language."""
        bic = f" (BIC {self.bic})" if self.bic else ""
        return (*([f"IBAN {self.iban}{bic}"] if self.iban else ()), *self.pay_to)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("write a time zone, as in Europe/Amsterdam") from None
        return value

    @model_validator(mode="after")
    def _can_be_paid(self) -> Self:
        if self.iban is None and not self.pay_to:
            raise ValueError("say where customers pay to: write iban, or payTo")
        return self
