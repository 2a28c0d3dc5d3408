"""The wire between drivers and emulators: what is lost on it, and what comes late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.model.driver import Answered, Sent
from reconciler.sandbox.paying.faults import Crash, Fault, FaultKind

Way = Callable[[Sent], Answered]
_READS = frozenset({"GET", "HEAD"})
#: A POST that reads: it is no effect, whatever becomes of it.
_NO_EFFECT = ("/oauth2/token",)
_KEYS = ("Idempotency-Key", "PayPal-Request-Id")
_BROKEN = Answered(503, {"content-type": "application/json"}, b'{"error": {}}')
_LATE = {
    FaultKind.STUCK: timedelta(minutes=1),
    FaultKind.STUCK_LONG: timedelta(hours=14),
}
_DEAF = frozenset({FaultKind.LOST_REPLY, FaultKind.NEW_METHOD, FaultKind.BLIND})


class Late(NamedTuple):
    """A request that arrives after everybody has given up on it."""

    at: datetime
    way: Way
    sent: Sent


class Carried(NamedTuple):
    """
    What a wire has carried.

    Attributes:
        effects: How many requests with an effect.
        bodies: What was sent with each key.
    """

    effects: int
    met: tuple[Fault, ...]
    late: tuple[Late, ...]
    reused: frozenset[str]
    bodies: Mapping[str, bytes]


class Wire:
    """
    Carries requests, and lets some of them meet a fault.

    Args:
        clock: The time.
        fault: What the effect with a number meets.
        beside: Called for what happens beside it: an overlap, a customer ...

    Attributes:
        met: The faults that were met.
        late: What is still under way.
        blind: Nothing can be read.
        reused: The keys that were sent with two different bodies.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        fault: Callable[[int], FaultKind | None],
        beside: Callable[[FaultKind], None],
    ) -> None:
        self.met: list[Fault] = []
        self.late: list[Late] = []
        self.blind = False
        self.effects = 0
        self.reused: set[str] = set()
        self._bodies: dict[str, bytes] = {}
        self._clock = clock
        self._fault = fault
        self._beside = beside

    def carried(self) -> Carried:
        """Return what it has carried until now."""
        bodies, reused = dict(self._bodies), frozenset(self.reused)
        return Carried(self.effects, tuple(self.met), tuple(self.late), reused, bodies)

    def take_up(self, carried: Carried) -> None:
        """Go on as one that has carried that."""
        self.effects, self.met = carried.effects, [*carried.met]
        self.late, self.reused = [*carried.late], {*carried.reused}
        self._bodies = dict(carried.bodies)

    def to(self, way: Way) -> Way:
        """Return the way to one vendor, over this wire."""
        return lambda sent: self._carry(way, sent)

    def arrive(self, now: datetime) -> None:
        """Deliver what is late, as far as its time has come."""
        due = [one for one in self.late if one.at <= now]
        self.late = [one for one in self.late if one.at > now]
        for one in due:
            one.way(one.sent)

    def _carry(self, way: Way, sent: Sent) -> Answered:
        if sent.method in _READS or sent.url.endswith(_NO_EFFECT):
            return _BROKEN if self.blind else way(sent)
        self._keep(sent)
        number, self.effects = self.effects, self.effects + 1
        kind = self._fault(number)
        if kind is None:
            return way(sent)
        self.met.append(Fault(number, kind))
        return self._spoiled(kind, way, sent)

    def _keep(self, sent: Sent) -> None:
        key = next((sent.headers[h] for h in _KEYS if h in sent.headers), None)
        if key is None:
            return
        asked = f"{sent.method} {sent.url}\n".encode() + sent.body
        if self._bodies.setdefault(key, asked) != asked:
            self.reused.add(key)

    def _spoiled(self, kind: FaultKind, way: Way, sent: Sent) -> Answered:
        if kind in {FaultKind.OVERLAP, FaultKind.CUSTOMER}:
            self._beside(kind)
            return way(sent)
        if kind is FaultKind.CRASH_BEFORE:
            raise Crash
        if kind is FaultKind.ERROR_BEFORE:
            return _BROKEN
        if kind in _LATE:
            self.late.append(Late(self._clock() + _LATE[kind], way, sent))
        elif kind is not FaultKind.LOST_REQUEST:
            way(sent)
        if kind is FaultKind.CRASH_AFTER:
            raise Crash
        if kind is FaultKind.ERROR_AFTER:
            return _BROKEN
        if kind in _DEAF:
            self._beside(kind)
        raise TimeoutError("the answer was lost")
