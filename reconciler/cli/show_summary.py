"""A plan in ten seconds: what happens how often, and where the rest is to be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.report.agenda import coming
from reconciler.report.group import DECISIONS, RISKS
from reconciler.report.visible import visible
from reconciler.report.words import approvers, clients, count, standing, total

if TYPE_CHECKING:
    from reconciler.report.plan_document import (
        ActionData,
        PlanDocument,
        SeverityWord,
    )

COLOURS = {"allow": "green", "hold": "yellow", "deny": "red", "pending": "blue"}
_FEW = 3
_LOUD: tuple[SeverityWord, ...] = ("error", "warning")


def verbs(actions: Sequence[ActionData]) -> Iterator[str]:
    """Yield one line for each verb and decision: how many, how much, of few whom."""
    same: dict[tuple[str, str], list[ActionData]] = defaultdict(list)
    for action in sorted(actions, key=_turn):
        same[standing(action), action["verb"]].append(action)
    wide = max((len(visible(verb)) for _, verb in same), default=0)
    many = max((len(f"{len(found):,}") for found in same.values()), default=0)
    for (decision, verb), found in same.items():
        word = click.style(f"{decision:<7}", fg=COLOURS[decision])
        cost = total(action["cost"] for action in found)
        groups = sorted({group for action in found for group in approvers(action)})
        parts = [
            f"{word} {visible(verb):<{wide}} {len(found):>{many},}",
            _names(action["name"] for action in found),
            cost,
            clients(found),
            f"needs {', '.join(map(visible, groups))}" if groups else "",
        ]
        yield "  ".join(part for part in parts if part)


def _turn(action: ActionData) -> tuple[int, int, str, str]:
    risk = action["risk"]
    return (
        DECISIONS.index(standing(action)),
        RISKS.index(risk),
        action["verb"],
        action["name"],
    )


def _names(names: Iterable[str]) -> str:
    found = [visible(name) for name in names]
    return ", ".join(found) if len(found) <= _FEW else ""


def rest(plan: PlanDocument) -> Iterator[str]:
    """Yield a line for each part of the plan that is only counted here."""
    if found := coming(plan):
        mine = sum(1 for one in found if one.by == "you")
        yours = f", {mine} for YOU" if mine else ""
        yield f"due      {count(len(found), 'thing')}{yours}: reconciler due"
    levels = Counter(one["severity"] for one in plan["findings"])
    said = [count(levels[level], level) for level in _LOUD if levels[level]]
    if said:
        yield f"found    {', '.join(said)}: reconciler plan"
    if plan["unmanaged"]:
        number = count(len(plan["unmanaged"]), "thing")
        yield f"outside  {number} declared nowhere, left alone: reconciler drift"
