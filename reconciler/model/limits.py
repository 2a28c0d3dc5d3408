"""How often an issuer of certificates may be asked: rates, written ``300/3h``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from reconciler.model.base import Frozen, Spec
from reconciler.model.calendar import Duration, duration_text

if TYPE_CHECKING:  # slow to import, and needed for schemas alone
    from pydantic.json_schema import JsonSchemaValue

_RATE = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,5}[smhdw])")


class Rate(Frozen):
    """
    A bucket of tokens, written ``50/7d``: fifty at once, and all again in seven days.

    It fills evenly: of ``50/7d``, one comes back every 202 minutes.
    """

    count: Annotated[int, Field(ge=1)]
    per: Duration

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, raw: Any) -> Any:
        found = _RATE.fullmatch(raw) if isinstance(raw, str) else None
        if found:
            return {"count": int(found[1]), "per": found[2]}
        if isinstance(raw, (cls, dict)):
            return raw
        raise ValueError("write how many in how long, as in 50/7d, or none")

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
            "pattern": f"^{_RATE.pattern}$".replace("\\d", "[0-9]"),
            "description": "How many in how long.",
            "examples": ["50/7d"],
        }

    def __str__(self) -> str:
        return f"{self.count}/{duration_text(self.per)}"

    @property
    def one(self) -> timedelta:
        """How long it takes for one to come back."""
        return self.per / self.count


def _rate(count: int, **per: int) -> Rate:
    return Rate(count=count, per=timedelta(**per))


class Limits(Spec):
    """
    How often one issuer may be asked; what is left out is as Let's Encrypt has it.

    Its limits are published (letsencrypt.org/docs/rate-limits), as buckets of tokens.

    Attributes:
        orders: New orders of one account.
        domain: New certificates with names under one registered domain.
        names: Certificates for exactly the same names.
        failures: Failed validations of one name.
    """

    orders: Rate | Literal["none"] = _rate(300, hours=3)
    domain: Rate | Literal["none"] = _rate(50, days=7)
    names: Rate | Literal["none"] = _rate(5, days=7)
    failures: Rate | Literal["none"] = _rate(5, hours=1)
