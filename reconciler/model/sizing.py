"""Sizes, what was moved between them, and what follows from a forecast: the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from reconciler.model.hosting import METRICS, PlanLimits
from reconciler.model.money import Money, Price
from reconciler.model.scaling import Scaling
from reconciler.model.usage import Outlook, OutlookState

#: What a move was: for good, for a while, back from there, or to what is enough.
Way = Literal["up", "burst", "back", "down"]
#: The fact under which the records keep the moves of one resource.
FACT: Final = "scalings"
#: So long counts what was spent, and so long has to be known what was used.
MONTH: Final = timedelta(days=30)
_KEPT: Final = timedelta(days=45)


class Rung(NamedTuple):
    """
    One size that something may have.

    Attributes:
        name: Of the plan, or of the type of machine.
        limits: What it allows, by metric and in its unit; what is not there has no
            limit.
        price: None: nobody says what it costs.
    """

    name: str
    limits: Mapping[str, float]
    price: Price | None = None


def rung(name: str, limits: PlanLimits, price: Price | None) -> Rung:
    """Return the size that has these *limits*."""
    found = {metric: limits.of(metric) for metric in METRICS}
    known = {metric: most for metric, most in found.items() if most is not None}
    return Rung(name, known, price)


class Moved(NamedTuple):
    """
    One move that was made because a policy asked for it.

    Attributes:
        was: The size to which a burst goes back, else the one before.
        rise: What it costs more in a month; None where it does not.
    """

    at: datetime
    way: Way
    was: str
    to: str
    rise: Money | None = None


class Sizing(NamedTuple):
    """
    Everything that decides about the size of one thing.

    Attributes:
        ladder: The sizes of its range, from the smallest to the largest.
        at: Which of them it has.
        seen: What is foreseen of it; None: nobody measures it.
        blind: Why nothing is foreseen; empty where something is.
        past: The moves that were made, in the order of time.
        above: The next larger size outside the range, where there is one.
    """

    ladder: Sequence[Rung]
    at: int
    rules: Scaling
    seen: OutlookState | None
    now: datetime
    blind: str = ""
    past: Sequence[Moved] = ()
    above: Rung | None = None


class Cost(NamedTuple):
    """
    What a move costs more in a month, beside what it may.

    Attributes:
        rise: None: nothing.
        known: Whether both prices are written, and in one currency.
        most: What thirty days may bring; ``room`` is what is left of it.
    """

    rise: Money | None
    known: bool
    most: Money | None = None
    room: Money | None = None


class Note(NamedTuple):
    """Something a person should know: the code of a finding, and its sentence."""

    code: str
    said: str


class Decision(NamedTuple):
    """
    What follows.

    Attributes:
        way: None: nothing is moved.
        to: The size it shall have.
        because: For people: metric, probability, horizon, method, back-test, price.
        acts: Whether the policy lets it be planned; else it is only recommended.
        hold: Why a person has to agree first, where it is planned.
        not_before: When the cool-down is over, and a window is open.
        rise: What it costs more in a month.
        room: How much more it may cost by now; None: nothing was allowed to.
        outlook: What it follows from, for the chart.
        notes: What else is to be said, whether anything is moved or not.
        outside: The size outside the range that would be needed.
    """

    way: Way | None = None
    to: Rung | None = None
    because: str = ""
    acts: bool = False
    hold: str | None = None
    not_before: datetime | None = None
    rise: Money | None = None
    room: Money | None = None
    outlook: Outlook | None = None
    notes: tuple[Note, ...] = ()
    outside: Rung | None = None


def recalled(recorded: Mapping[str, JsonValue]) -> tuple[Moved, ...]:
    """Return the moves that the records know, in the order of time."""
    rows = recorded.get(FACT)
    found = [_moved(row) for row in rows] if isinstance(rows, list) else []
    return tuple(sorted(one for one in found if one is not None))


def _moved(row: JsonValue) -> Moved | None:
    match row:
        case [str() as at, "up" | "burst" | "back" | "down" as way, str() as was,
              str() as to, str() as rise]:  # fmt: skip
            moment = datetime.fromisoformat(at)
            return Moved(moment, way, was, to, Money.read(rise) if rise else None)
        case _:
            return None


def remembered(recorded: Mapping[str, JsonValue], new: Moved) -> dict[str, JsonValue]:
    """Return the fact to record after *new*; what is old and done with goes."""
    past = recalled(recorded)
    kept = [one for one in past if new.at - one.at <= _KEPT and one.at != new.at]
    rows: list[JsonValue] = [
        [one.at.isoformat(), one.way, one.was, one.to, str(one.rise or "")]
        for one in (*kept, new)
    ]
    return {FACT: rows}


def lent(past: Sequence[Moved], name: str) -> Moved | None:
    """Return the burst by which it is *name* now; None where that is for good."""
    last = past[-1] if past else None
    return last if last and last.way == "burst" and last.to == name else None


def pictured(metric: str, outlook: Outlook) -> dict[str, JsonValue]:
    """
    Return *outlook* for a chart: whole numbers, where 1000 is what must not be reached.

    Small enough for a plan and its journal: eight weeks back, four weeks ahead.
    """

    def share(values: Sequence[float]) -> list[JsonValue]:
        return [round(min(max(one / outlook.goal, 0), 9) * 1000) for one in values]

    return {
        "metric": metric,
        "past": share(outlook.past[-56:]),
        "ahead": share(outlook.ahead[:28]),
        "worst": share(outlook.worst[:28]),
    }
