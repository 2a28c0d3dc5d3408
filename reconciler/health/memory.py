"""What is remembered between two looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from reconciler.kinds.health_check import HealthCheckSpec, Phase, Symptom
from reconciler.model import Ref

DAY: Final = 86400
#: So many of the last marks are kept: as many as any check may ask for in a row.
MARKS: Final = 10
GOOD, BAD = "+", "-"


class Tally(NamedTuple):
    """Seconds of one day, by what they were."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    maintenance: int = 0

    @property
    def whole(self) -> int:
        """All of them."""
        return self.up + self.down + self.unknown + self.maintenance


class Memory(NamedTuple):
    """
    One check.

    Attributes:
        began: When somebody looked first.
        seen: When somebody could tell last; None: never.
        until: The time up to which every second was counted.
        last: Whether it was good when it was seen last.
        phase: See the kind; ``since``: since when. Of what is wrong, since the first
            bad look.
        marks: What the last looks said, the newest at the end.
        bad: When looks were bad, of three days; ``blind``: when nobody could tell.
        extra: When it was looked at and not everything was.
        day: Which day (days since 1970) the tally is of.
        today: What became of the seconds of that day.
        windows: When each time of maintenance was first seen to be declared.
        incident: The id of the open incident that it is a part of.
    """

    began: int
    seen: int | None = None
    until: int = 0
    last: bool = True
    phase: Phase = "up"
    since: int = 0
    marks: str = ""
    why: str = ""
    symptom: Symptom = "reach"
    bad: tuple[int, ...] = ()
    blind: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    day: int = 0
    today: Tally = Tally()
    windows: Mapping[str, int] = {}
    incident: str | None = None


class Incident(NamedTuple):
    """
    Something that is wrong, once, however many checks see it.

    Attributes:
        root: What it is about: what is checked, or what that hangs on.
        began: The first bad look; ``opened``: when it was certain.
        closed: When all was good again; None: it is open.
        severity: The loudest of its checks.
        lead: The check that speaks for it.
        checks: Every check that was ever a part of it.
        reopened: How often it came back within half an hour.
        restless: A check of it came and went while it was open.
        merged: The id of the incident that turned out to be the same.
    """

    id: str
    root: Ref
    symptom: Symptom
    began: int
    opened: int
    severity: str
    lead: str
    checks: tuple[str, ...]
    why: str
    closed: int | None = None
    reopened: int = 0
    flapping: bool = False
    restless: bool = False
    merged: str | None = None

    @property
    def open(self) -> bool:
        """Whether it is still so."""
        return self.closed is None


class Book(NamedTuple):
    """
    Everything that is remembered.

    Attributes:
        at: The last run.
        runs: When all checks were looked at, of three days.
        held: ``Kind/name symptom`` of what is taken to be down by what hangs on it
            -> when there was a reason last.
        incidents: The open ones, and those that were closed a short time ago.
    """

    at: int = 0
    runs: tuple[int, ...] = ()
    checks: Mapping[str, Memory] = {}
    incidents: Mapping[str, Incident] = {}
    held: Mapping[str, int] = {}


class Watch(NamedTuple):
    """
    One check, as the machine has to know it.

    Attributes:
        above: What it hangs on, the nearest first, by what is wrong.
    """

    name: str
    of: Ref
    spec: HealthCheckSpec
    above: Mapping[str, tuple[Ref, ...]]


class Closed(NamedTuple):
    """A day of a check that is over."""

    name: str
    day: int
    tally: Tally
