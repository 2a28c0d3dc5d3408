"""Drift as text, and as Markdown for an issue or a comment."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.show_plan import fitted
from reconciler.engine.drift import IMPORT_ALL, Drifted, adoption
from reconciler.report.markdown_text import code
from reconciler.report.visible import visible

if TYPE_CHECKING:
    from reconciler.inventory import Inventory
    from reconciler.model import Drift, Unread

_COLOURS = {"revert": "green", "hold": "yellow", "conflict": "red", "gone": "red"}
_WORDS = {"unsupported": "cannot"}
_WHAT = {
    "revert": "the next apply sets it back",
    "hold": "waits for a person: who is right?",
    "report": "is reported, and left as it is",
    "conflict": "git moved too: waits for a person",
    "unsupported": "its account cannot be asked to set it back",
    "unbased": "was never applied: nobody can say who moved",
}
_WIDE = 70
_FEW = 20
#: GitHub takes 65,535 characters in a comment.
_MOST = 60_000


def text(found: Drifted, inventory: Inventory, width: int | None = None) -> str:
    """Return *found* for a terminal of *width* columns; unbroken lines without."""
    return fitted(_lines(found, inventory), width) + "\n"


def _lines(found: Drifted, inventory: Inventory) -> Iterator[str]:
    base = found.base[:7] if found.base else "none: nothing was applied yet"
    when = f"{found.as_of:%Y-%m-%d %H:%M} UTC"
    yield f"{click.style('drift', bold=True)} · env {found.env} · {when} · base {base}"
    for one in found.fields:
        yield from _field(one, inventory)
    for gone in found.gone:
        label = click.style(f"{'gone':<9}", fg="red")
        yield f"{label}{click.style(str(gone.ref), bold=True)}  {gone.share.provider}"
        yield f"         its {gone.share.family} was there when it was applied last"
    yield from _unread(found)
    yield from _unmanaged(found)
    yield ""
    yield _foot(found)


def _field(one: Drift, inventory: Inventory) -> Iterator[str]:
    word = _WORDS.get(one.disposition, one.disposition)
    label = click.style(f"{word:<9}", fg=_COLOURS.get(one.disposition))
    name = one.field.removeprefix("spec.")
    yield (
        f"{label}{click.style(str(one.ref), bold=True)}  {one.share.provider}  "
        f"{name}: {_value(one.before)} -> {_value(one.live)}"
    )
    at = inventory.at(one.ref, one.field)
    yield f"         {f'{at}  ' if at else ''}{_WHAT[one.disposition]}"


def _unread(found: Drifted) -> Iterator[str]:
    """Name what could not be read; one entry for all of one reason."""
    ordered = sorted(found.unknown, key=_reason)
    for (share, why), same in groupby(ordered, key=_reason):
        refs = [str(one.ref) for one in same]
        more = f" and {len(refs) - 3} more" if len(refs) > 3 else ""  # noqa: PLR2004
        label = click.style(f"{'unknown':<9}", fg="yellow")
        yield f"{label}{', '.join(refs[:3])}{more}  {share.provider}: {visible(why)}"


def _reason(one: Unread) -> tuple[Any, str]:
    return one.share, one.why


def _unmanaged(found: Drifted) -> Iterator[str]:
    if not found.unmanaged:
        return
    yield ""
    yield "Declared nowhere, and left alone"
    for live in found.unmanaged[:_FEW]:
        named = f"{live.kind}/{live.name}  {live.provider}   {adoption(live)}"
        yield f"  {visible(named)}"
    if len(found.unmanaged) > _FEW:
        more = len(found.unmanaged) - _FEW
        yield f"  and {more} more   {IMPORT_ALL}"


def _foot(found: Drifted) -> str:
    if not found:
        said = "No drift"
        said += (
            ". The world is as it was left." if found.complete else " in what was read"
        )
    else:
        count = len(found.fields) + len(found.gone)
        said = f"{count} moved in the world and not in git"
        said += " · keep what is live: reconciler drift --write-back"
    if not found.complete:
        said += f" · INCOMPLETE: {len(found.unknown)} could not be read"
    return said


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return "on" if value else "off"
    shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    shown = visible(shown)
    return shown if len(shown) <= _WIDE else shown[: _WIDE - 1] + "…"


def markdown(found: Drifted, inventory: Inventory) -> str:
    """Return *found* as Markdown, short enough for a comment on GitHub."""
    lines = [f"### Drift in `{found.env}`", "", _foot(found)]
    size = sum(map(len, lines))
    for line in _table(found, inventory):
        size += len(line.encode()) + 1
        if size > _MOST:
            lines.append("\nand more: `reconciler drift` shows all")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _table(found: Drifted, inventory: Inventory) -> Iterator[str]:
    if found:
        yield ""
        yield "| | what | account | wanted | live | written at |"
        yield "|---|---|---|---|---|---|"
    for one in found.fields:
        name = one.field.removeprefix("spec.")
        at = inventory.at(one.ref, one.field)
        cells = [
            one.disposition,
            _code(f"{one.ref} {name}"),
            one.share.provider,
            _code(_value(one.before)),
            _code(_value(one.live)),
            _code(str(at)) if at else "",
        ]
        yield f"| {' | '.join(cells)} |"
    for gone in found.gone:
        yield f"| gone | {_code(str(gone.ref))} | {gone.share.provider} | there | - | |"
    for unread in found.unknown[:_FEW]:
        yield f"\nunknown: {_code(str(unread.ref))}: {_code(unread.why)}"
    if found.unmanaged:
        yield "\nDeclared nowhere, and left alone:\n"
        yield from (f"* {_code(adoption(live))}" for live in found.unmanaged[:_FEW])


def _code(words: str) -> str:
    """
    Return *words* that came from a vendor, so that they are text and no Markdown.

    A bar ends a cell of a table even in code, and whether a backslash before it helps
    depends on the backslashes before that one: it is shown as another sign.
    """
    return code(words.replace("|", "¦"))
