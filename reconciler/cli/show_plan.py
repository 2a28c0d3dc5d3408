"""A plan as text: what is urgent, what happens, what waits and why, what is coming."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal, cast

import click

from reconciler.cli import show_summary, show_watched
from reconciler.cli.next_step import next_step
from reconciler.cli.show_due import Row, table
from reconciler.engine import document
from reconciler.model import Plan
from reconciler.report.adopt import adoptable
from reconciler.report.agenda import agenda
from reconciler.report.chart import sparkline
from reconciler.report.group import Bundle, Same, bundles, by_wave
from reconciler.report.spot import placed
from reconciler.report.visible import visible
from reconciler.report.words import (
    address,
    age,
    approvers,
    charged,
    clients,
    field_name,
    headline,
    minute,
    money,
    paid,
    part,
    place,
    standing,
    total,
    value,
)

if TYPE_CHECKING:
    from reconciler.cli.show_watched import Watch
    from reconciler.report.plan_document import (
        ActionData,
        FindingData,
        PlanDocument,
        UnknownData,
        Value,
    )


View = Literal["summary", "changes", "full"]
_COLOURS = {
    **show_summary.COLOURS,
    "critical": "red",
    "error": "red",
    "warning": "yellow",
    "info": "blue",
}
_WIDE = 70
_SAME = 3
#: A label of a line is no longer than this.
_LABEL = 12
#: So many findings of one sort are named, each by itself.
_MANY = 5


def text(plan: Plan, view: View = "changes", width: int | None = None) -> str:
    """Return *plan* as *shown* does, without a word about what to do next."""
    data = cast("PlanDocument", document(plan))
    return shown(data, view, width, advice=False)


def shown(
    plan: PlanDocument,
    view: View = "changes",
    width: int | None = None,
    *,
    advice: bool = True,
    watch: Watch | None = None,
) -> str:
    """
    Return *plan* for a terminal of *width* columns; unbroken lines without.

    With a *watch* nothing is managed yet, and that is what its end says.
    """
    lines = list(_lines(plan, view, width, watch))
    if advice:
        lines.append(next_step(plan, watch))
    return fitted(lines, width)


def fitted(lines: Iterable[str], width: int | None) -> str:
    """Return *lines* for a terminal of *width* columns; unbroken without."""
    if width is None:
        return "\n".join(lines)
    parts = (part for line in lines for part in line.split("\n"))
    return "\n".join(piece for part in parts for piece in _wrapped(part, width))


def _wrapped(line: str, width: int) -> list[str]:
    """Break a long line between words; what follows is indented under it."""
    head, reset, tail = line.rpartition("\x1b[0m")
    plain = click.unstyle(head)
    if len(plain) + len(tail) <= width:
        return [line]
    indent = " " * _hanging(line)
    first, *rest = textwrap.wrap(
        tail,
        width,
        initial_indent=plain,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [head + reset + first[len(plain) :], *rest]


def _hanging(line: str) -> int:
    """Return where what follows begins: under what stands after a short label."""
    label, reset, text = line.partition("\x1b[0m")
    after = len(click.unstyle(label)) + len(text) - len(text.lstrip(" "))
    own = len(line) - len(line.lstrip(" "))
    return after if reset and after <= own + _LABEL else own + 2


def _lines(
    plan: PlanDocument, view: View, width: int | None, watch: Watch | None
) -> Iterator[str]:
    yield _head(plan)
    findings = placed(plan["findings"])
    urgent = [one for one in findings if one["severity"] == "critical"]
    yield from _found(urgent, full=view == "full")
    if view == "summary":
        yield from _causes(plan["actions"])
        yield from show_summary.verbs(plan["actions"])
        yield from _unread(plan)
        yield from show_summary.rest(plan)
        yield _foot(plan, watch)
        return
    yield from _actions(plan["actions"], full=view == "full")
    yield from _unread(plan)
    yield from _deferred(plan)
    yield from _reported(plan)
    yield from _due(plan, width)
    yield from _findings(findings, full=view == "full")
    yield from _unmanaged(plan, full=view == "full")
    yield _foot(plan, watch)


def _head(plan: PlanDocument) -> str:
    commit = f" · commit {visible(plan['commit'][:7])}" if plan["commit"] else ""
    head = click.style(f"plan {plan['digest']}", bold=True)
    observed = plan.get("observed")
    old = f" · snapshot {age(observed, plan['as_of'])} old" if observed else ""
    env = visible(plan["env"])
    return f"{head} · env {env} · {minute(plan['as_of'])}{commit}{old}"


def _actions(actions: Sequence[ActionData], *, full: bool) -> Iterator[str]:
    for bundle in bundles(actions, by_wave):
        indent = ""
        if bundle.origin:
            yield from _origin(bundle)
            indent = "  "
        for group in bundle.groups:
            lines = _group(group, full=full)
            yield from (f"{indent}{line}" for line in lines)


def _causes(actions: Sequence[ActionData]) -> Iterator[str]:
    """The profiles and sites that make something happen, without what it is."""
    for bundle in bundles(actions, by_wave):
        if bundle.origin:
            yield from _origin(bundle)


def _origin(bundle: Bundle) -> Iterator[str]:
    origin = click.style(visible(bundle.origin), bold=True)
    sums = f"; {bundle.sums}" if bundle.sums else ""
    if bundle.origin in bundle.sites:
        at = f"  {visible(bundle.at)}" if bundle.at else ""
        yield f"{origin}{at} -> {bundle.size}{sums}"
    else:
        yield f"{origin}: {bundle.size}{sums}"
    yield from (f"  {visible(site)}" for site in bundle.named)


def _group(group: Same, *, full: bool) -> Iterator[str]:
    if not full and len(group.actions) > _SAME:
        yield from _many(group)
        return
    for action in group.actions:
        yield from _action(action, full=full)


def _many(group: Same) -> Iterator[str]:
    first, many = group.first, len(group.actions)
    cost = total(action["cost"] for action in group.actions)
    kind = f"{visible(first['kind'])} documents"
    parts = [
        f"{_decision(first)} {visible(first['verb']):<10} {group.shared} {kind}",
        visible(first["provider"]),
        cost,
        clients(group.actions),
    ]
    yield "  ".join(filter(None, parts))
    names = ", ".join(visible(action["name"]) for action in group.actions[:_SAME])
    yield f"        {names} and {many - _SAME} more (--view full)"
    if not (first["cost"] or first["charge"]):
        yield from _changes(first, full=False)
    yield from _why(first)


def _action(action: ActionData, *, full: bool) -> Iterator[str]:
    cost = f"  {money(action['cost'])}" if action["cost"] else ""
    charge = f"  {said}" if (said := clients([action])) else ""
    resumed = "  (begun by an earlier run)" if action.get("resumes") else ""
    yield (
        f"{_decision(action)} {visible(action['verb']):<10} "
        f"{click.style(visible(address(action)), bold=True)}  "
        f"{visible(action['provider'])}{cost}{charge}{resumed}"
    )
    at = visible(place(action["source"]))
    yield f"        {f'{at}  ' if at else ''}{visible(action['because'])}"
    if chart := action.get("chart"):
        yield f"        {visible(sparkline(chart))}"
    yield from _changes(action, full=full)
    yield from _why(action)


def _changes(action: ActionData, *, full: bool) -> Iterator[str]:
    fields = action["changes"]
    for one in fields if full else fields[:_SAME]:
        name = visible(field_name(one["field"]))
        yield f"        {name}: {_value(one['before'])} -> {_value(one['after'])}"
    if not full and len(fields) > _SAME:
        yield f"        and {len(fields) - _SAME} more fields (--view full)"


def _why(action: ActionData) -> Iterator[str]:
    for verdict in action["policy"]:
        if verdict["decision"] != "allow":
            yield f"        {visible(verdict['rule'])}: {visible(verdict['why'])}"
    if needs := approvers(action):
        yield f"        needs {' + '.join(map(visible, needs))}"


def _decision(action: ActionData) -> str:
    word = standing(action)
    return click.style(f"{word:<7}", fg=_COLOURS[word])


def _value(given: Value) -> str:
    said = visible(value(given))
    return said if len(said) <= _WIDE else said[: _WIDE - 1] + "…"


def _reason(unread: UnknownData) -> tuple[str, str, str]:
    return unread["provider"], unread["family"], unread["why"]


def _unread(plan: PlanDocument) -> Iterator[str]:
    """What could not be read; one entry for all of an account with one reason."""
    label = click.style(f"{'unknown':<7}", fg="yellow")
    ordered = sorted(plan["unknown"], key=lambda u: (*_reason(u), u["kind"], u["name"]))
    for (provider, _, why), same in groupby(ordered, key=_reason):
        refs = [visible(f"{unread['kind']}/{unread['name']}") for unread in same]
        more = f" and {len(refs) - _SAME} more" if len(refs) > _SAME else ""
        names = ", ".join(refs[:_SAME])
        yield f"{label} {'read':<10} {names}{more}  {visible(provider)}"
        yield f"        {visible(why)}; nothing is planned from it"


def _deferred(plan: PlanDocument) -> Iterator[str]:
    for later in plan["deferred"]:
        what = visible(f"{later['verb']:<10} {later['kind']}/{later['name']}")
        why = visible(later["because"])
        yield f"{'later':<7} {what}  {why}; not before {later['until'][:10]}"


def _reported(plan: PlanDocument) -> Iterator[str]:
    for drift in plan["drift"]:
        if drift["disposition"] == "report":
            who = visible(f"{drift['kind']}/{drift['name']}")
            name = visible(field_name(drift["field"]))
            yield f"{'drift':<7} {'report':<10} {who}  {name}"


def _due(plan: PlanDocument, width: int | None) -> Iterator[str]:
    if not plan["due"]:
        return
    yield ""
    yield click.style("Coming due", bold=True)
    rows = [
        Row(
            str(day.date),
            visible(line.who),
            visible(line.what),
            visible(line.cost),
            "YOU" if line.by == "you" else "",
            line.by == "you",
            charge=visible(line.charge),
        )
        for day in agenda(plan)
        for line in day.lines
    ]
    yield from table(rows, width, "  ")


def _findings(findings: Sequence[FindingData], *, full: bool) -> Iterator[str]:
    others = [one for one in findings if one["severity"] != "critical"]
    if not others:
        return
    loud = [one for one in others if full or one["severity"] != "info"]
    yield ""
    yield click.style("Findings", bold=True)
    yield from _found(loud, full=full)
    if hidden := len(others) - len(loud):
        yield f"  and {hidden} of no urgency (-v)"


def _found(findings: Sequence[FindingData], *, full: bool) -> Iterator[str]:
    """Name what was found; of many of one sort the first ones, and how many more."""
    many = Counter(map(_sort, findings))
    seen: Counter[tuple[str, str]] = Counter()
    for one in findings:
        sort = _sort(one)
        seen[sort] += 1
        if full or many[sort] <= _MANY or seen[sort] <= _SAME:
            yield _finding(one)
            if full and part(one):
                yield f"           {visible(one['id'])}"
        elif seen[sort] == _SAME + 1:
            word = click.style(f"{sort[0].upper():<8}", fg=_COLOURS[sort[0]])
            more = many[sort] - _SAME
            yield f"  {word} and {more:,} more of {visible(sort[1])} (-v)"


def _sort(finding: FindingData) -> tuple[str, str]:
    return finding["severity"], finding["code"]


def _finding(finding: FindingData) -> str:
    word = click.style(
        f"{finding['severity'].upper():<8}", fg=_COLOURS[finding["severity"]]
    )
    at = visible(place(finding["source"]))
    said = visible(f"{address(finding)}  {finding['message']}")
    return f"  {word} {said}{f'  {at}' if at else ''}"


def _unmanaged(plan: PlanDocument, *, full: bool) -> Iterator[str]:
    if not plan["unmanaged"]:
        return
    yield ""
    names = [
        visible(f"{u['kind']}/{u['name']} ({u['provider']})") for u in plan["unmanaged"]
    ]
    some = names if full else names[:_SAME]
    more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
    yield f"Unmanaged, left alone: {', '.join(some)}{more}"
    for found in adoptable(plan["unmanaged"]):
        yield f"  to adopt {len(found.names)}: {found.command}"


def _foot(plan: PlanDocument, watch: Watch | None) -> str:
    pays, gets = paid(plan), charged(plan)
    idle = watch is not None and not plan["actions"]
    parts = [
        show_watched.headline(plan, watch) if watch and idle else headline(plan),
        f"we pay {pays}" if pays else "",
        f"clients pay {gets}" if gets else "",
    ]
    if not plan["complete"]:
        parts.append(incomplete(plan))
    return "\n" + " · ".join(part for part in parts if part)


def incomplete(plan: PlanDocument) -> str:
    """Say how much could not be read; of a single thing, which one."""
    unread = plan["unknown"]
    which = ""
    if len(unread) == 1:
        which = f" ({visible(unread[0]['kind'])}/{visible(unread[0]['name'])})"
    return f"INCOMPLETE: {len(unread)} could not be read{which}"
