"""The lines of one thing in Markdown; whatever others wrote is in a code span."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from reconciler.report.adopt import Adoptable
from reconciler.report.agenda import Line
from reconciler.report.chart import sparkline
from reconciler.report.detail import Detail
from reconciler.report.group import Bundle, Same
from reconciler.report.markdown_text import code
from reconciler.report.plan_document import (
    ActionData,
    DeferredData,
    DriftData,
    FindingData,
    UnknownData,
)
from reconciler.report.words import (
    BY,
    DECISIONS,
    address,
    approvers,
    count,
    field_name,
    minute,
    money,
    place,
    standing,
    taken,
    total,
    value,
)

Row = Callable[[Detail], Sequence[str]]
_FEW = 3
_NAME = 120


def of_bundle(bundle: Bundle, detail: Detail) -> list[str]:
    """Return the lines above the groups of one profile or site."""
    parts = [code(bundle.origin, detail.text)]
    if bundle.at:
        parts.append(code(bundle.at, detail.text))
    arrow = " → " if bundle.origin in bundle.sites else ": "
    sums = f"; {bundle.sums}" if bundle.sums else ""
    sites = [f"  - {code(site, detail.text)}" for site in bundle.named]
    return [f"- {' '.join(parts)}{arrow}{bundle.size}{sums}", *sites]


def of_group(group: Same, indent: str, detail: Detail) -> list[str]:
    """Return the lines of one action, or of the same change many times."""
    first = group.first
    word = DECISIONS[standing(first)]
    parts = [f"{indent}- **{word}** {_what(group, detail)}"]
    if cost := total(action["cost"] for action in group.actions):
        ceiling = first["ceiling"]
        most = f" (ceiling {money(ceiling)} each)" if ceiling else ""
        parts.append(f"**{cost}**{most}")
    if charge := total(map(taken, group.actions)):
        parts.append(f"clients pay **{charge}**")
    if held := total(a["charge"] for a in group.actions if a.get("only_holds")):
        parts.append(f"held of clients **{held}**")
    if first["risk"] != "none":
        parts.append(first["risk"])
    if not first["reversible"]:
        parts.append("cannot be undone")
    return [" · ".join(parts), *(f"{indent}  - {one}" for one in _more(group, detail))]


def _what(group: Same, detail: Detail) -> str:
    first, many = group.first, len(group.actions)
    verb = code(first["verb"], _NAME)
    at = code(first["provider"], _NAME)
    if many == 1:
        return f"{verb} {code(address(first), detail.text)} at {at}"
    return f"{verb} {group.shared} {code(first['kind'], _NAME)} at {at}"


def _more(group: Same, detail: Detail) -> Iterator[str]:
    first, many = group.first, len(group.actions)
    if many == 1:
        at, due = place(first["source"]), first["due"]
        parts = [code(first["because"], detail.text)]
        parts += [code(at, detail.text)] if at else []
        parts += [f"harm begins {minute(due)}"] if due else []
        yield " · ".join(parts)
        if chart := first.get("chart"):
            yield code(sparkline(chart), detail.text)
    else:
        yield _names([action["name"] for action in group.actions], detail)
    if many == 1 or not (first["cost"] or first["charge"]):
        yield from _fields(first, detail)
    stopped = [v for v in first["policy"] if v["decision"] != "allow"]
    for verdict in stopped[:_FEW]:
        yield f"{code(verdict['rule'], _NAME)}: {code(verdict['why'], detail.text)}"
    if needs := approvers(first):
        groups = [code(needed, _NAME) for needed in needs[:_FEW]]
        yield f"needs the approval of {' + '.join(groups)}"


def _names(names: Sequence[str], detail: Detail) -> str:
    shown = ", ".join(code(name, _NAME) for name in names[: detail.names])
    left = len(names) - detail.names
    return f"{shown} and {left:,} more" if left > 0 else shown


def _fields(action: ActionData, detail: Detail) -> Iterator[str]:
    for changed in action["changes"][: detail.fields]:
        before = code(value(changed["before"]), detail.text)
        after = code(value(changed["after"]), detail.text)
        yield f"{code(field_name(changed['field']), _NAME)}: {before} → {after}"
    left = len(action["changes"]) - detail.fields
    if left > 0:
        yield f"and {count(left, 'more field')}"


def of_finding(finding: FindingData, detail: Detail) -> list[str]:
    """Return the line of one finding."""
    who, said = code(address(finding), _NAME), code(finding["message"], detail.text)
    at = place(finding["source"])
    where = f" · {code(at, detail.text)}" if at else ""
    return [f"- **{finding['severity']}** {who} {said}{where}"]


def of_due(due: tuple[date, Line], detail: Detail) -> list[str]:
    """Return the line of what is coming on one day."""
    day, line = due
    cost = f" · {code(line.cost, _NAME)}" if line.cost else ""
    if line.charge:
        cost += f" · {line.payer} {code(line.charge, _NAME)}"
    who, what = code(line.who, _NAME), code(line.what, detail.text)
    return [f"- {day} {who} {what}{cost} · {BY[line.by]}"]


def of_unknown(unread: Sequence[UnknownData], detail: Detail) -> list[str]:
    """Return what one account does not tell, for one reason."""
    why = code(unread[0]["why"], detail.text)
    names = [f"{one['kind']}/{one['name']}" for one in unread]
    return [
        f"- {code(unread[0]['provider'], _NAME)}: {why}",
        f"  - {_names(names, detail)}",
    ]


def of_drift(drift: DriftData, detail: Detail) -> list[str]:
    """Return the line of a field that moved in the world."""
    who = code(f"{drift['kind']}/{drift['name']}", _NAME)
    live = code(value(drift["live"]), detail.text)
    wanted = code(value(drift["wanted"]), detail.text)
    return [f"- {who} {code(field_name(drift['field']), _NAME)}: {wanted}, live {live}"]


def of_deferred(later: DeferredData, detail: Detail) -> list[str]:
    """Return the line of what is too early."""
    who = code(f"{later['kind']}/{later['name']}", _NAME)
    verb, why = code(later["verb"], _NAME), code(later["because"], detail.text)
    return [f"- {verb} {who}: {why}, not before {later['until'][:10]}"]


def of_unmanaged(found: Adoptable, detail: Detail) -> list[str]:
    """Return what is live in one account, and the command that adopts it."""
    what = f"{code(found.provider, _NAME)}, {code(found.kind, _NAME)}"
    names = _names(found.names, detail)
    return [f"- {what} ({len(found.names):,}): {names}", f"  - {code(found.command)}"]
