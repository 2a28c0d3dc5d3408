"""
Faults on request: what goes wrong between a client and a vendor.

A fault is for one vendor and one operation (or ``*``), a number of times.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from threading import Lock
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

FaultKind = Literal[
    "status",
    "status-after",
    "lost-before",
    "lost-after",
    "slow",
    "throttle",
    "malformed",
    "stale",
    "wrong-account",
    "empty",
    "duplicate-page",
]
KINDS: tuple[str, ...] = get_args(FaultKind)


class Fault(BaseModel):
    """
    One thing that goes wrong.

    Attributes:
        operation: The vendor's operation as the emulator names it; ``*`` wildcards.
        kind: ``status`` and ``lost-before`` happen before the effect,
            ``status-after``, ``lost-after`` and ``malformed`` after it. ``slow``
            waits before the effect, ``throttle`` is a 429. ``stale`` answers from
            the state at the time the fault was added; ``wrong-account`` as if the
            token were another account's; ``empty`` lists nothing;
            ``duplicate-page`` gives the first page again.
        times: How many requests it meets; 0 is all of them.
        skip: How many matching requests pass first (``skip: 1`` is page two).
        status: The HTTP status of ``status`` and ``status-after``.
        retry_after: Seconds in a Retry-After header, where there is one.
        seconds: How long ``slow`` waits.
        text: What the vendor's error says, instead of its usual words.
    """

    model_config = ConfigDict(extra="forbid")

    vendor: str
    operation: str = "*"
    kind: FaultKind
    times: int = Field(default=1, ge=0)
    skip: int = Field(default=0, ge=0)
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0.0
    text: str = ""
    snapshot: Any = Field(default=None, exclude=True)


class Faults:
    """The faults waiting to happen; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Make *fault* happen from the next request on."""
        with self._lock:
            self._waiting.append(fault.model_copy())

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Return those that have not (all) happened yet."""
        with self._lock:
            return [fault.model_copy() for fault in self._waiting]

    def take(self, vendor: str, operation: str) -> Fault | None:
        """Return the fault this very request meets, if any, and count it."""
        with self._lock:
            for fault in self._waiting:
                if fault.vendor == vendor and fnmatchcase(operation, fault.operation):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault:
        taken = fault.model_copy()
        if fault.times == 1:
            self._waiting.remove(fault)
        elif fault.times:
            fault.times -= 1
        return taken
