"""Actions, policies and contexts, built in one line each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.kinds.domain.changes import AutoRenew, Delegate, Lock, Prune, Renew
from reconciler.kinds.domain.domain import Domain
from reconciler.kinds.hosting_account import HostingAccount, Suspend, Unsuspend
from reconciler.kinds.subscription import Subscription
from reconciler.model import (
    Action,
    AnyResource,
    Change,
    Decision,
    FieldChange,
    Location,
    Money,
    OpClass,
    Plan,
    Ref,
    Share,
    Verdict,
    action_id,
)
from reconciler.policy import Context, judge, policy_kinds

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHANGES: dict[str, type[Change]] = {
    "renew": Renew,
    "auto-renew": AutoRenew,
    "lock": Lock,
    "delegate": Delegate,
    "prune": Prune,
}
BILLING: dict[str, type[Change]] = {
    change.model_fields["verb"].default: change for change in Subscription.changes
}


def money(text: str | None) -> Money | None:
    return Money.model_validate(text) if text else None


def policy(ref: str, **spec: Any) -> Any:
    """A policy document as the loader builds it: YAML names only."""
    kind, _, name = ref.partition("/")
    resource = policy_kinds()[kind].model_validate(
        {"metadata": {"name": name}, "spec": spec}, by_alias=True, by_name=False
    )
    return resource.placed(lambda field: Location(f"policies/{name}:{field}", 1, 1))


def action(
    name: str = "a.example",
    verb: str = "renew",
    *,
    cost: str | None = None,
    ceiling: str | None = None,
    account: str = "porkbun-main",
    after: Any = True,
    before: Any = None,
    field: str = "spec.renewal",
    due: datetime | None = None,
    labels: Mapping[str, str] | None = None,
    hold: str | None = None,
    resumes: bool = False,
    verdicts: tuple[Verdict, ...] = (),
) -> Action:
    if verb == "renew" and cost is None:
        cost, ceiling = "10.00 USD", ceiling or "20.00 USD"
    want = Domain.model_validate(
        {
            "metadata": {"name": name, "labels": dict(labels or {})},
            "spec": {"provider": account},
        }
    )
    change = CHANGES[verb](
        share=Share(account, "domain"),
        fields=(FieldChange(field=field, before=before, after=after),),
        because="a test",
        cost=money(cost),
        ceiling=money(ceiling),
        due=due,
        hold=hold,
    )
    return Action(
        action_id("main", want.ref, want.uid, verb, account),
        want,
        change,
        OpClass.KEYED,
        ceiling=money(ceiling),
        resumes=resumes,
        verdicts=verdicts,
    )


def charge(
    name: str = "acme",
    amount: str = "12.10 EUR",
    *,
    ceiling: str | None = "250.00 EUR",
    customer: str = "",
    verb: str = "charge",
    account: str = "stripe",
    cost: str | None = None,
    due: datetime | None = None,
    resumes: bool = False,
) -> Action:
    """A charge of a customer, who is called as the subscription if not otherwise."""
    want = Subscription.model_validate(
        {
            "metadata": {"name": name},
            "spec": {
                "customer": customer or name,
                "since": "2026-01-01",
                "covers": ("HostingAccount/acme.example",),
            },
        }
    )
    change = BILLING[verb](
        share=Share(account, "billing"),
        fields=(FieldChange(field="spec.customer", after="2026-12-01 paid"),),
        because="a test",
        generation="2026-12-01/renewal/0",
        charge=money(amount) if verb != "invoice" else None,
        ceiling=money(ceiling),
        cost=money(cost),
        due=due,
    )
    return Action(
        action_id("main", want.ref, want.uid, verb, change.generation),
        want,
        change,
        OpClass.KEYED,
        ceiling=money(ceiling),
        resumes=resumes,
    )


def suspend(
    name: str, account: str = "whm", *, follows: bool = True, lifts: bool = False
) -> Action:
    """A suspension (or its lifting) of a hosting account."""
    want = HostingAccount.model_validate(
        {"metadata": {"name": name}, "spec": {"provider": account, "plan": "small"}}
    )
    change = (Unsuspend if lifts else Suspend)(
        share=Share(account, "hosting"),
        fields=(FieldChange(field="spec.state", before="active", after="suspended"),),
        because="2026-12-01 was not paid",
        details={"follows": "Subscription/acme"} if follows else {},
    )
    identity = action_id("main", want.ref, want.uid, change.verb, account)
    return Action(identity, want, change, OpClass.PROBE)


Gone = Mapping[tuple[str, str | None, str], str]


class Ledger:
    """What was spent and charged, as (currency, account or None, scope) -> amount."""

    def __init__(self, spent: Gone, charged: Gone) -> None:
        self._spent = dict(spent)
        self._charged = dict(charged)

    def spent(self, currency: str, account: str | None, scope: str) -> Money:
        text = self._spent.get((currency, account, scope))
        return money(text) or Money.of_minor(0, currency)

    def charged(self, currency: str, account: str | None, scope: str) -> Money:
        text = self._charged.get((currency, account, scope))
        return money(text) or Money.of_minor(0, currency)


def context(
    *actions: Action,
    now: datetime = NOW,
    spent: Gone | None = None,
    charged: Gone | None = None,
    held_by: int = 0,
    resources: Mapping[str, int] | None = None,
    approvals: Mapping[str, tuple[str, ...]] | None = None,
) -> Context:
    labels = {a.want.ref: a.want.metadata.labels for a in actions}

    def labels_of(ref: Ref) -> Mapping[str, str]:
        return labels.get(ref, {})

    return Context(
        now,
        "main",
        Ledger(spent or {}, charged or {}),
        resources if resources is not None else {"Domain": 100},
        labels_of,
        approvals or {},
        "ci",
        loopback=False,
        held_by=lambda _kind, _account: held_by,
    )


def verdicts(
    actions: list[Action] | Action, policies: list[AnyResource], **facts: Any
) -> list[Action]:
    """The judged actions."""
    listed = actions if isinstance(actions, list) else [actions]
    return list(
        judge(
            Plan("main", NOW, tuple(listed)), policies, context(*listed, **facts)
        ).actions
    )


def decision(act: Action, policies: list[AnyResource], **facts: Any) -> Decision:
    return verdicts(act, policies, **facts)[0].decision
