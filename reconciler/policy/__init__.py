"""
Judgement: budgets, freezes, approvals and CEL rules over a plan.

Pure: no file, no clock, no environment. What was spent, who approved and what is
declared come in with the ``Context``.
"""

from reconciler.policy.allowance import allowances
from reconciler.policy.built_in import built_in
from reconciler.policy.checking import check, ending
from reconciler.policy.context import (
    ANYBODY,
    NOT_ONES_OWN,
    Context,
    SpendView,
    person,
)
from reconciler.policy.documents import policy_kinds
from reconciler.policy.glass import breaks_glass, known
from reconciler.policy.guard import changed_trust, lost_too_much, trusted
from reconciler.policy.judging import judge
from reconciler.policy.people import aliases as identities
from reconciler.policy.people import declared, groups
from reconciler.policy.termination import ANY_END, alone

__all__ = [
    "ANYBODY",
    "ANY_END",
    "NOT_ONES_OWN",
    "Context",
    "SpendView",
    "allowances",
    "alone",
    "breaks_glass",
    "built_in",
    "changed_trust",
    "check",
    "declared",
    "ending",
    "groups",
    "identities",
    "judge",
    "known",
    "lost_too_much",
    "person",
    "policy_kinds",
    "trusted",
]
