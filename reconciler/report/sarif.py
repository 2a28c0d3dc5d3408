"""A plan as SARIF 2.1.0: what is found, held and denied, at its line."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from reconciler.inventory.report import sarif_log, sarif_result
from reconciler.model import Location
from reconciler.report.group import DECISIONS, by_risk
from reconciler.report.plan_document import (
    ActionData,
    FindingData,
    Place,
    PlanDocument,
)
from reconciler.report.spot import cause, spot
from reconciler.report.visible import clipped, visible
from reconciler.report.words import (
    address,
    approvers,
    clients,
    part,
    standing,
    value,
)

#: GitHub keeps 5,000 results of a run, and refuses a file with over 25,000.
MOST = 5_000
_LONGEST = 1_000
_LEVELS = {
    "critical": "error",
    "error": "error",
    "warning": "warning",
    "info": "note",
    "deny": "error",
    "hold": "warning",
}
_SEVERITIES = ("critical", "error", "warning", "info")
_RULES = {
    "action-held": "An action waits until a person approves it",
    "action-denied": "An action that a rule does not allow",
}


class _Entry(NamedTuple):
    """One result before it is written; *same* is what stays when lines move."""

    rule: str
    level: str
    text: str
    at: Place | None
    same: tuple[str, ...]
    id: str = ""


def sarif(plan: PlanDocument) -> str:
    """Return the findings of *plan* and what it does not do by itself, worst first."""
    entries = [*_findings(plan), *_actions(plan)]
    entries.sort(key=lambda entry: ("error", "warning", "note").index(entry.level))
    kept = entries[:MOST]
    seen: Counter[str] = Counter()
    results = [_result(plan["env"], entry, seen) for entry in kept]
    rules = [_rule(rule) for rule in sorted({entry.rule for entry in kept})]
    return sarif_log(rules, results)


def _findings(plan: PlanDocument) -> Iterator[_Entry]:
    # What a policy sets aside is no alert; when that ends, it is one again.
    found = [one for one in plan["findings"] if one.get("standing") != "ignored"]
    shared = Counter(map(cause, found))
    for one in sorted(found, key=lambda f: _SEVERITIES.index(f["severity"])):
        yield _Entry(
            visible(one["code"]),
            _LEVELS[one["severity"]],
            f"{address(one)} {one['message']}",
            spot(one, shared=shared[cause(one)] > 1),
            _same(one),
            one.get("id", ""),
        )


def _same(finding: FindingData) -> tuple[str, ...]:
    """
    Return what tells a finding from all others, in every run.

    Where it is about a part of its resource, its id has that: so it keeps its
    fingerprint when the one before it is mended.
    """
    whole = (finding["code"], finding["kind"], finding["name"])
    about = part(finding)
    return (*whole, about) if about else whole


def _actions(plan: PlanDocument) -> Iterator[_Entry]:
    waits = {"hold", "deny"}  # what is pending waits for nobody here
    stopped = [a for a in plan["actions"] if standing(a) in waits]
    shared = Counter(map(cause, stopped))
    for one in sorted(stopped, key=lambda a: (_rank(a), by_risk(a))):
        rule = "action-denied" if one["decision"] == "deny" else "action-held"
        yield _Entry(
            rule,
            _LEVELS[one["decision"]],
            said(one),
            spot(one, shared=shared[cause(one)] > 1),
            (rule, one["verb"], one["kind"], one["name"], one["provider"]),
        )


def _rank(action: ActionData) -> int:
    return DECISIONS.index(action["decision"])


def said(action: ActionData) -> str:
    """Return in a few words what *action* would do and what it waits for."""
    rules = "; ".join(
        f"{verdict['rule']}: {verdict['why']}"
        for verdict in action["policy"]
        if verdict["decision"] != "allow"
    )
    groups = approvers(action)
    needs = f" (needs {' + '.join(groups)})" if groups else ""
    fields = ", ".join(
        f"{f['field'].removeprefix('spec.')}: {value(f['before'])} -> "
        f"{value(f['after'])}"
        for f in action["changes"][:3]
    )
    head = f"{action['verb']} {address(action)} at {action['provider']}"
    charge = clients([action])
    parts = (f"{head}: {action['because']}", charge, fields, f"{rules}{needs}")
    return ". ".join(part for part in parts if part)


def _result(env: str, entry: _Entry, seen: Counter[str]) -> dict[str, Any]:
    text = clipped(visible(entry.text), _LONGEST)
    result = sarif_result(entry.rule, entry.level, text, location(entry.at))
    mark = hashlib.sha256(json.dumps([env, *entry.same]).encode()).hexdigest()[:16]
    seen[mark] += 1
    # GitHub compares this one alone; it says nothing of the line on purpose.
    result["partialFingerprints"] = {"primaryLocationLineHash": f"{mark}:{seen[mark]}"}
    if entry.id:
        result["properties"] = {"id": visible(entry.id)}
    return result


def location(at: Place | None) -> Location | None:
    """Return a place of the document as the model has it."""
    return Location(visible(at["file"]), at["line"], at["column"]) if at else None


def _rule(rule: str) -> dict[str, Any]:
    words = rule.replace("-", " ").capitalize()
    return {"id": rule, "shortDescription": {"text": _RULES.get(rule, words)}}
