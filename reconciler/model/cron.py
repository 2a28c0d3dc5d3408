"""Five fields of cron, by the clock on the wall, whatever the clocks do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from reconciler.model.base import Frozen

_FIELDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: Final = ("minute", "hour", "day", "month", "weekday")
#: How many days each month has at most.
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: A day of every month and weekday comes again within so many days: 29 February is
#: the same weekday after 28 years, and after 40 around 2100, which has none.
_AHEAD: Final = 366 * 40 + 2
#: So far ahead the next times are compared: what is due daily has had 60 long before.
_YEARS: Final = timedelta(days=366 * 8)


class Cron(Frozen):
    """
    When something is due, written ``15 2 * * *`` (POSIX crontab; Sunday is 0 or 7).

    Where both the day and the weekday are limited either one is enough, as cron has
    it. A time that the clocks skip is due when they have jumped; one that comes twice
    is due the first time.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the schedule that *text* says; raises ValidationError."""
        return cls.model_validate(text)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, raw: Any) -> Any:
        if isinstance(raw, (cls, dict)):
            return raw
        if not isinstance(raw, str):
            raise ValueError(  # noqa: TRY004  (pydantic's own kind of error)
                'write five fields of cron in quotes, as in "15 2 * * *"'
            )
        parts = raw.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(
                f"{raw!r} has {len(parts)} fields, cron has five, as in 15 2 * * *"
            )
        _, _, days, months, _ = (
            _values(part, limits, name)
            for part, limits, name in zip(parts, _FIELDS, _NAMES, strict=True)
        )
        if _both(parts) and min(days) > max(_LONGEST[one - 1] for one in months):
            raise ValueError(f"{raw!r} is never due: no such month has such a day")
        return {"text": " ".join(parts)}

    @model_serializer
    def _to_text(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del core, handler
        return {
            "type": "string",
            "pattern": r"^[0-9*,/-]+( [0-9*,/-]+){4}$",
            "description": "Five fields of cron.",
            "examples": ["15 2 * * *"],
        }

    def __str__(self) -> str:
        return self.text

    def before(self, now: datetime, zone: str) -> datetime:
        """Return the last time at or before *now* that it was due; in UTC."""
        local = now.astimezone(ZoneInfo(zone)).date()
        for back in range(_AHEAD):
            found = [at for at in self._on(local - timedelta(back), zone) if at <= now]
            if found:
                return max(found)
        raise ValueError(f"{self.text} is never due")

    def after(self, now: datetime, zone: str) -> datetime:
        """Return the next time after *now* that it is due; in UTC."""
        local = now.astimezone(ZoneInfo(zone)).date()
        for ahead in range(_AHEAD):
            found = [at for at in self._on(local + timedelta(ahead), zone) if at > now]
            if found:
                return min(found)
        raise ValueError(f"{self.text} is never due")

    def longest(self, now: datetime, zone: str, times: int = 60) -> timedelta:
        """Return the longest time between two of the next *times* that it is due."""
        at, most = self.after(now, zone), timedelta(0)
        for _ in range(times):
            following = self.after(at, zone)
            most, at = max(most, following - at), following
            if at - now > _YEARS:
                break
        return most

    def _on(self, day: date, zone: str) -> Iterator[datetime]:
        """Yield every time of *day* that it is due, in UTC."""
        minutes, hours, days, months, weekdays = (
            _values(part, limits, name)
            for part, limits, name in zip(
                self.text.split(), _FIELDS, _NAMES, strict=True
            )
        )
        if day.month not in months or not self._matches(day, days, weekdays):
            return
        where = ZoneInfo(zone)
        for hour in sorted(hours):
            for minute in sorted(minutes):
                naive = datetime.combine(day, time(hour, minute))
                yield naive.replace(tzinfo=where, fold=0).astimezone(UTC)

    def _matches(
        self, day: date, days: frozenset[int], weekdays: frozenset[int]
    ) -> bool:
        by_day = day.day in days
        by_week = day.isoweekday() % 7 in {one % 7 for one in weekdays}
        if _both(self.text.split()):
            return by_day and by_week
        return by_day or by_week


def _both(parts: list[str]) -> bool:
    """Say whether day and weekday have to be right; where both are limited one has."""
    return parts[2].startswith("*") or parts[4].startswith("*")


@cache
def _values(part: str, limits: tuple[int, int], name: str) -> frozenset[int]:
    """Return the numbers that one field names; raise ValueError where it names none."""
    low, high = limits
    found: set[int] = set()
    for item in part.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        elif first.isdigit() and (last.isdigit() if dash else True):
            start = int(first)
            end = int(last) if dash else (high if step else start)
        else:
            raise ValueError(f"{item!r} is no {name}")
        if not low <= start <= end <= high or (step and not step.isdigit()):
            raise ValueError(f"{item!r} is no {name}: {low} to {high}")
        if step and int(step) == 0:
            raise ValueError(f"{item!r} has no step")
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)
