"""The days that the demo jumps to: invoices are made, and then they are charged."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.request import ProxyHandler, Request, build_opener
from zoneinfo import ZoneInfo

#: What the shipped inventory says of every subscription.
WRITTEN: Final = "since: 2024-01-15"
#: So long before its period an invoice is made, as the shipped policy has it.
_AHEAD: Final = timedelta(days=14)
#: A day more than that, so that nothing is invoiced on the demo's first day.
_SOONEST: Final = timedelta(days=16)
_THURSDAY: Final = 3
#: Every month has it.
_LAST: Final = 28
_ZONE: Final = ZoneInfo("Europe/Amsterdam")
_NOON: Final = time(12)


def begins(today: date) -> date:
    """Return when periods begin: a Thursday, so that letters go out on workdays."""
    day = today + _SOONEST
    while day.weekday() != _THURSDAY or day.day > _LAST:
        day += timedelta(days=1)
    return day


def since(today: date) -> str:
    """Return what the inventory is to say, so that a period begins on that day."""
    return f"since: {begins(today).replace(year=today.year - 2)}"


class Days:
    """The moments of the story, seen from *today*."""

    def __init__(self, today: date) -> None:
        first = begins(today)
        self.invoiced = _noon(first - _AHEAD)
        self.charged = _noon(first - timedelta(days=1))


def _noon(day: date) -> datetime:
    return datetime.combine(day, _NOON, _ZONE)


def go(control: str, to: datetime) -> None:
    """Put the clock of a sandbox forward."""
    body = json.dumps({"now": to.isoformat()}).encode()
    kind = {"content-type": "application/json"}
    asked = Request(f"{control}/clock", body, kind, method="PUT")  # noqa: S310  (ours)
    opener = build_opener(ProxyHandler({}))  # no proxy stands before loopback
    with opener.open(asked, timeout=5):
        pass
