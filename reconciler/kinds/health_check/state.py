"""What a look shows, and what is remembered of all of them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime

from reconciler.model import Frozen, State

#: What is wrong, as far as it tells whose fault it may be: what is reached, the DNS,
#: a certificate, what is answered, what is used.
Symptom = Literal["reach", "dns", "certificate", "answer", "usage"]
Phase = Literal["up", "suspect", "down", "recovering", "flapping", "unknown"]
#: The phases in which something is wrong for certain.
ILL: Final = ("down", "recovering", "flapping")


class Sighting(State):
    """
    What one run saw of one check, after all its tries.

    Attributes:
        at: When.
        up: None: nobody can tell, as where this machine has no network.
        why: What is wrong, in words of ours; never what was answered.
        took: Milliseconds of the last try.
        tries: How many there were.
    """

    at: AwareDatetime
    up: bool | None
    why: str = ""
    symptom: Symptom = "reach"
    took: int | None = None
    tries: int = 1


class Uptime(Frozen):
    """
    Seconds of some time, each of which is in one of them.

    Attributes:
        unknown: Nobody came to look as promised, or nobody could tell.
        maintenance: It was said before that it may be down.
    """

    up: int = 0
    down: int = 0
    unknown: int = 0
    maintenance: int = 0

    def __add__(self, other: Uptime) -> Uptime:
        return Uptime(
            up=self.up + other.up,
            down=self.down + other.down,
            unknown=self.unknown + other.unknown,
            maintenance=self.maintenance + other.maintenance,
        )

    @property
    def share(self) -> float | None:
        """Of what is known, the share that it was up; None where nothing is."""
        known = self.up + self.down
        return self.up / known if known else None

    @property
    def least(self) -> float | None:
        """The same, if it was down for all of the time of which nobody knows."""
        whole = self.up + self.down + self.unknown
        return self.up / whole if whole else None


class Budget(Frozen):
    """
    What may still go wrong.

    Attributes:
        allowed: Seconds that it may be down in the window, ``spent`` those it was.
        burning: ``fast`` and ``slow`` need a person now, ``steadily`` one of these
            days; empty: it lasts.
        rate: How many times faster than allowed, in hundredths, over the hours of
            that alarm.
    """

    allowed: int
    spent: int
    burning: Literal["", "fast", "slow", "steadily"] = ""
    rate: int = 0


class HealthState(State):
    """
    What all looks together say about one check.

    Attributes:
        seen: When somebody could tell last; ``at``: when somebody tried.
        since: Since when it is in this phase; of what is wrong, since the first bad
            look.
        incident: The id of the open incident that it is a part of.
        root: What that incident is about, as in ``Provider/whm-1``.
        lead: Whether this check speaks for the incident.
        others: How many more are a part of it.
        maintenance: Whether it may be down now.
        month: The last thirty days.
    """

    at: AwareDatetime
    phase: Phase
    since: AwareDatetime
    seen: AwareDatetime | None = None
    why: str = ""
    incident: str | None = None
    root: str | None = None
    lead: bool = True
    others: int = 0
    maintenance: bool = False
    month: Uptime = Uptime()
    budget: Budget | None = None

    @property
    def ill(self) -> bool:
        """Whether something is wrong for certain."""
        return self.phase in ILL


def moment(at: datetime) -> str:
    """Return *at* as people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
