"""Before and after of one field, with what differs marked."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup, escape

from reconciler.report.plan_document import FieldData
from reconciler.report.visible import visible
from reconciler.report.words import field_name, value

_NONE = Markup('<span class="none">(none)</span>')


class Compared(NamedTuple):
    """One field as a row of a table."""

    name: str
    before: Markup
    after: Markup


def compared(change: FieldData) -> Compared:
    """Return *change* as markup; everything in it is escaped."""
    before, after = change["before"], change["after"]
    name = visible(field_name(change["field"]))
    if isinstance(before, list) and isinstance(after, list):
        return Compared(
            name, _items("del", before, after), _items("ins", after, before)
        )
    old, new = visible(value(before)), visible(value(after))
    start, end = _common(old, new) if None not in (before, after) else (0, 0)
    return Compared(
        name,
        _NONE if before is None else _marked("del", old, start, end),
        _NONE if after is None else _marked("ins", new, start, end),
    )


def _items(tag: str, mine: list[str], other: list[str]) -> Markup:
    lines = []
    for item in mine:
        text = escape(visible(item))
        shown = text if item in other else f"<{tag}><b>{text}</b></{tag}>"
        lines.append(f'<span class="line">{shown}</span>')
    return Markup("".join(lines))  # noqa: S704  (escaped, piece by piece)


def _common(old: str, new: str) -> tuple[int, int]:
    """Return how long the same beginning and the same end are."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    # Whole words are marked: 2026 and 2027, not 6 and 7.
    while _splits(old, start) or _splits(new, start):
        start -= 1
    while _splits(old, len(old) - end) or _splits(new, len(new) - end):
        end -= 1
    return start, end


def _splits(text: str, at: int) -> bool:
    """Say whether *at* is in the middle of a word."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _alike(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    shorter = min(len(one), len(other))
    return next((at for at, (a, b) in pairs if a != b), shorter)


def _marked(tag: str, text: str, start: int, end: int) -> Markup:
    stop = len(text) - end
    head, middle, tail = map(escape, (text[:start], text[start:stop], text[stop:]))
    strong = f"<b>{middle}</b>" if middle else ""
    return Markup(  # noqa: S704  (escaped, piece by piece)
        f"<{tag}>{head}{strong}{tail}</{tag}>"
    )
