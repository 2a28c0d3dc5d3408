"""Actions, policies and contexts, built in one line each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.kinds.domain.changes import AutoRenew, Delegate, Lock, Prune, Renew
from reconciler.kinds.domain.domain import Domain
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


class Ledger:
    """What was spent, as (currency, account or None, scope) -> amount."""

    def __init__(self, spent: Mapping[tuple[str, str | None, str], str]) -> None:
        self._spent = dict(spent)

    def spent(self, currency: str, account: str | None, scope: str) -> Money:
        text = self._spent.get((currency, account, scope))
        return money(text) or Money.of_minor(0, currency)


def context(
    *actions: Action,
    now: datetime = NOW,
    spent: Mapping[tuple[str, str | None, str], str] | None = None,
    resources: Mapping[str, int] | None = None,
    approvals: Mapping[str, tuple[str, ...]] | None = None,
) -> Context:
    labels = {a.want.ref: a.want.metadata.labels for a in actions}

    def labels_of(ref: Ref) -> Mapping[str, str]:
        return labels.get(ref, {})

    return Context(
        now,
        "main",
        Ledger(spent or {}),
        resources if resources is not None else {"Domain": 100},
        labels_of,
        approvals or {},
        "ci",
        loopback=False,
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
