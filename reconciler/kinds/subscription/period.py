"""Which days a period has, and at what moment something of it happens. Pure."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from reconciler.model import Period
from reconciler.model.terms import Hours

#: At what time of the customer's day something happens: when somebody can be asked.
OPENING: Final = time(9)
_SATURDAY: Final = 5


def day_of(since: date, months: int) -> date:
    """Return the day *months* after *since*, or the last of that month."""
    years, month = divmod(since.month - 1 + months, 12)
    year, month = since.year + years, month + 1
    return date(year, month, min(since.day, calendar.monthrange(year, month)[1]))


def index_at(since: date, term: Period, day: date) -> int:
    """Return the number of the period that *day* lies in; -1 before the first."""
    if day < since:
        return -1
    months = (day.year - since.year) * 12 + day.month - since.month
    number = months // term.months
    return number - 1 if day_of(since, number * term.months) > day else number


def following(start: date, term: Period, anchor: int) -> date:
    """
    Return the first day of the period after the one that begins on *start*.

    *anchor* is the day of the month that periods begin on: after a short month they
    begin on it again.
    """
    first = day_of(start.replace(day=1), term.months)
    return first.replace(
        day=min(anchor, calendar.monthrange(first.year, first.month)[1])
    )


def moment(day: date, zone: str, plus: timedelta = timedelta(0)) -> datetime:
    """
    Return the opening of *day* in *zone*, and *plus* by the clock on the wall, in UTC.

    A day is a day where the clocks change, too.
    """
    local = datetime.combine(day, OPENING) + plus
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def later(start: datetime, zone: str, plus: timedelta) -> datetime:
    """Return *plus* after *start* by the clock on the wall in *zone*, in UTC."""
    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + plus
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def allowed(when: datetime, zone: str, quiet: Hours, *, weekends: bool) -> datetime:
    """
    Return the first moment, not before *when*, at which somebody may be disturbed.

    Args:
        when: The moment.
        zone: Whose clock counts.
        quiet: The hours of each day that are none.
        weekends: Whether Saturdays and Sundays are days like others.
    """
    local = when.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    while True:
        if not weekends and local.weekday() >= _SATURDAY:
            local = datetime.combine(local.date() + timedelta(days=1), time(0))
        elif quiet.has(local.time()):
            days = int(local.time() >= quiet.end)
            local = datetime.combine(local.date() + timedelta(days=days), quiet.end)
        else:
            break
    moved = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return max(moved, when)
