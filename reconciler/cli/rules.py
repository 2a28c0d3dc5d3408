"""Hand the ledger's books and git's policies to the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from reconciler.audit import Ledger, Spend
from reconciler.cli.accounts import providers
from reconciler.engine import Rules
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.model import Finding, Money, Plan
from reconciler.model.resource import Ref

if TYPE_CHECKING:
    from reconciler.cli.project import Project


class Spent:
    """The audit ledger's spend, as the budgets ask for it."""

    def __init__(self, spend: Spend) -> None:
        self._spend = spend

    def spent(
        self, currency: str, account: str | None, scope: Literal["day", "month"]
    ) -> Money:
        """Return what was paid or reserved in this UTC day or month."""
        period = self._spend.day if scope == "day" else self._spend.month
        sums: Mapping[str, Decimal] = period(account)
        return Money(amount=sums.get(currency, Decimal(0)), currency=currency)


def judged_by(project: Project) -> Rules:
    """Return the judge of *project*: its policies over its books."""
    inventory = project.inventory

    def labels(ref: Ref) -> Mapping[str, str]:
        return inventory.labels(ref) if ref in inventory else {}

    def rules(plan: Plan, ledger: Ledger, now: datetime) -> Plan:
        if not plan.actions and not project.policies:
            # There is nothing to judge, and the judge is slow to import.
            return plan._replace(findings=(*plan.findings, *_trust(project)))
        from reconciler.policy import Context, judge

        context = Context(
            now=now,
            env=project.env,
            spend=Spent(ledger.spend(now)),
            resources=_declared(inventory.refs()),
            labels=labels,
            approvals=ledger.approvals,
            actor=project.actor,
            loopback=project.loopback,
        )
        judged = judge(plan, project.policies, context)
        return judged._replace(findings=(*judged.findings, *_trust(project)))

    return rules


def _declared(refs: Iterable[Ref]) -> Counter[str]:
    """Count the resources by kind; what is expanded counts as what it makes."""
    counts = Counter(ref.kind for ref in refs)
    for composed in (SITE, PROFILE):
        counts.pop(composed, None)
    return counts


def _trust(project: Project) -> list[Finding]:
    """Name what decides who may do what, where this tree would change it."""
    if project.trusted is None:
        return []
    from reconciler.policy import changed_trust, trusted

    then = [*project.accounts_declared.values(), *project.policies]
    now = [*providers(project.inventory), *project.policies_at(None)]
    return changed_trust(trusted(then), trusted(now))
