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
    here, at = ZoneInfo(zone), when.astimezone(UTC)
    while True:
        local = at.astimezone(here)
        if not weekends and local.weekday() >= _SATURDAY:
            ends = datetime.combine(local.date() + timedelta(days=1), time(0))
        elif quiet.has(local.time()):
            days = int(local.time() >= quiet.end)
            ends = datetime.combine(local.date() + timedelta(days=days), quiet.end)
        else:
            return at
        at = _next(ends, here, at)


def _next(wall: datetime, zone: ZoneInfo, after: datetime) -> datetime:
    """
    Return when a clock in *zone* shows *wall*, for the first time after *after*.

    It shows it twice where clocks go back. What it leaves out where they go forward is
    as much later: it may have to be looked at again.
    """
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first > after:
        return first
    return wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
