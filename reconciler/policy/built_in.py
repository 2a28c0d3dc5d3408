"""What holds without any policy file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from reconciler.model import (
    Action,
    Decision,
    Finding,
    Money,
    Plan,
    Proof,
    Risk,
    Severity,
    Verdict,
)
from reconciler.policy.approval import approval
from reconciler.policy.budget import at_most
from reconciler.policy.context import Context
from reconciler.policy.people import Members

_RULE = "built-in/ceiling"
_MASS = "built-in/mass"
_PROOF = "built-in/backup-proof"
_TWO = "built-in/two-people"
#: What happens in one run without a person: to so many of one account, or to such a
#: share of what it holds, whichever is more.
MOST_AT_ONCE: Final = 5
SHARE_AT_ONCE: Final = Decimal("0.05")
#: Who can agree to what needs two persons, whatever the policies say.
_GROUP: Final = ("review", "review")


def built_in(plan: Plan, context: Context, members: Members | None = None) -> Plan:
    """
    Return *plan* judged by the rules no file can take away.

    Money is spent, and customers are charged, only under a ceiling from git that the
    amount does not exceed, both in one currency. What may lose data needs a backup that
    was restored and verified; what ends for good two persons besides, who are not
    replaced by a broken glass. Where very many things would have the same done to them
    at once, a person looks first, and hears of it as of an incident. Everything else
    that came through review may run, unless a policy says otherwise. ``judge`` begins
    with this; a plan that has been here stays as it is.
    """
    crowds = tuple(_crowds(plan, context))
    many = {action.id: one.why for one in crowds for action in one.actions}
    actions = tuple(_judged(a, many, context, members or {}) for a in plan.actions)
    told = [one.finding() for one in crowds]
    new = tuple(one for one in told if one not in plan.findings)
    return plan._replace(actions=actions, findings=(*plan.findings, *new))


class _Crowd(NamedTuple):
    """Many actions of one account that do the same, and why a person looks first."""

    account: str
    actions: tuple[Action, ...]
    why: str

    def finding(self) -> Finding:
        """Return the incident."""
        message = f"{self.why}; none of them is done. Is what they follow from true?"
        return Finding(
            "many-at-once", Severity.CRITICAL, "Provider", self.account, message
        )


def _judged(
    action: Action, many: dict[str, str], context: Context, members: Members
) -> Action:
    rules = {verdict.rule for verdict in action.verdicts}
    verdicts = []
    if _RULE not in rules and (verdict := ceiling(action)):
        verdicts.append(verdict)
    if _PROOF not in rules and action.change.needs_proof:
        verdicts.append(_proven(action, context))
    if _TWO not in rules and action.change.two_person:
        sober = context._replace(glass={})
        verdicts.append(
            approval(_TWO, _GROUP, action, sober, members, "it ends for good")
        )
    if _MASS not in rules and (why := many.get(action.id)):
        verdicts.append(Verdict(Decision.HOLD, _MASS, why, ("review",)))
    if not verdicts:
        return action  # most of them: nobody has to find the line it is about
    at = action.want.at(action.change.field)
    return action.judged(*(one._replace(at=at) for one in verdicts))


def _proven(action: Action, context: Context) -> Verdict:
    """Return whether a backup was proven; no approval takes its place."""
    found = context.proof(action.want.ref, context.now)
    if isinstance(found, Proof):
        why = f"restored and verified on {found.verified.date()}: {found.reference}"
        return Verdict(Decision.ALLOW, _PROOF, why)
    return Verdict(Decision.HOLD, _PROOF, found, firm=True)


def _crowds(plan: Plan, context: Context) -> Iterator[_Crowd]:
    """
    Yield what would be done to too many at once.

    Every one is held, not only what is above the limit: where so much goes wrong at
    once, the first five are as likely to be wrong as the last.
    """
    same: dict[tuple[str, str, str], list[Action]] = defaultdict(list)
    for action in plan.actions:
        if what := action.change.crowd:
            same[what, action.want.kind, action.change.share.provider].append(action)
    for (what, kind, account), actions in same.items():
        count = len({action.want.ref for action in actions})
        if count <= MOST_AT_ONCE:
            continue
        held = context.held_by(kind, account)
        most = max(MOST_AT_ONCE, at_most(SHARE_AT_ONCE, held))
        if count > most:
            why = (
                f"{count} of {held} at {account} would be {what} in one run, and "
                f"{most} at most are without a person"
            )
            yield _Crowd(account, tuple(actions), why)


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
