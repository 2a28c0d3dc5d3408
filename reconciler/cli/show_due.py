"""What is coming due, as a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

_GAP = "  "


class Row(NamedTuple):
    """
    One line of the table.

    Attributes:
        day: The day, or blanks of the same width where it is that of the line above.
        by: Who sees to it, in words; empty where nobody needs to know.
        yours: Whether that is a person.
        late: Whether the day is past.
    """

    day: str
    who: str
    what: str
    cost: str
    by: str
    yours: bool = False
    late: bool = False

    @property
    def end(self) -> str:
        """Who sees to it, in colour."""
        by = click.style(self.by, fg="yellow", bold=True) if self.yours else self.by
        return by + (click.style(f"{_GAP}LATE", fg="red") if self.late else "")


def table(rows: Sequence[Row], width: int | None, indent: str = "") -> Iterator[str]:
    """
    Yield *rows* in columns as wide as what is in them.

    Where they do not fit into *width*, what happens goes below whom it happens to.
    """
    if not rows:
        return
    who, what, cost = (
        max(len(cell) for cell in cells)
        for cells in zip(*((r.who, r.what, r.cost) for r in rows), strict=True)
    )
    day = max(len(row.day) for row in rows)
    end = max(len(click.unstyle(row.end)) for row in rows)
    needed = len(indent) + day + who + what + cost + end + 4 * len(_GAP)
    for row in rows:
        head = f"{indent}{row.day:<{day}}{_GAP}"
        tail = f"{row.what:<{what}}{_GAP}{row.cost:>{cost}}{_GAP}{row.end}"
        if width is None or needed <= width:
            yield f"{head}{row.who:<{who}}{_GAP}{tail}".rstrip()
        else:
            yield f"{head}{row.who}"
            yield f"{' ' * len(head)}{_GAP}{tail}".rstrip()
