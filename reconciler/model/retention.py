"""
Which snapshots a policy keeps, as restic counts. Pure.

Ours and not the engine's own choice: a plan has to name what goes, one by one, before
anything does. The rules are those of ``restic forget`` (restic's manual, "Removing
backup snapshots", and ``ApplyPolicy`` in its sources): of each period the newest is
kept, as many periods as are asked for, by the clock that each snapshot says it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from reconciler.model.backing import Keep

#: From this version on the oldest of all is kept while a period has room.
OLDEST_SINCE: Final = (0, 16)


class Kept(NamedTuple):
    """
    One moment of a timeline.

    Attributes:
        at: When it was made, with the offset of the clock it was made by.
    """

    id: str
    at: datetime


class _Rule(NamedTuple):
    """One way to count: how many, and what is one period."""

    most: int
    period: Callable[[datetime, int], object]


def keeps_oldest(version: tuple[int, ...]) -> bool:
    """Say whether restic *version* keeps the oldest while a period has room."""
    return version >= OLDEST_SINCE


def retained(
    timeline: Iterable[Kept], keep: Keep, now: datetime, *, oldest: bool = True
) -> frozenset[str]:
    """
    Return the ids that stay of one *timeline* (one source at one place).

    Where *keep* asks for nothing everything stays, as restic has it; ``keep.least`` is
    none of restic's rules: so many of the newest stay whatever the others say.

    Args:
        timeline: In any order.
        keep: The policy.
        now: What is dated later pushes nothing out of ``within``.
        oldest: Whether the oldest of all stays while a period has room.
    """
    line = sorted(sorted(timeline), key=lambda one: one.at, reverse=True)
    rules = _rules(keep)
    if not rules and not keep.within:
        return frozenset(one.id for one in line)
    found = _counted(line, rules, oldest=oldest) | _recent(line, keep, now)
    return frozenset(found | {one.id for one in line[: keep.least]})


def _rules(keep: Keep) -> list[_Rule]:
    counted: tuple[tuple[int, Callable[[datetime, int], object]], ...] = (
        (keep.last, lambda _at, number: number),
        (keep.hourly, lambda at, _: (at.year, at.month, at.day, at.hour)),
        (keep.daily, lambda at, _: (at.year, at.month, at.day)),
        (keep.weekly, lambda at, _: at.isocalendar()[:2]),
        (keep.monthly, lambda at, _: (at.year, at.month)),
        (keep.yearly, lambda at, _: at.year),
    )
    return [_Rule(count, period) for count, period in counted if count]


def _counted(line: Sequence[Kept], rules: list[_Rule], *, oldest: bool) -> set[str]:
    """Return what the counting rules keep; *line* begins with the newest."""
    found: set[str] = set()
    for most, period in rules:
        left, last = most, None
        for number, one in enumerate(line):
            if left == 0:
                break
            this = period(one.at, number)
            if this != last or (oldest and number == len(line) - 1):
                found.add(one.id)
                left, last = left - 1, this
    return found


def _recent(line: Sequence[Kept], keep: Keep, now: datetime) -> set[str]:
    """Return what is younger than the newest one less ``within``."""
    newest = max((one.at for one in line if one.at < now), default=None)
    if not keep.within or newest is None:
        return set()
    return {one.id for one in line if one.at > newest - keep.within}
