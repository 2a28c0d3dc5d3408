"""What waits for a person: the part of a plan that an approval can set going."""

from __future__ import annotations

from reconciler.model import Action, Decision, Plan


def held(plan: Plan) -> Plan:
    """
    Return *plan* with nothing but the actions that wait for somebody's approval.

    Its digest is what is approved: an unrelated finding, price or time does not
    change it. What no approval lifts (a budget, a lost answer) is not in it.
    """
    return plan._replace(
        actions=tuple(filter(_waits, plan.actions)),
        findings=(),
        drift=(),
        unmanaged=(),
        deferred=(),
        due=(),
    )


def _waits(action: Action) -> bool:
    holds = [v for v in action.verdicts if v.decision > Decision.ALLOW]
    return action.decision is Decision.HOLD and all(v.needs for v in holds)
