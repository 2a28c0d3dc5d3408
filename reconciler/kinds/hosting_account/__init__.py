"""A customer's account on a hosting server: its plan, its limits, and its state."""

from reconciler.kinds.hosting_account.account import HostingAccount
from reconciler.kinds.hosting_account.changes import (
    ChangePlan,
    Create,
    HostingChange,
    SetLimits,
    SetPhp,
    Suspend,
    Terminate,
    Unsuspend,
)
from reconciler.kinds.hosting_account.spec import HostingAccountSpec, PlanRange, Step
from reconciler.kinds.hosting_account.state import HOSTING, HostingState

__all__ = [
    "HOSTING",
    "ChangePlan",
    "Create",
    "HostingAccount",
    "HostingAccountSpec",
    "HostingChange",
    "HostingState",
    "PlanRange",
    "SetLimits",
    "SetPhp",
    "Step",
    "Suspend",
    "Terminate",
    "Unsuspend",
]

KIND = HostingAccount
