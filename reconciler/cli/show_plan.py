"""A plan as text: what happens, what waits and why, what is coming."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal

import click

from reconciler.engine.document import totals
from reconciler.model import Action, Finding, Plan, Severity
from reconciler.model.change import Shown

View = Literal["summary", "changes", "full"]
_COLOURS = {
    "allow": "green",
    "hold": "yellow",
    "deny": "red",
    "critical": "red",
    "error": "red",
    "warning": "yellow",
    "info": "blue",
}
_WIDE = 70
_SAME = 3


def text(plan: Plan, view: View = "changes", width: int | None = None) -> str:
    """Return *plan* for a terminal of *width* columns; unbroken lines without."""
    return fitted(_lines(plan, view), width)


def fitted(lines: Iterable[str], width: int | None) -> str:
    """Return *lines* for a terminal of *width* columns; unbroken without."""
    if width is None:
        return "\n".join(lines)
    return "\n".join(part for line in lines for part in _wrapped(line, width))


def _wrapped(line: str, width: int) -> list[str]:
    """Break a long line between words; what follows is indented under it."""
    head, reset, tail = line.rpartition("\x1b[0m")
    shown = click.unstyle(head)
    if len(shown) + len(tail) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + (len("allow   ") if head else 2))
    first, *rest = textwrap.wrap(
        tail,
        width,
        initial_indent=shown,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [head + reset + first[len(shown) :], *rest]


def _lines(plan: Plan, view: View) -> Iterator[str]:
    yield _head(plan)
    if view != "summary":
        yield from _actions(plan.actions, full=view == "full")
    yield from _unread(plan)
    yield from _deferred(plan)
    yield from _reported(plan)
    yield from _due(plan)
    yield from _findings(plan.findings, full=view == "full")
    yield from _unmanaged(plan, full=view == "full")
    yield _foot(plan)


def _head(plan: Plan) -> str:
    when = f"{plan.as_of:%Y-%m-%d %H:%M} UTC"
    commit = f" · commit {plan.commit[:7]}" if plan.commit else ""
    head = click.style(f"plan {plan.digest}", bold=True)
    return f"{head} · env {plan.env} · {when}{commit}"


def _actions(actions: Sequence[Action], *, full: bool) -> Iterator[str]:
    ordered = sorted(actions, key=lambda a: (a.level, _sameness(a), a.want.ref))
    for _, same in groupby(ordered, key=lambda a: (a.level, _sameness(a))):
        group = list(same)
        if full or len(group) <= _SAME:
            for action in group:
                yield from _action(action, full=full)
        else:
            yield from _many(group)


def _sameness(action: Action) -> tuple[object, ...]:
    change = action.change
    fields = tuple((f.field, str(f.before), str(f.after)) for f in change.fields)
    if change.cost:
        fields = ((change.verb, "", ""), ())  # type: ignore[assignment]
    held = tuple(v.rule for v in action.verdicts if v.decision > 0)
    return (action.decision, change.verb, change.share.provider, fields, held)


def _many(group: Sequence[Action]) -> Iterator[str]:
    first = group[0]
    cost = ", ".join(f"{t['amount']} {t['currency']}" for t in totals(group))
    yield (
        f"{_decision(first)} {first.change.verb:<10} same change on {len(group)} "
        f"{first.want.kind} documents  {first.change.share.provider}  {cost}".rstrip()
    )
    names = ", ".join(action.want.name for action in group[:_SAME])
    yield f"        {names} and {len(group) - _SAME} more (--view full)"
    if not first.change.cost:
        yield from _changes(first, full=False)
    yield from _why(first)


def _action(action: Action, *, full: bool) -> Iterator[str]:
    cost = f"  {action.change.cost}" if action.change.cost else ""
    resumed = "  (begun by an earlier run)" if action.resumes else ""
    yield (
        f"{_decision(action)} {action.change.verb:<10} "
        f"{click.style(str(action.want.ref), bold=True)}  "
        f"{action.change.share.provider}{cost}{resumed}"
    )
    at = action.want.at(action.change.field)
    yield f"        {f'{at}  ' if at else ''}{action.change.because}"
    yield from _changes(action, full=full)
    yield from _why(action)


def _changes(action: Action, *, full: bool) -> Iterator[str]:
    fields = action.change.fields
    for change in fields if full else fields[:_SAME]:
        name = change.field.removeprefix("spec.")
        yield f"        {name}: {_value(change.before)} -> {_value(change.after)}"
    if not full and len(fields) > _SAME:
        yield f"        and {len(fields) - _SAME} more fields (--view full)"


def _why(action: Action) -> Iterator[str]:
    for verdict in action.verdicts:
        if verdict.decision > 0:
            needs = f" · needs {' + '.join(verdict.needs)}" if verdict.needs else ""
            yield f"        {verdict.rule}: {verdict.why}{needs}"


def _decision(action: Action) -> str:
    word = str(action.decision)
    return click.style(f"{word:<7}", fg=_COLOURS[word])


def _value(value: Shown) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "on" if value else "off"
    shown = " ".join(value) if isinstance(value, tuple) else str(value)
    return shown if len(shown) <= _WIDE else shown[: _WIDE - 1] + "…"


def _unread(plan: Plan) -> Iterator[str]:
    """What could not be read; one entry for all of an account with one reason."""
    label = click.style(f"{'unknown':<7}", fg="yellow")
    ordered = sorted(plan.unknown, key=lambda u: (u.share, u.why, u.ref))
    for (share, why), same in groupby(ordered, key=lambda u: (u.share, u.why)):
        refs = [str(unread.ref) for unread in same]
        more = f" and {len(refs) - _SAME} more" if len(refs) > _SAME else ""
        yield f"{label} {'read':<10} {', '.join(refs[:_SAME])}{more}  {share.provider}"
        yield f"        {why}; nothing is planned from it"


def _deferred(plan: Plan) -> Iterator[str]:
    for later in plan.deferred:
        yield (
            f"{'later':<7} {later.verb:<10} {later.ref}  "
            f"{later.because}; not before {later.until:%Y-%m-%d}"
        )


def _reported(plan: Plan) -> Iterator[str]:
    for drift in plan.drift:
        if drift.disposition == "report":
            name = drift.field.removeprefix("spec.")
            yield f"{'drift':<7} {'report':<10} {drift.ref}  {name}"


def _due(plan: Plan) -> Iterator[str]:
    if not plan.due:
        return
    yield ""
    yield click.style("Coming due", bold=True)
    for due in plan.due:
        what = f"{due.kind}/{due.name:<28} {due.what:<22} {due.cost or ''}"
        yield f"  {due.at:%Y-%m-%d}  {what}".rstrip()


def _findings(findings: Sequence[Finding], *, full: bool) -> Iterator[str]:
    shown = [f for f in findings if full or f.severity is not Severity.INFO]
    if not findings:
        return
    yield ""
    yield click.style("Findings", bold=True)
    for finding in shown:
        word = click.style(
            f"{finding.severity.upper():<8}", fg=_COLOURS[finding.severity]
        )
        place = f"  {finding.source}" if finding.source else ""
        yield f"  {word} {finding.kind}/{finding.name}  {finding.message}{place}"
    if hidden := len(findings) - len(shown):
        yield f"  and {hidden} of no urgency (-v)"


def _unmanaged(plan: Plan, *, full: bool) -> Iterator[str]:
    if not plan.unmanaged:
        return
    from reconciler.engine.drift import IMPORT_ALL, adoption

    yield ""
    names = [f"{u.kind}/{u.name} ({u.provider})" for u in plan.unmanaged]
    shown = names if full else names[:_SAME]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    yield f"Unmanaged, left alone: {', '.join(shown)}{more}"
    only = len(plan.unmanaged) == 1
    yield f"  declare: {adoption(plan.unmanaged[0]) if only else IMPORT_ALL}"


def _foot(plan: Plan) -> str:
    counts = {
        word: sum(1 for a in plan.actions if str(a.decision) == word)
        for word in ("allow", "hold", "deny")
    }
    if not plan.actions and plan.complete:
        said = "No actions. The YAML says what is live."
    elif not plan.actions:
        said = "No actions from what could be read"
    else:
        said = ", ".join(
            f"{count} {_PLURAL[word]}" for word, count in counts.items() if count
        )
    cost = _sum(plan.allowed())
    parts = [said, f"we pay {cost}" if cost else ""]
    if not plan.complete:
        parts.append(f"INCOMPLETE: {len(plan.unknown)} could not be read")
    return "\n" + " · ".join(part for part in parts if part)


_PLURAL = {"allow": "to do", "hold": "held", "deny": "denied"}


def _sum(actions: Iterable[Action]) -> str:
    return " + ".join(f"{t['amount']} {t['currency']}" for t in totals(actions))
