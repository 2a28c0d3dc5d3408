"""The exit codes, and which one wins where several hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from reconciler.engine.health import HEALTH
from reconciler.engine.plan import PENDING, under_way
from reconciler.model import Action, Decision, Plan


class Exit(IntEnum):
    """What the process tells its caller (DESIGN section 5)."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    PARTLY = 3
    STALE = 4
    DENIED = 5
    UNAPPROVED = 6
    LOCKED = 7
    OVER_BUDGET = 8
    UNKNOWN = 9
    USAGE = 64


_RANK = (64, 1, 7, 9, 4, 3, 8, 5, 6, 2, 0)


def first(codes: Iterable[int]) -> Exit:
    """Return the code that wins."""
    held = set(codes) | {0}
    return Exit(next(code for code in _RANK if code in held))


def of_plan(plan: Plan, *, detailed: bool) -> set[Exit]:
    """Return the codes that hold after planning."""
    codes = {Exit.DONE}
    if detailed and not all(map(under_way, plan.actions)):
        codes.add(Exit.CHANGES)
    if not plan.complete:
        codes.add(Exit.PARTLY)
    return codes


def of_findings(plan: Plan) -> set[Exit]:
    """Return the code of what a policy does not let pass; no action waits for it."""
    blocked = any(finding.standing == "blocks" for finding in plan.findings)
    return {Exit.DENIED} if blocked else set()


def of_holds(actions: Collection[Action]) -> set[Exit]:
    """Return the codes that what did not run gives."""
    codes: set[Exit] = set()
    for action in actions:
        for verdict in action.verdicts:
            if verdict.decision is Decision.DENY:
                codes.add(Exit.DENIED)
            elif verdict.decision is Decision.HOLD and verdict.rule != PENDING:
                codes.add(_of_hold(verdict.rule))
    return codes


def _of_hold(rule: str) -> Exit:
    if rule.startswith("Budget/"):
        return Exit.OVER_BUDGET
    if rule == "built-in/outcome-unknown":
        return Exit.UNKNOWN
    if rule in {"built-in/once", "built-in/stale-read", HEALTH}:
        return Exit.PARTLY
    return Exit.UNAPPROVED
