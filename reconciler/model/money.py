"""Money and prices: a decimal and a currency, never a float."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from reconciler.model.base import Frozen

if TYPE_CHECKING:  # slow to import, and needed for schemas alone
    from pydantic.json_schema import JsonSchemaValue

#: ISO 4217 currencies with other than two minor digits (list of 2024).
MINOR_DIGITS = {
    code: digits
    for digits, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
    )
    for code in codes.split()
}
_MONEY = re.compile(r"(\d{1,12})(?:\.(\d{1,3}))? ([A-Z]{3})")
_SHAPE = "write an amount and a currency, as in 12.50 EUR"


class Money(Frozen):
    """An amount of one currency, written ``12.50 EUR`` in YAML and in JSON."""

    amount: Annotated[Decimal, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    @model_validator(mode="wrap")
    @classmethod
    def _from_text(cls, raw: Any, handler: ModelWrapValidatorHandler[Money]) -> Money:
        if isinstance(raw, cls):
            return raw
        if isinstance(raw, dict):
            return handler(raw)
        if not isinstance(raw, str):
            raise ValueError(_SHAPE)  # noqa: TRY004  (pydantic tells these)
        return _read(raw)

    @model_serializer
    def _to_text(self) -> str:
        return str(self)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del core, handler
        return {
            "type": "string",
            "pattern": r"^\d{1,12}(\.\d{1,3})? [A-Z]{3}$",
            "description": "An amount and a currency.",
            "examples": ["12.50 EUR"],
        }

    @classmethod
    def read(cls, text: str) -> Money:
        """Return what *text* says, as in ``12.50 EUR``; raises ValueError."""
        return _read(text)

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """Return *minor* units (cents) of *currency*."""
        digits = MINOR_DIGITS.get(currency, 2)
        return cls(amount=Decimal(minor).scaleb(-digits), currency=currency)

    @property
    def minor(self) -> int:
        """The amount in minor units (cents)."""
        return int(self.amount.scaleb(MINOR_DIGITS.get(self.currency, 2)))

    def __str__(self) -> str:
        return f"{_rounded(self.amount, self.currency)} {self.currency}"

    def __le__(self, other: Money) -> bool:
        """Compare within one currency; raise ValueError between two."""
        if self.currency != other.currency:
            raise ValueError(f"cannot compare {self} with {other}")
        return self.amount <= other.amount

    def __lt__(self, other: Money) -> bool:
        """Compare within one currency; raise ValueError between two."""
        return self <= other and self.amount != other.amount

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other} to {self}")
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def times(self, factor: Decimal | int) -> Money:
        """Return this amount times *factor*, rounded down to the minor unit."""
        digits = MINOR_DIGITS.get(self.currency, 2)
        exact = self.amount * factor
        return Money(
            amount=exact.quantize(Decimal(1).scaleb(-digits), rounding="ROUND_DOWN"),
            currency=self.currency,
        )


@lru_cache(maxsize=4096)
def _read(text: str) -> Money:
    """Return the amount that *text* says; records say the same ones over and over."""
    found = _MONEY.fullmatch(text)
    if found is None:
        raise ValueError(_SHAPE)
    whole, part, currency = found.groups()
    if len(part or "") > MINOR_DIGITS.get(currency, 2):
        raise ValueError(
            f"{currency} has {MINOR_DIGITS.get(currency, 2)} decimals at most"
        )
    amount = _rounded(Decimal(f"{whole}.{part or 0}"), currency)
    return Money.model_construct(amount=amount, currency=currency)


class Price(Frozen):
    """An amount per month or year, written ``9.00 EUR/month``."""

    money: Money
    per: Literal["month", "year"]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, raw: Any) -> Any:
        if isinstance(raw, str) and raw.count("/") == 1:
            money, per = raw.split("/")
            if per in {"month", "year"}:
                return {"money": money, "per": per}
        if isinstance(raw, (cls, dict)):
            return raw
        raise ValueError("write an amount, a currency and an interval: 9.00 EUR/month")

    @model_serializer
    def _to_text(self) -> str:
        return str(self)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del core, handler
        return {
            "type": "string",
            "pattern": r"^\d{1,12}(\.\d{1,3})? [A-Z]{3}/(month|year)$",
            "description": "An amount per month or year.",
            "examples": ["9.00 EUR/month"],
        }

    def __str__(self) -> str:
        return f"{self.money}/{self.per}"

    def over(self, months: int) -> Money:
        """Return what *months* calendar months cost."""
        if self.per == "month":
            return self.money.times(months)
        return self.money.times(Decimal(months) / 12)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-MINOR_DIGITS.get(currency, 2)))
