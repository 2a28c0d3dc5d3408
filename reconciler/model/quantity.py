"""Shares of a whole, with their unit written out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_PERCENT = re.compile(r"(\d{1,4})(?:\.(\d{1,2}))?%")


def _percent(raw: object) -> object:
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, str) and _PERCENT.fullmatch(raw):
        return Decimal(raw[:-1]) / 100
    raise ValueError("write a percentage with its sign, as in 15%")


def _percent_text(value: Decimal) -> str:
    return f"{(value * 100).normalize():f}%"


Percent = Annotated[
    Decimal,
    BeforeValidator(_percent),
    PlainSerializer(_percent_text, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{1,4}(\.[0-9]{1,2})?%$",
            "description": "A percentage.",
            "examples": ["15%"],
        }
    ),
]
