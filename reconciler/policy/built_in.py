"""What holds without any policy file."""

from __future__ import annotations

from reconciler.model import Action, Decision, Plan, Risk, Verdict
from reconciler.policy.context import Context

_RULE = "built-in/ceiling"


def built_in(plan: Plan, context: Context) -> Plan:
    """
    Return *plan* judged by the rules no file can take away.

    Money is spent only under a ceiling from git that the price of the day does not
    exceed, both in one currency. Everything else that came through review may run,
    unless a policy says otherwise. ``judge`` begins with this; a plan that has been
    here stays as it is.
    """
    del context
    return plan._replace(actions=tuple(map(_judged, plan.actions)))


def _judged(action: Action) -> Action:
    if any(verdict.rule == _RULE for verdict in action.verdicts):
        return action
    verdict = ceiling(action)
    return action.judged(verdict) if verdict else action


def spends(action: Action) -> bool:
    """Say whether *action* can cost money."""
    cost = action.change.cost
    return action.change.risk is Risk.MONEY or bool(cost and cost.amount)


def ceiling(action: Action) -> Verdict | None:
    """Return whether what *action* costs is within what git allows."""
    if not spends(action):
        return None
    at = action.want.at(action.change.field)
    problem = _problem(action)
    if problem:
        return Verdict(Decision.HOLD, _RULE, problem, at=at, firm=True)
    why = f"{action.change.cost} is within {action.ceiling}"
    return Verdict(Decision.ALLOW, _RULE, why, at=at)


def _problem(action: Action) -> str | None:
    cost, most = action.change.cost, action.ceiling
    if most is None:
        return "money is spent only under a ceiling, and none is written"
    if cost is None:
        return f"nobody quotes a price; {most} at most is allowed"
    if cost.currency != most.currency:
        return f"costs {cost}, but the ceiling is in {most.currency}"
    return None if cost <= most else f"costs {cost} now, {most} at most is allowed"
