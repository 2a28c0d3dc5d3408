"""What is coming due, day by day; the same thing on many names is one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from reconciler.report.plan_document import Amount, DueData
from reconciler.report.words import total, when

_FEW = 3


class Line(NamedTuple):
    """
    One thing on one day, or the same thing on several names; never empty.

    Attributes:
        by: ``auto``, ``you`` or ``nobody``.
    """

    kind: str
    what: str
    by: str
    items: Sequence[DueData]

    @property
    def who(self) -> str:
        """``Kind/name``, or how many of that kind."""
        if len(self.items) > 1:
            return f"{len(self.items)} x {self.kind}"
        return f"{self.kind}/{self.items[0]['name']}"

    @property
    def cost(self) -> str:
        """The sum, ``31.26 USD``; empty where nothing is known to cost."""
        return total(map(amount, self.items))


class Day(NamedTuple):
    """One day (of UTC) on which something is due."""

    date: date
    lines: Sequence[Line]


def agenda(due: Iterable[DueData], few: int = _FEW) -> list[Day]:
    """Return *due* by day; what is the same on more than *few* names is one line."""
    return [
        Day(day, list(_lines(list(items), few)))
        for day, items in groupby(sorted(due, key=_turn), key=_day)
    ]


def amount(due: DueData) -> Amount | None:
    """Return what *due* costs as an amount, where that is known."""
    number, _, currency = (due["cost"] or "").partition(" ")
    return {"amount": number, "currency": currency} if currency else None


def _lines(items: Sequence[DueData], few: int) -> Iterator[Line]:
    same: dict[tuple[str, str, str], list[DueData]] = defaultdict(list)
    for item in items:
        same[item["kind"], item["what"], item.get("by", "you")].append(item)
    for key, found in same.items():
        if len(found) > few:
            yield Line(*key, found)
        else:
            yield from (Line(*key, [one]) for one in found)


def _day(due: DueData) -> date:
    return when(due["at"]).date()


def _turn(due: DueData) -> tuple[date, str, str, str]:
    return _day(due), due["kind"], due["name"], due["what"]
