"""A plan as one comment of a pull request: the worst first, and never too long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeVar

from reconciler.report import markdown_rows as rows
from reconciler.report.adopt import adoptable
from reconciler.report.agenda import agenda
from reconciler.report.detail import Detail, steps
from reconciler.report.group import bundles, by_risk
from reconciler.report.markdown_rows import Row
from reconciler.report.markdown_text import code, link, marker
from reconciler.report.plan_document import ActionData, PlanDocument, UnknownData
from reconciler.report.spot import placed
from reconciler.report.words import (
    age,
    charged,
    count,
    headline,
    minute,
    paid,
    standing,
)

#: GitHub's limit is 65,535; a byte of UTF-8 is never less than a unit of UTF-16.
LIMIT = 65_000
#: A section of more lines is folded away.
_OPEN = 40
T = TypeVar("T")


class _Section(NamedTuple):
    """
    One part of the comment.

    Attributes:
        key: Its field of Detail.
        about: How many things there are; one row may stand for several.
        folds: Whether it is folded away however short it is.
    """

    key: str
    title: str
    about: int
    rows: Sequence[Row]
    folds: bool = False


def markdown(plan: PlanDocument, url: str = "", limit: int = LIMIT) -> str:
    """
    Return *plan* as GitHub Markdown of at most *limit* bytes (of 3,000 at least).

    *url* is where the whole plan is; it is named where something was left out.
    """
    head, parts = list(_head(plan)), list(_sections(plan))
    whole = ""
    for detail in steps():
        whole = "\n".join([*head, *_body(parts, detail, url), ""])
        if len(whole.encode()) <= limit:
            break
    return whole


def _head(plan: PlanDocument) -> Iterator[str]:
    yield marker(plan["env"])
    yield ""
    yield f"### Plan {code(plan['digest'])}: {headline(plan)}"
    yield ""
    facts = [f"env {code(plan['env'])}"]
    if plan["commit"]:
        facts.append(f"commit {code(plan['commit'][:12])}")
    facts.append(f"as of {minute(plan['as_of'])}")
    if seen := plan.get("observed"):
        old = age(seen, plan["as_of"])
        facts.append(f"against a snapshot of {minute(seen)}, {old} old")
    yield " · ".join(facts)
    yield ""
    sums = (("we pay", paid(plan)), ("clients pay", charged(plan)))
    if said := ", ".join(f"{who} **{much}**" for who, much in sums if much):
        yield f"For what is to do, {said}."
        yield ""
    if not plan["complete"]:
        unread = count(len(plan["unknown"]), "resource")
        yield f"**INCOMPLETE**: {unread} could not be read; nothing follows from that."
        yield ""


def _sections(plan: PlanDocument) -> Iterator[_Section]:
    actions, findings = plan["actions"], placed(plan["findings"])
    due = [(day.date, line) for day in agenda(plan) for line in day.lines]
    critical = [one for one in findings if one["severity"] == "critical"]
    others = [one for one in findings if one["severity"] != "critical"]
    yield _plain("critical", "CRITICAL", critical, rows.of_finding)
    yield _acting("money", "Money and deletion", filter(_grave, actions))
    for key, word, title in (
        ("denied", "deny", "Denied"),
        ("held", "hold", "Waiting for somebody"),
        ("done", "allow", "Will be done"),
    ):
        mine = (a for a in actions if standing(a) == word and not _grave(a))
        yield _acting(key, title, mine)
    waits = (a for a in actions if standing(a) == "pending")
    yield _acting("pending", "Under way, nobody has to act", waits)
    unread = sorted(plan["unknown"], key=_reason)
    groups = [list(same) for _, same in groupby(unread, key=_reason)]
    yield _plain("unknown", "Could not be read", groups, rows.of_unknown, len(unread))
    yield _plain("due", "Coming due", due, rows.of_due, len(plan["due"]), folds=True)
    yield _plain("findings", "Findings", others, rows.of_finding, folds=True)
    drift = [one for one in plan["drift"] if one["disposition"] == "report"]
    yield _plain("drift", "Drift, only reported", drift, rows.of_drift, folds=True)
    later = plan["deferred"]
    yield _plain("later", "Not yet possible", later, rows.of_deferred, folds=True)
    live, about = adoptable(plan["unmanaged"]), len(plan["unmanaged"])
    title = "Unmanaged, left alone"
    yield _plain("unmanaged", title, live, rows.of_unmanaged, about, folds=True)


def _plain(
    key: str,
    title: str,
    found: Sequence[T],
    row: Callable[[T, Detail], Sequence[str]],
    about: int | None = None,
    *,
    folds: bool = False,
) -> _Section:
    each = [partial(row, one) for one in found]
    return _Section(key, title, len(found) if about is None else about, each, folds)


def _acting(key: str, title: str, actions: Iterator[ActionData]) -> _Section:
    mine = list(actions)
    found: list[Row] = []
    for bundle in bundles(mine, by_risk):
        if bundle.origin:
            found.append(partial(rows.of_bundle, bundle))
        indent = "  " if bundle.origin else ""
        found += [partial(rows.of_group, group, indent) for group in bundle.groups]
    return _Section(key, title, len(mine), found)


def _grave(action: ActionData) -> bool:
    grave = action["risk"] in {"money", "destructive"}
    return grave and standing(action) != "pending"


def _reason(unread: UnknownData) -> tuple[str, str]:
    return unread["provider"], unread["why"]


def _body(parts: Sequence[_Section], detail: Detail, url: str) -> Iterator[str]:
    left = []
    for part in filter(_about, parts):
        most: int = getattr(detail, part.key)
        shown = part.rows[:most]
        lines = [line for row in shown for line in row(detail)]
        if hidden := len(part.rows) - len(shown):
            left.append(f"{hidden:,} of {len(part.rows):,} entries of *{part.title}*")
        folded = lines and (part.folds or len(lines) > _OPEN)
        yield from (_folded if folded else _open)(
            f"{part.title} ({part.about:,})", lines
        )
    if detail[:_SIZES] != Detail()[:_SIZES]:
        left.append("some names, fields and long texts")
    if left:
        where = link("the whole plan", url) or "the whole plan is kept with the run"
        yield f"_Left out to fit into one comment: {'; '.join(left)}_ · {where}"
    elif url:
        yield link("The whole plan", url)


_SIZES = 3


def _about(part: _Section) -> bool:
    return part.about > 0


def _open(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield from (f"#### {title}", "", *lines, "")


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"<details><summary><b>{title}</b></summary>"
    yield from ("", *lines, "", "</details>", "")
