"""What a judgement needs to know beside the plan and the policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from reconciler.model import Action, BackupProof, Money, Ref, Risk, unproven

#: Whoever wrote such a change may not be the one who approves it.
NOT_ONES_OWN = frozenset((Risk.MONEY, Risk.DESTRUCTIVE))
#: The author of what nobody is known to have written: whoever approves, it may be them.
ANYBODY = "*"


def nobody(_action: Action) -> frozenset[str]:
    """Return the authors of a change that nobody is known to have written."""
    return frozenset()


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

    def charged(
        self, currency: str, account: str | None, scope: Literal["day", "month"]
    ) -> Money:
        """Return what customers paid, or will have, likewise; never part of *spent*."""


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
        authors: Who wrote what an action follows from, in git.
        aliases: The name a person counts by, for each of their other names.
        glass: Who broke the glass for which action, by the action's digest.
        held_by: How many declared resources of a kind an account holds, by the names
            of the two; asked only where many of them are about to be taken down.
        proof: Whether a backup of something was restored and verified.
    """

    now: datetime
    env: str
    spend: SpendView
    resources: Mapping[str, int]
    labels: Callable[[Ref], Mapping[str, str]]
    approvals: Mapping[str, tuple[str, ...]]
    actor: str
    loopback: bool
    authors: Callable[[Action], frozenset[str]] = nobody
    aliases: Mapping[str, str] = {}
    glass: Mapping[str, str] = {}
    held_by: Callable[[str, str], int] = lambda _kind, _account: 0
    proof: BackupProof = unproven

    def who(self, actor: str) -> str:
        """Return the one name that *actor* counts by."""
        name = person(actor)
        return self.aliases.get(name, name)

    def approvers(self, action: Action) -> frozenset[str]:
        """Return the distinct persons whose approval of *action* counts."""
        return self._given(action) - self.own(action)

    def own(self, action: Action) -> frozenset[str]:
        """Return who approved *action* and may not, having (perhaps) written it."""
        given = self._given(action)
        authors = self._authors(action) if given else given
        return given if ANYBODY in authors else given & authors

    def broken(self, action: Action) -> str | None:
        """Return who broke the glass for *action*; None if nobody did."""
        return self.glass.get(action.digest) if self.glass else None

    def _given(self, action: Action) -> frozenset[str]:
        if not self.approvals:
            return frozenset()
        return frozenset(map(self.who, self.approvals.get(action.digest, ())))

    def _authors(self, action: Action) -> frozenset[str]:
        if action.change.risk not in NOT_ONES_OWN:
            return frozenset()
        return frozenset(map(self.who, self.authors(action)))


def person(actor: str) -> str:
    """Return one spelling for one person: ``@Ann`` and ``ann`` are the same."""
    return actor.strip().removeprefix("@").casefold()


def at_stake(action: Action) -> tuple[Money, ...]:
    """
    Return the most that *action* can cost, and what a customer pays by it.

    Approvals are written against these amounts. The price may rise up to the ceiling
    between the plan and the payment; a charge is exact, and its ceiling is none of
    our cost.
    """
    change = action.change
    if change.charge:
        return (change.charge, *([change.cost] if change.cost else []))
    if change.cost is None and change.risk is not Risk.MONEY:
        return ()  # nothing is paid, whatever may be asked for later
    most = action.ceiling or change.cost
    return (most,) if most else ()
