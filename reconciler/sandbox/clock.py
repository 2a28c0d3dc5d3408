"""The sandbox's clock: real time moved by an offset, or standing still."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any


class SandboxClock:
    """
    The one time all emulators of a sandbox share; aware, UTC, thread-safe.

    It ticks with the machine unless it is frozen. Calling it returns the time, so
    that it can be handed to whatever wants a clock.
    """

    def __init__(self, now: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = Lock()
        self._offset = timedelta(0)
        self._frozen: datetime | None = None
        self.set(now or _machine(), frozen=frozen)

    def __call__(self) -> datetime:
        """Return the time."""
        with self._lock:
            return self._frozen or _machine() + self._offset

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the machine's."""
        return self() - _machine() if self.frozen else self._offset

    def set(self, now: datetime, *, frozen: bool = False) -> None:
        """Make it *now*; from then on it ticks, or stands still if *frozen*."""
        now = now.astimezone(UTC)
        with self._lock:
            self._offset = now - _machine()
            self._frozen = now if frozen else None

    def advance(self, by: timedelta) -> datetime:
        """Move it forward and return the new time; it ticks or not as before."""
        self.set(self() + by, frozen=self.frozen)
        return self()

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``/clock`` shows and accepts."""
        return {"now": self().isoformat(), "frozen": self.frozen}


def _machine() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
