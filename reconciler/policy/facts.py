"""What CEL sees of an action: the YAML names, in types that can be checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import AwareDatetime, JsonValue

from reconciler.model import Action, Money, Risk, Spec
from reconciler.policy.cel import Names, instant, plain
from reconciler.policy.context import Context
from reconciler.policy.scope import Amounts

Facts = dict[str, object]

#: ``due`` of an action that harms nobody by waiting. Not further away, because CEL
#: counts durations in 64-bit nanoseconds: 292 years, and ``due - now`` is one.
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

NAMES = Names(
    (
        ("kind", "string"),
        ("name", "string"),
        ("labels", "map<string, string>"),
        ("env", "string"),
        ("verb", "string"),
        ("provider", "string"),
        ("risk", "string"),
        ("reversible", "bool"),
        ("fields", "list<string>"),
        ("before", "map<string, dyn>"),
        ("after", "map<string, dyn>"),
        ("spec", "map<string, dyn>"),
        ("cost.minor", "int"),
        ("cost.currency", "string"),
        ("charge.amount", "string"),
        ("charge.minor", "int"),
        ("charge.currency", "string"),
        ("ceiling.minor", "int"),
        ("ceiling.currency", "string"),
        ("due", "timestamp"),
        ("now", "timestamp"),
        ("actor", "string"),
        ("loopback", "bool"),
        ("totals.actions", "int"),
        ("totals.deletes", "int"),
        ("totals.costMinor", "map<string, int>"),
        ("totals.chargeMinor", "map<string, int>"),
        ("totals.charged", "int"),
        ("counts", "map<string, int>"),
    )
)


class Totals(NamedTuple):
    """
    Sums over the whole plan, so that no rule has to walk through it.

    Attributes:
        charged: How many customers are charged.
    """

    actions: int
    deletes: int
    cost_minor: Mapping[str, int]
    charge_minor: Mapping[str, int] = {}
    charged: int = 0


def totals(actions: Iterable[Action]) -> Totals:
    """Add *actions* up: how many, how many that destroy, money by currency."""
    count = deletes = 0
    costs: Counter[str] = Counter()
    charges: Counter[str] = Counter()
    charged: set[str] = set()
    for action in actions:
        count += 1
        deletes += action.change.risk is Risk.DESTRUCTIVE
        if cost := action.change.cost:
            costs[cost.currency] += cost.minor
        if charge := action.change.charge:
            charges[charge.currency] += charge.minor
            charged.add(action.want.payer or str(action.want.ref))
    return Totals(count, deletes, costs, charges, len(charged))


def of_action(action: Action, context: Context, sums: Totals) -> Facts:
    """Return what CEL sees of *action*."""
    want, change = action.want, action.change
    fields = [_short(f.field) for f in change.fields]
    return {
        "kind": want.kind,
        "name": want.name,
        "labels": dict(context.labels(want.ref)),
        "env": context.env,
        "verb": change.verb,
        "provider": change.share.provider,
        "risk": str(change.risk),
        "reversible": change.reversible,
        "fields": fields,
        "before": {_short(f.field): plain(f.before) for f in change.fields},
        "after": {_short(f.field): plain(f.after) for f in change.fields},
        "spec": plain(want.spec.model_dump(mode="json", by_alias=True)),
        **_money("cost", change.cost),
        **_charge(change.charge),
        **_money("ceiling", action.ceiling),
        "due": instant(change.due or NEVER),
        "now": instant(context.now),
        "actor": context.actor,
        "loopback": context.loopback,
        "totals.actions": sums.actions,
        "totals.deletes": sums.deletes,
        "totals.costMinor": dict(sums.cost_minor),
        "totals.chargeMinor": dict(sums.charge_minor),
        "totals.charged": sums.charged,
        "counts": dict(context.resources),
    }


def _short(field: str) -> str:
    return field.removeprefix("spec.")


def _money(name: str, amount: Money | None) -> Facts:
    return {
        f"{name}.minor": amount.minor if amount else 0,
        f"{name}.currency": amount.currency if amount else "",
    }


def _charge(amount: Money | None) -> Facts:
    text = str(amount).split()[0] if amount else ""
    return {"charge.amount": text, **_money("charge", amount)}


class ExampleTotals(Spec):
    """
    The sums a test supposes.

    Attributes:
        charged: How many customers are charged.
    """

    actions: int = 1
    deletes: int = 0
    cost: Amounts = ()
    charge: Amounts = ()
    charged: int = 0


class Example(Spec):
    """
    The action a test supposes; what is left out is as harmless as can be.

    Attributes:
        kind: Left out: the first of ``match.kinds``; likewise ``verb``.
        now: Left out: noon (UTC) of 2026-01-01, a Thursday.
    """

    kind: str = ""
    name: str = "example.com"
    labels: dict[str, str] = {}
    env: str = "main"
    verb: str = ""
    provider: str = ""
    risk: Risk = Risk.NONE
    reversible: bool = True
    before: dict[str, JsonValue] = {}
    after: dict[str, JsonValue] = {}
    spec: dict[str, JsonValue] = {}
    cost: Money | None = None
    charge: Money | None = None
    ceiling: Money | None = None
    due: AwareDatetime = NEVER
    now: AwareDatetime = _NOON
    actor: str = ""
    loopback: bool = False
    totals: ExampleTotals = ExampleTotals()
    counts: dict[str, int] = {}


def of_example(example: Example) -> Facts:
    """Return what CEL sees of a supposed action."""
    same = {"kind", "name", "labels", "env", "verb", "provider", "risk"}
    same |= {"reversible", "actor", "loopback", "counts"}
    return {
        **{name: plain(getattr(example, name)) for name in sorted(same)},
        "fields": sorted({*example.before, *example.after}),
        "before": plain(example.before),
        "after": plain(example.after),
        "spec": plain(example.spec),
        **_money("cost", example.cost),
        **_charge(example.charge),
        **_money("ceiling", example.ceiling),
        "due": instant(example.due),
        "now": instant(example.now),
        "totals.actions": example.totals.actions,
        "totals.deletes": example.totals.deletes,
        "totals.costMinor": {a.currency: a.minor for a in example.totals.cost},
        "totals.chargeMinor": {a.currency: a.minor for a in example.totals.charge},
        "totals.charged": example.totals.charged,
    }
