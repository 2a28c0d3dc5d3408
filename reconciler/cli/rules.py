"""Hand the ledger's books and git's policies to the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from reconciler.audit import Flow, Ledger, Spend
from reconciler.cli.accounts import providers
from reconciler.cli.signed import signed_approvals
from reconciler.engine import Given
from reconciler.inventory.parts import PROFILE, SITE
from reconciler.kinds.provider import Provider
from reconciler.model import Action, Finding, Money, Plan, Ref, Severity

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory
    from reconciler.policy import Context

#: So long every plan tells that somebody acted alone.
GLASS_SHOWN: Final = timedelta(days=14)


class Spent:
    """The audit ledger's spend, as the budgets ask for it."""

    def __init__(self, spend: Spend) -> None:
        self._spend = spend

    def spent(
        self, currency: str, account: str | None, scope: Literal["day", "month"]
    ) -> Money:
        """Return what was paid or reserved in this UTC day or month."""
        return self._of("cost", currency, account, scope)

    def charged(
        self, currency: str, account: str | None, scope: Literal["day", "month"]
    ) -> Money:
        """Return what customers paid, or what is reserved of it, likewise."""
        return self._of("charge", currency, account, scope)

    def _of(self, flow: Flow, currency: str, account: str | None, scope: str) -> Money:
        period = self._spend.day if scope == "day" else self._spend.month
        sums = period(account, flow)
        # What is released may be more than what is left of a month.
        amount = max(sums.get(currency, Decimal(0)), Decimal(0))
        return Money(amount=amount, currency=currency)


class Court:
    """The judge of one project: its policies over its books, and git."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._seen: dict[str | None, tuple[Given, ...]] = {}

    def judged(self, plan: Plan, ledger: Ledger, now: datetime) -> Plan:
        """Return *plan* with the verdicts of all rules and what they found."""
        project = self._project
        more = (*_trust(project), *_broken(ledger, now))
        if not plan.actions and not project.policies:
            # There is nothing to judge, and the judge is slow to import.
            return plan._replace(findings=(*plan.findings, *more))
        from reconciler.policy import judge

        judged = judge(plan, project.policies, self.context(ledger, now))
        return judged._replace(findings=(*judged.findings, *more))

    def counted(self, action: Action, ledger: Ledger) -> Iterable[str]:
        """Return whose approval of *action* counts, or who broke the glass for it."""
        digest = action.digest
        if digest not in self._approvals(ledger) and digest not in ledger.glass.by:
            return ()
        from reconciler.policy import known

        context = self.context(ledger, self._project.clock())
        asked = known(context, self._project.policies, [action])
        broken = asked.broken(action)
        return (broken,) if broken else sorted(asked.approvers(action))

    def context(self, ledger: Ledger, now: datetime) -> Context:
        """Return the facts of a judgement at *now*."""
        from reconciler.policy import Context

        project, inventory = self._project, self._project.inventory
        return Context(
            now=now,
            env=project.env,
            spend=Spent(ledger.spend(now)),
            resources=declared(inventory.refs()),
            labels=lambda ref: inventory.labels(ref) if ref in inventory else {},
            approvals=self._approvals(ledger),
            actor=project.actor,
            loopback=project.loopback,
            authors=self._authors(ledger),
            glass=ledger.glass.by,
            held_by=lambda kind, account: held_by(inventory, kind, account),
            proof=project.proof(ledger),
        )

    def _approvals(self, ledger: Ledger) -> Mapping[str, tuple[str, ...]]:
        """Return who approved what: in the journal, and in signed commits."""
        found = dict(ledger.approvals)
        for given in self.signed(ledger):
            for digest in given.digests:
                found[digest] = (*found.get(digest, ()), given.by)
        return found

    def signed(self, ledger: Ledger) -> tuple[Given, ...]:
        """
        Return the approvals in signed commits since the base of *ledger*.

        A pull request has none: what counts is signed on the branch that acts.
        """
        if self._project.trusted:
            return ()
        return self._signed(ledger.base.commit)

    def _signed(self, base: str | None) -> tuple[Given, ...]:
        if base not in self._seen:
            git, folder = self._project.git, self._project.folders[1]
            found = signed_approvals(git, folder, base, self._project.head)
            self._seen[base] = found
        return self._seen[base]

    def _authors(self, ledger: Ledger) -> Callable[[Action], frozenset[str]]:
        """
        Return whose work an action is.

        The forge's word counts, asked now or when somebody approved; where there is
        none, the addresses in git do, and one that nobody declares may be anybody's.
        """
        from reconciler.cli.authors import Authors, alike, known_as
        from reconciler.policy import ANYBODY, declared, identities, person

        asked, policies = self._project.known_authors, self._project.policies
        names, people = declared(policies), identities(policies)
        written = Authors(self._project.git, ledger.base, self._project.head)
        given = self._approvals(ledger)
        # On loopback a word counts, and an address is a name like any other where
        # nobody is declared.
        lax = self._project.loopback and not names

        def authors(action: Action) -> frozenset[str]:
            found = frozenset(ledger.authors.get(action.digest, ()))
            typed = written.addresses(action)
            if asked:
                found |= asked(action)
            if asked or found:
                found |= {one for one in typed if person(one) in people}
            elif lax:
                return typed
            else:
                found |= {known_as(one, names) or ANYBODY for one in typed}
            return found | alike(given.get(action.digest, ()), found, people)

        return authors


def _broken(ledger: Ledger, now: datetime) -> Iterator[Finding]:
    """Name each late use of the glass, so that it is looked at afterwards."""
    for use in ledger.glass.uses:
        if now - use.at <= GLASS_SHOWN:
            count = len(use.digests)
            yield Finding(
                "glass-broken",
                Severity.CRITICAL,
                "Person",
                use.by,
                f"broke the glass on {use.at:%Y-%m-%d %H:%M} UTC for {count} "
                f"action{'s' if count != 1 else ''}: {use.reason}",
            )


def _written(account: Provider) -> bool:
    """Say whether a document declares *account*: the built-in one needs none."""
    return account.at() is not None


def held_by(inventory: Inventory, kind: str, account: str) -> int:
    """Count the declared resources of *kind* that *account* holds."""
    return sum(
        any(share.provider == account for share in one.shares())
        for one in inventory.of(kind)
    )


def declared(refs: Iterable[Ref]) -> Counter[str]:
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

    declared = project.accounts_declared.values()
    then = [*filter(_written, declared), *project.policies]
    now = [*providers(project.inventory), *project.policies_at(None)]
    return changed_trust(trusted(then), trusted(now))
