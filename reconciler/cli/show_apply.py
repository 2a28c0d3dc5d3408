"""What a run did, as text and as data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import click

from reconciler.cli.found_out import verdict
from reconciler.engine import Done, Result
from reconciler.engine.document import document
from reconciler.engine.exits import Exit, first
from reconciler.engine.held import held
from reconciler.engine.plan import under_way
from reconciler.model import Decision, Severity
from reconciler.report.visible import visible

_COLOURS = {
    "applied": "green",
    "failed": "red",
    "unknown": "magenta",
    "not_applied": "yellow",
    "under way": "blue",
}
_VERDICTS = {"passed": "green", "failed": "red", "inconclusive": "yellow"}
#: So many critical findings are named after a run; the plan has all of them.
_FEW = 3


def lines(result: Result) -> Iterator[str]:
    """Yield *result* for a terminal."""
    for one in result.recovered:
        what = f"{one.intent.verb} {one.intent.kind}/{one.intent.name}"
        yield visible(f"recovered {what}: {one.fate}, {one.why}")
    for done in result.done:
        yield from _done(done)
    for identity in result.stale:
        yield f"stale   {identity}: what was approved is not what would happen now"
    for identity in result.vanished:
        yield f"gone    {identity}: approved, and no longer needed"
    yield from _left(result)
    applied = sum(1 for d in result.done if d.status == "applied")
    yield f"{applied} of {len(result.done)} done · audit head {result.head or 'none'}"


def _left(result: Result) -> Iterator[str]:
    """One line for each thing that waits; the whole story is in the plan."""
    for action in result.left.actions:
        reasons = [v for v in action.verdicts if v.decision > Decision.ALLOW]
        word = "waits" if not reasons else str(action.decision)
        word = "under way" if under_way(action) else word
        why = reasons[0] if reasons else None
        said = f"{why.rule}: {why.why}" if why else "not in this run"
        verb = action.change.verb
        yield visible(f"{word:<11} {verb:<10} {action.want.ref}  {said}")
    for unread in result.left.unknown:
        yield visible(f"{'unknown':<11} {'read':<10} {unread.ref}  {unread.why}")
    urgent = [f for f in result.left.findings if f.severity is Severity.CRITICAL]
    for finding in urgent[:_FEW]:
        what = f"{finding.kind}/{finding.name}"
        yield visible(f"{'CRITICAL':<11} {what}  {finding.message}")
    if (more := len(urgent) - _FEW) > 0:
        yield f"{'CRITICAL':<11} and {more} more: reconciler plan"


def _done(done: Done) -> Iterator[str]:
    outcome = done.outcome
    status = "under way" if done.pending else done.status
    word = click.style(f"{status:<11}", fg=_COLOURS[status])
    paid = f"  {outcome.paid}" if outcome.paid else ""
    paid += f"  client pays {outcome.charged}" if outcome.charged else ""
    seen = f"  {_seen(done)}" if done.status == "applied" else ""
    yield f"{word} {outcome.verb:<10} {outcome.kind}/{outcome.name}{paid}{seen}"
    if outcome.error:
        yield f"        {visible(outcome.error)}"
        if outcome.request_id:
            yield f"        vendor's request: {visible(outcome.request_id)}"


def _seen(done: Done) -> str:
    """Return what is known of something that was done: by a look, or by its receipt."""
    outcome = done.outcome
    if found := verdict(outcome.evidence):
        colour = _VERDICTS.get(str(outcome.evidence["verdict"]))
        return click.style(visible(found), fg=colour)
    if outcome.verified is None:
        if outcome.reference is None:
            return "not verifiable"
        return visible(f"by its receipt {outcome.reference}")
    return "verified" if outcome.verified else "NOT SEEN YET"


def data(result: Result, codes: Collection[int]) -> dict[str, Any]:
    """Return *result* as JSON data, with every exit code that holds."""
    waits = held(result.left)
    return {
        "format": "reconciler.apply/v1",
        "exit": int(first(codes)),
        "exits": sorted(int(code) for code in codes if code != Exit.DONE),
        "head": result.head,
        "recovered": [
            {"id": r.intent.id, "fate": r.fate, "why": r.why} for r in result.recovered
        ],
        "done": [d.outcome.model_dump(mode="json") for d in result.done],
        "stale": list(result.stale),
        "vanished": list(result.vanished),
        "left": document(result.left),
        "held": {
            "digest": waits.digest,
            "actions": [action.id for action in waits.actions],
        },
    }
