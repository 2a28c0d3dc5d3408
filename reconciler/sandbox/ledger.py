"""What really happened: the proof that something happened exactly once."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock
from time import monotonic
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Effect(BaseModel):
    """
    One charge or change at a vendor.

    Attributes:
        seq: Counted from 1 in the ledger.
        kind: ``charge`` takes money, ``change`` does not.
        operation: The vendor's operation, or ``by-hand`` (drift made through the
            control endpoint), or ``auto-renew`` (the vendor itself).
        name: What it happened to (a domain).
        key: The idempotency key it was asked with, if any.
        amount: What was taken, as in ``11.08 USD``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = 0
    at: AwareDatetime
    vendor: str
    operation: str
    kind: Literal["charge", "change"]
    name: str
    key: str | None = None
    amount: str | None = None
    details: dict[str, Any] = {}


class Ledger:
    """All effects in order, and how often which operation was asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._effects: list[Effect] = []
        self._requests: Counter[tuple[str, str]] = Counter()
        self._recent: dict[str, deque[float]] = {}
        self._peaks: Counter[str] = Counter()

    def add(self, effect: Effect) -> Effect:
        """Write one effect down under the next number, and return it so."""
        with self._lock:
            numbered = effect.model_copy(update={"seq": len(self._effects) + 1})
            self._effects.append(numbered)
            return numbered

    def copy(self) -> Ledger:
        """Return one with the same past, which goes its own way."""
        found = Ledger()
        with self._lock:
            found._effects = [*self._effects]
            found._requests = Counter(self._requests)
        return found

    def count(self, vendor: str, operation: str) -> None:
        """Count one request, whatever becomes of it."""
        now = monotonic()
        with self._lock:
            self._requests[vendor, operation] += 1
            recent = self._recent.setdefault(vendor, deque())
            recent.append(now)
            while now - recent[0] >= 1:
                recent.popleft()
            self._peaks[vendor] = max(self._peaks[vendor], len(recent))

    def peak(self, vendor: str) -> int:
        """Return the most requests that came within one second of real time."""
        with self._lock:
            return self._peaks[vendor]

    def effects(
        self, vendor: str | None = None, name: str | None = None
    ) -> list[Effect]:
        """Return the effects, of one vendor or one name if given."""
        with self._lock:
            return [
                e
                for e in self._effects
                if vendor in {None, e.vendor} and name in {None, e.name}
            ]

    def charges(
        self, vendor: str | None = None, name: str | None = None
    ) -> list[Effect]:
        """Return the effects that took money."""
        return [e for e in self.effects(vendor, name) if e.kind == "charge"]

    def requests(self) -> dict[str, dict[str, int]]:
        """Return how many requests came, by vendor and operation."""
        found: dict[str, dict[str, int]] = {}
        with self._lock:
            for (vendor, operation), number in sorted(self._requests.items()):
                found.setdefault(vendor, {})[operation] = number
        return found

    def reset_requests(self) -> None:
        """Begin to count from nought."""
        with self._lock:
            self._requests.clear()
            self._recent.clear()
            self._peaks.clear()

    def as_json(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return {
            "effects": [e.model_dump(mode="json") for e in self.effects()],
            "requests": self.requests(),
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take back what ``as_json`` returned."""
        with self._lock:
            self._effects = [Effect.model_validate(e) for e in data["effects"]]
            self._requests = Counter(
                {
                    (vendor, operation): number
                    for vendor, counted in data["requests"].items()
                    for operation, number in counted.items()
                }
            )
