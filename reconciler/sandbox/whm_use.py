"""
What the accounts of a WHM server use, as a function of the account and of time.

Nothing is drawn by lot: the same account at the same moment uses the same, in every
process, so that a clock that is set back or forth shows one history. Growth, a day and
a week, a leak of memory, a step and clean-ups are parameters of the account.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from reconciler.sandbox.registrar import Seed

_DAY: Final = 86400.0
_HOUR: Final = 3600.0
_WEEKEND: Final = 5
#: Of a day, when it is busiest.
_BUSIEST: Final = 15.0
_FILES_PER_MIB: Final = 7.0

Share = Annotated[float, Field(ge=0, le=1)]


class UseSeed(Seed):
    """
    How much one account uses.

    Attributes:
        disk: MiB at the beginning; ``grows`` so many more each day.
        step: MiB that come at once, ``step_day`` days after the beginning.
        clean_days: Each time so many days have passed, what has grown is deleted.
        files: How many files at the beginning; more come with the disk.
        traffic: MiB that go out on a day.
        cpu: Per cent of one core, ``memory`` MiB and ``io`` KiB in a second, on the
            average of a day.
        leak: MiB of memory that are lost each day, until the next clean-up.
        day: How much of cpu, memory, io and traffic swings with the hours.
        week: How much of it is not there at the weekend.
        noise: By how much an hour differs from what is usual.
    """

    disk: float = 14.0
    grows: float = 0.0
    step: float = 0.0
    step_day: float = 0.0
    clean_days: float | None = None
    files: int = 102
    traffic: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0
    io: float = 0.0
    leak: float = 0.0
    day: Share = 0.0
    week: Share = 0.0
    noise: Share = 0.0


Use = Mapping[str, Any]


def disk(use: Use, begun: float, now: datetime) -> float:
    """Return MiB of disk."""
    days = _days(begun, now)
    more = use["step"] if use["step"] and days >= use["step_day"] else 0.0
    return float(max(0.0, use["disk"] + use["grows"] * _dirty(use, days) + more))


def files(use: Use, begun: float, now: datetime) -> int:
    """Return how many files."""
    grown = disk(use, begun, now) - use["disk"]
    return max(0, int(use["files"] + _FILES_PER_MIB * grown))


def traffic(use: Use, begun: float, now: datetime) -> float:
    """Return MiB that went out since the month began, in UTC."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start = max(month.timestamp(), begun)
    daily = float(use["traffic"])
    return sum(
        daily * share * _week(use, datetime.fromtimestamp(at, UTC))
        for at, share in _parts(start, now.timestamp())
    )


def _parts(start: float, end: float) -> list[tuple[float, float]]:
    """Return each day between two moments: its beginning, and how much of it."""
    parts = []
    while start < end:
        midnight = (start // _DAY + 1) * _DAY
        until = min(end, midnight)
        parts.append((start, (until - start) / _DAY))
        start = until
    return parts


def cpu(user: str, use: Use, now: datetime) -> float:
    """Return per cent of one core."""
    return float(use["cpu"]) * _busy(user, use, now)


def io(user: str, use: Use, now: datetime) -> float:
    """Return KiB in a second."""
    return float(use["io"]) * _busy(user, use, now)


def memory(user: str, use: Use, begun: float, now: datetime) -> float:
    """Return MiB of memory."""
    lost = use["leak"] * _dirty(use, _days(begun, now))
    return float(use["memory"]) * _busy(user, use, now) + float(lost)


def _days(begun: float, now: datetime) -> float:
    return max(0.0, (now.timestamp() - begun) / _DAY)


def _dirty(use: Use, days: float) -> float:
    """Return how many days have passed since the last clean-up."""
    every = use["clean_days"]
    return days % float(every) if every else days


def _busy(user: str, use: Use, now: datetime) -> float:
    """Return how this hour compares with the average: 1 is as usual."""
    hour = now.hour + now.minute / 60
    wave = math.cos((hour - _BUSIEST) / 24 * 2 * math.pi)
    noise = float(use["noise"]) * _chance(f"{user}|{int(now.timestamp() // _HOUR)}")
    return max(0.0, (1 + float(use["day"]) * wave) * _week(use, now) * (1 + noise))


def _week(use: Use, now: datetime) -> float:
    return 1 - float(use["week"]) if now.weekday() >= _WEEKEND else 1.0


def _chance(text: str) -> float:
    """Return a number from -1 to 1 that is always the same for *text*."""
    digest = hashlib.sha256(text.encode()).digest()[:8]
    return int.from_bytes(digest) / 2**63 - 1


def month_of(now: datetime, month: str | None, year: str | None) -> datetime | None:
    """
    Return the moment at which the use of a month is to be read; None: there is none.

    A month that is over is read at its end.
    """
    try:
        asked = datetime(int(year or now.year), int(month or now.month), 1, tzinfo=UTC)
    except ValueError:
        return None
    if (asked.year, asked.month) == (now.year, now.month):
        return now
    after = (asked + timedelta(days=32)).replace(day=1)
    return after - timedelta(seconds=1)
