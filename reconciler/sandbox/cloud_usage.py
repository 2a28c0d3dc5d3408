"""How much machines of the sandbox use: by scenario, on the settable clock. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final
from zlib import crc32

from reconciler.sandbox.registrar import Seed

_DAY: Final = timedelta(days=1)
#: The hour of the day at which most is used.
_PEAK: Final = 14.0
#: What counters had counted when the sandbox began.
_BEFORE: Final = 1e8


class Course(Seed):
    """
    How one metric goes on.

    Attributes:
        base: At the beginning of the sandbox, in the metric's unit.
        per_day: What is added every day: growth, or a leak.
        daily: How far it swings about that in the course of a day.
        noise: How far single readings stray, as a share.
    """

    base: float = 0.0
    per_day: float = 0.0
    daily: float = 0.0
    noise: float = 0.02


def value(course: Course, name: str, begun: datetime, at: datetime) -> float:
    """Return what *name* (machine and metric) uses at a moment; never below nothing."""
    days = (at - begun) / _DAY
    swing = course.daily * math.cos(_phase(at))
    level = course.base + course.per_day * days + swing
    stray = crc32(f"{name}|{int(at.timestamp())}".encode()) / 2**32 * 2 - 1
    return max(0.0, level * (1 + course.noise * stray))


def total(course: Course, begun: datetime, at: datetime) -> float:
    """Return what was used up to *at*, in unit-seconds: what a counter shows."""
    seconds = (at - begun).total_seconds()
    turn = _DAY.total_seconds() / (2 * math.pi)
    swing = math.sin(_phase(at)) - math.sin(_phase(begun))
    growth = course.per_day * seconds**2 / (2 * _DAY.total_seconds())
    return _BEFORE + course.base * seconds + growth + course.daily * turn * swing


def _phase(at: datetime) -> float:
    hour = at.hour + at.minute / 60 + at.second / 3600
    return (hour - _PEAK) / 24 * 2 * math.pi
