"""What is coming due, day by day; the same thing on many names is one line."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.report.words import standing, total, when

if TYPE_CHECKING:
    from reconciler.report.plan_document import (
        ActionData,
        Amount,
        DueData,
        PlanDocument,
    )


FORMAT = "reconciler.due/v1"
_FEW = 3
_MONEY = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ([A-Z]{3})", re.ASCII)


class Coming(NamedTuple):
    """
    One thing that is due.

    Attributes:
        what: What happens then; with a word on what stands in its way.
        by: ``auto``, ``you`` or ``nobody``.
    """

    item: DueData
    what: str
    by: str

    @property
    def date(self) -> date:
        """The day (of UTC)."""
        return when(self.item["at"]).date()

    @property
    def address(self) -> str:
        """``Kind/name``."""
        return f"{self.item['kind']}/{self.item['name']}"

    @property
    def amount(self) -> Amount | None:
        """What it costs, where that is known as a sum of money."""
        return _amount(self.item["cost"])

    @property
    def charge(self) -> Amount | None:
        """What a client pays then."""
        return _amount(self.item.get("charge"))


def _amount(text: str | None) -> Amount | None:
    found = _MONEY.fullmatch(text or "")
    return {"amount": found[1], "currency": found[2]} if found else None


class Line(NamedTuple):
    """One thing on one day, or the same thing on several names; never empty."""

    kind: str
    what: str
    by: str
    items: Sequence[Coming]

    @property
    def who(self) -> str:
        """``Kind/name``, or how many of that kind."""
        if len(self.items) > 1:
            return f"{len(self.items)} x {self.kind}"
        return self.items[0].address

    @property
    def cost(self) -> str:
        """The sum, ``31.26 USD``, or the words of one; empty where nothing costs."""
        words = self.items[0].item["cost"] or "" if len(self.items) == 1 else ""
        return total(one.amount for one in self.items) or words

    @property
    def charge(self) -> str:
        """What clients pay then, likewise."""
        return total(one.charge for one in self.items)

    @property
    def payer(self) -> str:
        """Who pays that: ``client pays``, ``clients pay``."""
        return "client pays" if len(self.items) == 1 else "clients pay"


class Day(NamedTuple):
    """One day (of UTC) on which something is due."""

    date: date
    lines: Sequence[Line]


def coming(plan: PlanDocument) -> list[Coming]:
    """
    Return what is due, in order.

    What would happen by itself, but for an action that is held or denied, waits for a
    person: nobody may read *auto* where nothing will happen.
    """
    stopped = {
        (action["kind"], action["name"], action["due"]): action
        for action in plan["actions"]
        if action["due"] and action["decision"] != "allow"
    }
    found = [
        _coming(item, stopped.get((item["kind"], item["name"], item["at"])))
        for item in plan["due"]
    ]
    return sorted(found, key=_turn)


def _coming(item: DueData, stopped: ActionData | None) -> Coming:
    by = item.get("by", "you")
    if stopped is None or by == "nobody":
        return Coming(item, item["what"], by)
    if standing(stopped) == "pending":
        return Coming(item, f"{item['what']}, under way", by)
    word = "denied" if stopped["decision"] == "deny" else "held"
    return Coming(item, f"{item['what']}, {word}", "you")


def agenda(plan: PlanDocument, few: int = _FEW) -> list[Day]:
    """Return what is due by day; the same on more than *few* names is one line."""
    return [
        Day(day, list(_lines(list(items), few)))
        for day, items in groupby(coming(plan), key=_day)
    ]


def agenda_data(plan: PlanDocument) -> dict[str, Any]:
    """Return what is due as data, ``reconciler.due/v1``; every thing by itself."""
    return {
        "format": FORMAT,
        "env": plan["env"],
        "as_of": plan["as_of"],
        "complete": plan["complete"],
        "cost": total((one.amount for one in coming(plan)), ""),
        "charge": total((one.charge for one in coming(plan)), ""),
        "days": [
            {
                "date": day.isoformat(),
                "items": [
                    {**one.item, "what": one.what, "by": one.by} for one in items
                ],
            }
            for day, items in groupby(coming(plan), key=_day)
        ],
    }


def _lines(items: Sequence[Coming], few: int) -> Iterator[Line]:
    same: dict[tuple[str, str, str], list[Coming]] = defaultdict(list)
    for one in items:
        same[one.item["kind"], one.what, one.by].append(one)
    for key, found in same.items():
        if len(found) > few:
            yield Line(*key, found)
        else:
            yield from (Line(*key, [one]) for one in found)


def _day(one: Coming) -> date:
    return one.date


def _turn(one: Coming) -> tuple[date, str, str, str]:
    return one.date, one.item["kind"], one.item["name"], one.what
