"""The kinds of document a ``policies`` folder holds."""

from __future__ import annotations

from reconciler.model import AnyResource
from reconciler.policy.allowance import SecretAllowance
from reconciler.policy.approval import ApprovalRule
from reconciler.policy.budget import Budget
from reconciler.policy.freeze import Freeze
from reconciler.policy.glass import BreakGlass
from reconciler.policy.people import Group, Person
from reconciler.policy.rule import Policy
from reconciler.policy.scanning import ScanPolicy

_KINDS: tuple[type[AnyResource], ...] = (
    ApprovalRule,
    BreakGlass,
    Budget,
    Freeze,
    Group,
    Person,
    Policy,
    ScanPolicy,
    SecretAllowance,
)


def policy_kinds() -> dict[str, type[AnyResource]]:
    """Return every kind of policy document, by name."""
    return {kind.kind: kind for kind in _KINDS}
