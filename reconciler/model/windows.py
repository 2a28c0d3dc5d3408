"""Weekly hours in which something may be done, whatever the clocks do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from reconciler.model.base import Spec

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Hours of one week may be skipped by the clocks; those of the next one are not.
_AHEAD: Final = 15
_ONE_DAY: Final = timedelta(days=1)

Hour = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="A time of day, in quotes.",
        examples=["02:00"],
    ),
]


class MaintenanceWindow(Spec):
    """
    Some hours of some days of each week.

    Attributes:
        days: On which days it opens.
        begins: ``from`` in YAML: the time of day, by the clock on the wall there.
        to: When it closes; at or before ``from``: on the day after.
        time_zone: Whose clock that is, as in ``Europe/Amsterdam``.
    """

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    begins: Annotated[Hour, Field(alias="from")]
    to: Hour
    time_zone: str = "UTC"

    @field_validator("days")
    @classmethod
    def _once_each(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(set(days)) != len(days):
            raise ValueError("the same day is named twice")
        return days

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{name!r} is no time zone; write one such as Europe/Amsterdam"
            ) from None
        return name

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.begins == self.to:
            raise ValueError(
                "a window closes at another time than it opens; without windows "
                "every hour is good"
            )
        return self

    @property
    def length(self) -> timedelta:
        """How long it is open, on a day on which no clock changes."""
        start, end = (_minutes(text) for text in (self.begins, self.to))
        return timedelta(minutes=(end - start) % (24 * 60))


class Span(NamedTuple):
    """When a window is open once: from *start*, up to *end* and not at it. In UTC."""

    start: datetime
    end: datetime


def coming(windows: Iterable[MaintenanceWindow], now: datetime) -> Span | None:
    """
    Return the span that *now* lies in, or the next one; None without windows.

    Of several, the one that opens first, and of those the one that closes last.
    """
    found = [span for window in windows for span in _first(window, now)]
    return (
        min(found, key=lambda span: (max(span.start, now), -span.end.timestamp()))
        if found
        else None
    )


def _first(window: MaintenanceWindow, now: datetime) -> Iterator[Span]:
    zone = ZoneInfo(window.time_zone)
    day = now.astimezone(zone).date() - _ONE_DAY
    for _ in range(_AHEAD + 2):
        if _WEEK[day.weekday()] in window.days:
            span = _span(window, day, zone)
            if span.start < span.end and now < span.end:
                yield span
                return
        day += _ONE_DAY


def _span(window: MaintenanceWindow, day: date, zone: ZoneInfo) -> Span:
    """
    Return when *window* is open on *day*.

    A time that the clocks skip is the same distance after midnight as on other days;
    one that they show twice is the first of the two.
    """
    closes = day if window.begins < window.to else day + _ONE_DAY
    return Span(_at(day, window.begins, zone), _at(closes, window.to, zone))


def _at(day: date, text: str, zone: ZoneInfo) -> datetime:
    wall = datetime.combine(day, time.fromisoformat(text), zone)
    return wall.astimezone(UTC)


def _minutes(text: str) -> int:
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute
