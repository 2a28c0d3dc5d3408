"""How fast one account may be asked: a token bucket for each declared limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock

_SECONDS = {
    "requestsPerSecond": 1.0,
    "requestsPerMinute": 60.0,
    "requestsPerHour": 3600.0,
}


class Limit:
    """
    The buckets of one account; thread-safe.

    A bucket holds what may be asked in its period and refills evenly. It is filled
    by the clock *and* by what was slept: a clock that stands still (the sandbox's
    may) does not make anybody wait twice.

    Args:
        limits: ``requestsPerSecond``, ``requestsPerMinute``, ``requestsPerHour``;
            other keys are not about requests.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._slept = 0.0
        self._buckets = [
            _Bucket(limits[name], limits[name] / seconds)
            for name, seconds in _SECONDS.items()
            if limits.get(name)
        ]

    def wait(self) -> None:
        """Return when one more request may be sent."""
        with self._lock:
            now = self._clock().timestamp()
            short = max((b.take(now + self._slept) for b in self._buckets), default=0.0)
        if short > 0:
            self._sleep(short)
            moved = self._clock().timestamp() - now
            with self._lock:
                self._slept += max(0.0, short - max(0.0, moved))


class _Bucket:
    def __init__(self, capacity: float, rate: float) -> None:
        self._capacity = capacity
        self._rate = rate
        self._tokens = capacity
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Take one token and return in how many seconds it will really be there."""
        if self._at is not None and now > self._at:
            gained = (now - self._at) * self._rate
            self._tokens = min(self._capacity, self._tokens + gained)
        self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
