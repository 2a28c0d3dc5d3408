"""What holds without any policy file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from reconciler.model import Action, Decision, Money, Plan, Risk, Verdict
from reconciler.policy.budget import at_most
from reconciler.policy.context import Context

_RULE = "built-in/ceiling"
_MASS = "built-in/mass-suspension"
#: What is taken off the net in one run without a person: so many of one account, or
#: such a share of what it holds, whichever is more.
MOST_DOWN: Final = 5
SHARE_DOWN: Final = Decimal("0.05")


def built_in(plan: Plan, context: Context) -> Plan:
    """
    Return *plan* judged by the rules no file can take away.

    Money is spent, and customers are charged, only under a ceiling from git that the
    amount does not exceed, both in one currency. Where very many things would be taken
    off the net at once, a person looks first. Everything else that came through review
    may run, unless a policy says otherwise. ``judge`` begins with this; a plan that has
    been here stays as it is.
    """
    many = dict(_many(plan, context))
    return plan._replace(actions=tuple(_judged(a, many) for a in plan.actions))


def _judged(action: Action, many: dict[str, str]) -> Action:
    rules = {verdict.rule for verdict in action.verdicts}
    verdict = None if _RULE in rules else ceiling(action)
    judged = action.judged(verdict) if verdict else action
    why = many.get(action.id)
    if why is None or _MASS in rules:
        return judged
    at = action.want.at(action.change.field)
    return judged.judged(Verdict(Decision.HOLD, _MASS, why, ("review",), at))


def _many(plan: Plan, context: Context) -> Iterator[tuple[str, str]]:
    """
    Yield, by action id, why nothing is taken down without a person in this plan.

    Every one is held, not only what is above the limit: where so much goes wrong at
    once, the first five are as likely to be wrong as the last.
    """
    down: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for action in plan.actions:
        if action.change.takes_down:
            down[action.want.kind, action.change.share.provider].append(action)
    for (kind, account), actions in down.items():
        count = len({action.want.ref for action in actions})
        if count <= MOST_DOWN:
            continue
        held = context.held_by(kind, account)
        most = max(MOST_DOWN, at_most(SHARE_DOWN, held))
        if count > most:
            why = (
                f"{count} of {held} at {account} would be taken down in one run, and "
                f"{most} at most are without a person"
            )
            yield from ((action.id, why) for action in actions)


def spends(action: Action) -> bool:
    """Say whether *action* can cost money, or takes some from a customer."""
    change = action.change
    costs = change.risk is Risk.MONEY or bool(change.cost and change.cost.amount)
    return costs or bool(change.charge and change.charge.amount)


def ceiling(action: Action) -> Verdict | None:
    """Return whether what *action* costs or charges is within what git allows."""
    if not spends(action):
        return None
    at = action.want.at(action.change.field)
    charge, most = action.change.charge, action.ceiling
    problem = _problem(action) if charge is None else _overcharged(action, charge)
    if problem:
        return Verdict(Decision.HOLD, _RULE, problem, at=at, firm=True)
    amount = charge or action.change.cost
    return Verdict(Decision.ALLOW, _RULE, f"{amount} is within {most}", at=at)


def _problem(action: Action) -> str | None:
    cost, most = action.change.cost, action.ceiling
    if most is None:
        return "money is spent only under a ceiling, and none is written"
    if cost is None:
        return f"nobody quotes a price; {most} at most is allowed"
    if cost.currency != most.currency:
        return f"costs {cost}, but the ceiling is in {most.currency}"
    return None if cost <= most else f"costs {cost} now, {most} at most is allowed"


def _overcharged(action: Action, charge: Money) -> str | None:
    """Say what is wrong with a charge: its ceiling is no leave to spend as well."""
    cost, most = action.change.cost, action.ceiling
    if most is None:
        return "customers are charged only under a ceiling, and none is written"
    if charge.currency != most.currency:
        return f"charges {charge}, but the ceiling is in {most.currency}"
    if not charge <= most:
        return f"charges {charge}, {most} at most was agreed"
    if cost is not None and cost.amount:
        return f"costs {cost} besides, and its ceiling is for what it charges"
    return None
