"""Shares of a whole and amounts of data, with their unit written out."""

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

_SIZE = re.compile(r"([1-9]\d{0,5})([KMGT])iB")
_UNITS = {"T": 1024**4, "G": 1024**3, "M": 1024**2, "K": 1024}


def _size(raw: object) -> object:
    if isinstance(raw, Decimal):
        return raw
    found = _SIZE.fullmatch(raw) if isinstance(raw, str) else None
    if found is None:
        raise ValueError("write a size with its binary unit, as in 20GiB")
    return Decimal(int(found[1]) * _UNITS[found[2]])


def size_text(value: Decimal) -> str:
    """Return *value* bytes as YAML writes them, in the largest unit that fits."""
    unit = next((u for u, many in _UNITS.items() if value % many == 0), "K")
    return f"{value / _UNITS[unit]:f}{unit}iB"


#: A number of bytes, written ``20GiB``.
Size = Annotated[
    Decimal,
    BeforeValidator(_size),
    PlainSerializer(size_text, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[1-9][0-9]{0,5}[KMGT]iB$",
            "description": "An amount of data.",
            "examples": ["20GiB"],
        }
    ),
]
