"""Exact durations (`60d`) and calendar periods (`1y`), kept apart on purpose."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from reconciler.model.base import Frozen

if TYPE_CHECKING:  # slow to import, and needed for schemas alone
    from pydantic.json_schema import JsonSchemaValue

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,6})([smhdw])")
_PERIOD = re.compile(r"(\d{1,3})(mo|y)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _duration(raw: object) -> object:
    if isinstance(raw, timedelta):
        return raw
    if isinstance(raw, str):
        if found := _DURATION.fullmatch(raw):
            return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
        if _PERIOD.fullmatch(raw):
            raise ValueError(
                f"{raw} is a calendar period; a duration is exact: "
                "use s, m, h, d or w, as in 30d"
            )
    raise ValueError("write a duration with its unit (s, m, h, d, w), as in 60d")


def duration_text(value: timedelta) -> str:
    """Return *value* in the largest unit that holds it exactly, as in ``60d``."""
    seconds = int(value.total_seconds())
    unit = next(
        (u for u in "dhm" if seconds and seconds % _SECONDS[u] == 0),
        "s" if seconds else "d",
    )
    return f"{seconds // _SECONDS[unit]}{unit}"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9]{1,6}[smhdw]$",
            "description": "An exact duration: s, m, h, d or w.",
            "examples": ["60d"],
        }
    ),
]


def _day(raw: object) -> object:
    if isinstance(raw, date):
        return raw
    if isinstance(raw, str) and _DAY.fullmatch(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            pass
    raise ValueError("write a date, as in 2026-11-22")


Day = Annotated[date, BeforeValidator(_day)]


class Period(Frozen):
    """A number of calendar months, written ``1mo`` or ``1y``."""

    months: Annotated[int, Field(ge=1, le=1200)]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, raw: Any) -> Any:
        found = _PERIOD.fullmatch(raw) if isinstance(raw, str) else None
        if found:
            return {"months": int(found[1]) * (12 if found[2] == "y" else 1)}
        if isinstance(raw, (cls, dict)):
            return raw
        raise ValueError("write a period of months or years, as in 1mo or 1y")

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
            "pattern": "^[0-9]{1,3}(mo|y)$",
            "description": "A number of calendar months or years.",
            "examples": ["1y"],
        }

    def __str__(self) -> str:
        if self.months % 12 == 0:
            return f"{self.months // 12}y"
        return f"{self.months}mo"

    def after(self, when: datetime) -> datetime:
        """Return the same day and time *months* later, or the month's last day."""
        years, month = divmod(when.month - 1 + self.months, 12)
        year, month = when.year + years, month + 1
        day = min(when.day, calendar.monthrange(year, month)[1])
        return when.replace(year=year, month=month, day=day)
