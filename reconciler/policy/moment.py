"""Days and instants as people write them in a policy."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    WithJsonSchema,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")
_ONE_DAY = timedelta(days=1)


def _day(raw: object) -> object:
    if isinstance(raw, datetime):
        raise ValueError("write a day without a time, as in 2026-12-31")  # noqa: TRY004
    if isinstance(raw, date):
        return raw
    if isinstance(raw, str) and _DAY.fullmatch(raw):
        return _parsed(date.fromisoformat, raw)
    raise ValueError("write a day, as in 2026-12-31")


def _moment(raw: object) -> object:
    if isinstance(raw, str) and _INSTANT.fullmatch(raw):
        raw = _parsed(datetime.fromisoformat, raw)
    if isinstance(raw, datetime):
        if raw.tzinfo is None:
            raise ValueError("a time needs its offset, as in 2026-12-31T18:00:00+01:00")
        return raw
    if isinstance(raw, date) or (isinstance(raw, str) and _DAY.fullmatch(raw)):
        return _day(raw)
    raise ValueError(
        "write a day, as in 2026-12-31, or an instant, as in 2026-12-31T18:00:00+01:00"
    )


def _parsed(parse: Any, raw: str) -> Any:
    try:
        return parse(raw)
    except ValueError as error:
        raise ValueError(f"{raw} is not in the calendar: {error}") from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone; write one such as Europe/Amsterdam"
        ) from None
    return name


#: A calendar day, written ``2026-12-31``.
Day = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(date.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-12-31"]}),
]

#: A calendar day, or an instant with its offset from UTC.
Moment = Annotated[
    datetime | date,
    BeforeValidator(_moment),
    PlainSerializer(lambda moment: moment.isoformat(), return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^({_DAY.pattern}|{_INSTANT.pattern})$",
            "description": "A day, or an instant with its offset.",
            "examples": ["2026-12-31", "2026-12-31T18:00:00+01:00"],
        }
    ),
]

#: A name of the IANA time zone database.
TimeZone = Annotated[str, AfterValidator(_zone)]


def start_of(moment: date, zone: tzinfo = UTC) -> datetime:
    """Return the instant, or the first instant of the day in *zone*."""
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.min, zone)


def end_of(moment: date, zone: tzinfo = UTC) -> datetime:
    """
    Return the first instant after *moment*: a day includes its last second.

    In *zone* a day can have 23 or 25 hours.
    """
    if isinstance(moment, datetime):
        return moment
    if moment == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(moment + _ONE_DAY, time.min, zone)
