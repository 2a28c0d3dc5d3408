"""What a judgement needs to know beside the plan and the policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from reconciler.model import Action, Money, Ref


class SpendView(Protocol):
    """What the audit ledger knows about money that is gone or promised."""

    def spent(
        self, currency: str, account: str | None, scope: Literal["day", "month"]
    ) -> Money:
        """
        Return what was paid or reserved in this UTC day or calendar month.

        Must count a reservation whose outcome is unknown as spent. *account* is the
        name of a Provider document; None means all of them.
        """


class Context(NamedTuple):
    """
    The facts of one judgement.

    Attributes:
        now: Aware; the time the plan is made for.
        spend: What is spent already.
        resources: How many resources are declared, by kind.
        labels: The labels of a resource, those of its Site included.
        approvals: Who approved which action, by the action's digest.
        actor: Who or what started this run.
        loopback: Whether every endpoint is a server on this machine.
    """

    now: datetime
    env: str
    spend: SpendView
    resources: Mapping[str, int]
    labels: Callable[[Ref], Mapping[str, str]]
    approvals: Mapping[str, tuple[str, ...]]
    actor: str
    loopback: bool

    def approvers(self, action: Action) -> frozenset[str]:
        """Return the distinct persons who approved *action*."""
        if not self.approvals:
            return frozenset()
        return frozenset(map(person, self.approvals.get(action.digest, ())))


def person(actor: str) -> str:
    """Return one spelling for one person: ``@Ann`` and ``ann`` are the same."""
    return actor.strip().removeprefix("@").casefold()


def at_stake(action: Action) -> Money | None:
    """
    Return the most that *action* can cost: its ceiling, else the quoted cost.

    Approvals are written against this amount, because the price may rise up to the
    ceiling between the plan and the payment.
    """
    return action.ceiling or action.change.cost
