"""What is done about many certificates in one run: the limits are theirs together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from reconciler.kinds.certificate.budget import Budgets, Ordered
from reconciler.kinds.certificate.decision import Case, Decision, decide

#: Decides about one, as ``decide`` does.
Rule = Callable[[Case, Budgets, datetime], Decision]
_NONE = datetime.min.replace(tzinfo=UTC)


def together(
    cases: Iterable[Case], budgets: Budgets, now: datetime, rule: Rule = decide
) -> dict[str, Decision]:
    """
    Return what is done about each of *cases*, by its uid.

    What an issuer still allows is given to the most urgent, and of those to the one
    that ends first; the others are told until when they are deferred.
    """
    found = {case.uid: (case, rule(case, budgets, now)) for case in cases}
    going = sorted(
        (one for one in found.values() if one[1].go), key=lambda one: _rank(*one)
    )
    spent = budgets.fork() if len(going) > 1 else budgets
    decided = {uid: decision for uid, (_, decision) in found.items()}
    for case, first in going if len(going) > 1 else ():
        decision = first if first.replaces else rule(case, spent, now)
        decided[case.uid] = decision
        if decision.go and not decision.rehearsal and not decision.replaces:
            spent.add(Ordered(now, decision.issuer, case.names))
    return decided


def _rank(case: Case, decision: Decision) -> tuple[int, datetime, str]:
    ends = case.life.ends if case.life is not None else _NONE
    return decision.reason.priority, ends, case.uid
