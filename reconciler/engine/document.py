"""The plan as JSON, ``reconciler.plan/v1``: canonical, and only what matters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from reconciler.model import Action, Finding, Location, Money, Plan

FORMAT = "reconciler.plan/v1"


def dumps(data: Any) -> str:
    """Return *data* as canonical JSON: sorted keys, two spaces, a final newline."""
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def document(plan: Plan) -> dict[str, Any]:
    """Return *plan* as the data of ``schemas/plan.v1.schema.json``."""
    return {
        "format": FORMAT,
        "digest": plan.digest,
        "env": plan.env,
        "as_of": moment(plan.as_of),
        "base": plan.base,
        "commit": plan.commit,
        "observed": moment(plan.observed) if plan.observed else None,
        "complete": plan.complete,
        "summary": summary(plan),
        "actions": [action_data(action) for action in plan.actions],
        "findings": [_finding(finding) for finding in plan.findings],
        "drift": [
            {
                "kind": d.ref.kind,
                "name": d.ref.name,
                "provider": d.share.provider,
                "field": d.field,
                "wanted": d.before,
                "live": d.live,
                "disposition": d.disposition,
            }
            for d in plan.drift
        ],
        "unmanaged": [u._asdict() for u in plan.unmanaged],
        "unknown": [
            {
                "kind": u.ref.kind,
                "name": u.ref.name,
                "provider": u.share.provider,
                "family": u.share.family,
                "why": u.why,
            }
            for u in plan.unknown
        ],
        "deferred": [
            {
                "kind": d.ref.kind,
                "name": d.ref.name,
                "verb": d.verb,
                "because": d.because,
                "until": moment(d.until),
            }
            for d in plan.deferred
        ],
        "due": [
            {
                "at": moment(d.at),
                "kind": d.kind,
                "name": d.name,
                "what": d.what,
                "cost": d.cost,
                "charge": d.charge,
                "by": d.by,
            }
            for d in plan.due
        ],
    }


def summary(plan: Plan) -> dict[str, Any]:
    """Return the counts and sums of *plan*."""
    verbs = Counter(a.change.verb for a in plan.actions)
    return {
        "noop": not plan.allowed(),
        "actions": len(plan.actions),
        "by_verb": dict(sorted(verbs.items())),
        "by_decision": dict(
            sorted(Counter(str(a.decision) for a in plan.actions).items())
        ),
        "cost": totals(a.change.cost for a in plan.actions),
        "charge": totals(a.change.taken for a in plan.actions),
    }


def totals(amounts: Iterable[Money | None]) -> list[dict[str, str]]:
    """Return the sum of *amounts*, one entry for each currency."""
    sums: dict[str, Money] = {}
    for money in amounts:
        if money:
            zero = Money.of_minor(0, money.currency)
            sums[money.currency] = sums.get(money.currency, zero) + money
    return [_money(sums[currency]) for currency in sorted(sums)]


def action_data(action: Action) -> dict[str, Any]:
    """Return one action as a plan's JSON has it."""
    change = action.change
    return {
        "id": action.id,
        "digest": action.digest,
        "kind": action.want.kind,
        "name": action.want.name,
        "uid": action.want.uid,
        "verb": change.verb,
        "provider": change.share.provider,
        "decision": str(action.decision),
        "op_class": str(action.op_class),
        "risk": str(change.risk),
        "reversible": change.reversible,
        "because": change.because,
        "source": place(action.want.at(change.field)),
        "entry": place(action.want.entry),
        "via": list(action.want.via),
        "wave": action.level,
        "resumes": action.resumes,
        "changes": [
            {"field": f.field, "before": _shown(f.before), "after": _shown(f.after)}
            for f in change.fields
        ],
        "cost": _money(change.cost) if change.cost else None,
        "charge": _money(change.charge) if change.charge else None,
        "only_holds": bool(change.charge) and change.only_holds,
        "ceiling": _money(action.ceiling) if action.ceiling else None,
        "needs": list(action.needs),
        "due": moment(change.due) if change.due else None,
        "policy": [
            {"rule": v.rule, "decision": str(v.decision), "why": v.why}
            for v in action.verdicts
        ],
        **({"chart": chart} if (chart := change.details.get("chart")) else {}),
    }


def approved_digests(data: Any) -> dict[str, str]:
    """
    Return action id -> action digest of a plan document that a person approved.

    Raises:
        ValueError: It is no plan document.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"not a {FORMAT} document")
    actions = data.get("actions")
    try:
        found = {str(a["id"]): str(a["digest"]) for a in actions or ()}
    except (TypeError, KeyError):
        raise ValueError("a plan document whose actions cannot be read") from None
    if len(found) != len(actions or ()):
        raise ValueError("a plan document that shows one action twice")
    return found


#: What people read of an action before they approve it, and its digest binds for
#: machines alone: an identity is a hash.
_READ = (
    *("kind", "name", "uid", "verb", "provider", "risk", "reversible"),
    *("charge", "ceiling"),
)


def shown_falsely(told: Any, action: Action) -> str | None:
    """Return a field of *action* that *told*, an action of a document, has wrong."""
    true = json.loads(json.dumps(action_data(action)))
    if not isinstance(told, dict):
        return "the action"
    for field in _READ:
        if field in told and told[field] != true[field]:
            return field
    changes = told.get("changes")
    if changes is None:
        return None
    after = [(one["field"], one["after"]) for one in true["changes"]]
    try:
        same = [(one["field"], one["after"]) for one in changes] == after
    except (TypeError, KeyError):
        same = False
    return None if same else "changes"


def moment(when: datetime) -> str:
    """Return *when* in UTC to the second, as in ``2026-11-22T06:00:00Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def place(at: Location | None) -> dict[str, Any] | None:
    """Return a place as JSON."""
    return at._asdict() if at else None


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "standing": finding.standing,
        "code": finding.code,
        "severity": str(finding.severity),
        "kind": finding.kind,
        "name": finding.name,
        "message": finding.message,
        "source": place(finding.source),
        "entry": place(finding.entry),
    }


def _money(money: Money) -> dict[str, str]:
    amount, currency = str(money).split()
    return {"amount": amount, "currency": currency}


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
