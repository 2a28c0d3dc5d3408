"""A plan as GitHub workflow commands: notes on the lines that it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from reconciler.inventory.report import annotation
from reconciler.model import Location
from reconciler.report.group import Same, bundles, by_risk
from reconciler.report.plan_document import FindingData, PlanDocument
from reconciler.report.sarif import location, said
from reconciler.report.spot import Cause, cause, spot
from reconciler.report.visible import clipped, visible
from reconciler.report.words import (
    address,
    charged,
    clients,
    headline,
    paid,
    standing,
)

#: GitHub shows ten of each level for one step, and drops the rest without a word.
SHOWN = 10
LEVELS = ("error", "warning", "notice")
_DECISIONS = {
    "deny": "error",
    "hold": "warning",
    "allow": "notice",
    "pending": "notice",
}
_LONGEST = 900
_TITLE = 200


class _Note(NamedTuple):
    """One annotation."""

    level: str
    title: str
    text: str
    at: Location | None = None

    def written(self) -> str:
        """Return it as a line; nothing that is hidden, and nothing endless."""
        text = clipped(visible(self.text), _LONGEST)
        title = clipped(visible(self.title), _TITLE)
        return annotation(self.level, text, title, self.at)


def workflow_commands(plan: PlanDocument, url: str = "") -> str:
    """
    Return the worst of *plan*, bounded as GitHub bounds it, and a line that sums up.

    *url* is where the whole plan is, for the lines that say that there is more.
    """
    notes = list(_notes(plan))
    kept: list[_Note] = []
    for level in LEVELS:
        mine = [note for note in notes if note.level == level]
        room = SHOWN - (level == "notice")  # the sum is a notice as well
        kept += mine if len(mine) <= room else mine[: room - 1]
        if left := len(mine) - (room - 1) if len(mine) > room else 0:
            where = f": {url}" if url else ": see the plan"
            kept.append(_Note(level, f"{left} more", f"and {left} more{where}"))
    return "".join(note.written() for note in [*kept, _sum(plan)])


def _notes(plan: PlanDocument) -> Iterator[_Note]:
    """Yield what could be annotated, the worst of each level first."""
    findings = plan["findings"]
    shared = Counter(map(cause, findings))
    for severity in ("critical", "error"):
        for finding in findings:
            if finding["severity"] == severity:
                yield _found("error", finding, shared)
    for bundle in bundles(plan["actions"], by_risk):
        yield from map(_acting, bundle.groups)
    for finding in findings:
        if finding["severity"] == "warning":
            yield _found("warning", finding, shared)


def _found(level: str, finding: FindingData, shared: Counter[Cause]) -> _Note:
    text = f"{address(finding)} {finding['message']}"
    at = spot(finding, shared=shared[cause(finding)] > 1)
    return _Note(level, finding["code"], text, location(at))


def _acting(group: Same) -> _Note:
    first, more = group.first, len(group.actions) - 1
    like = f"; the same {more} times more" if more else ""
    stands = standing(first)
    title = f"{stands}: {first['verb']} {address(first)}"
    level = _DECISIONS[stands]
    at = spot(first, shared=more > 0)
    money = clients(group.actions) if more else ""  # of one it is said already
    sums = f"; all of them: {money}" if money else ""
    return _Note(level, title, f"{said(first)}{like}{sums}", location(at))


def _sum(plan: PlanDocument) -> _Note:
    sums = (("we pay", paid(plan)), ("clients pay", charged(plan)))
    parts = [headline(plan), *(f"{who} {much}" for who, much in sums if much)]
    if not plan["complete"]:
        parts.append(f"INCOMPLETE: {len(plan['unknown'])} could not be read")
    return _Note("notice", f"plan {plan['digest']}", " · ".join(parts))
