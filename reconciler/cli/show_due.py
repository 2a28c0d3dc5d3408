"""What is coming due, as a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

_GAP = "  "
_PAYS, _GETS = "we pay", "clients pay"


class Row(NamedTuple):
    """
    One line of the table.

    Attributes:
        day: The day, or blanks of the same width where it is that of the line above.
        by: Who sees to it, in words; empty where nobody needs to know.
        yours: Whether that is a person.
        late: Whether the day is past.
        charge: What clients pay; ``cost`` is what we do.
    """

    day: str
    who: str
    what: str
    cost: str
    by: str
    yours: bool = False
    late: bool = False
    charge: str = ""

    @property
    def end(self) -> str:
        """Who sees to it, in colour."""
        by = click.style(self.by, fg="yellow", bold=True) if self.yours else self.by
        return by + (click.style(f"{_GAP}LATE", fg="red") if self.late else "")


def table(rows: Sequence[Row], width: int | None, indent: str = "") -> Iterator[str]:
    """
    Yield *rows* in columns as wide as what is in them.

    Where clients pay something, what we pay and what they do are told apart by a head.
    Where the columns do not fit into *width*, what happens goes below whom it happens
    to.
    """
    if not rows:
        return
    columns = _Columns(rows, len(indent))
    narrow = width is not None and columns.needed > width
    if columns.both and not narrow:
        yield columns.head()
    for row in rows:
        head = f"{indent}{row.day:<{columns.day}}{_GAP}"
        tail = f"{row.what:<{columns.what}}{_GAP}"
        if not narrow:
            tail += f"{columns.money(row.cost, row.charge)}{_GAP}{row.end}"
            yield f"{head}{row.who:<{columns.who}}{_GAP}{tail}".rstrip()
        else:
            gets = f"{_GETS} {row.charge}" if row.charge else ""
            both = ", ".join(filter(None, (row.cost, gets)))
            tail += f"{both:>{columns.cost}}{_GAP}{row.end}"
            yield f"{head}{row.who}"
            yield f"{' ' * len(head)}{_GAP}{tail}".rstrip()


class _Columns:
    """How wide the columns of *rows* are, after so many blanks."""

    def __init__(self, rows: Sequence[Row], indent: int) -> None:
        self.both = any(row.charge for row in rows)
        pays, gets = (_PAYS, _GETS) if self.both else ("", "")
        self.day = max(len(row.day) for row in rows)
        self.who = max(len(row.who) for row in rows)
        self.what = max(len(row.what) for row in rows)
        self.cost = max(len(cell) for cell in (pays, *(row.cost for row in rows)))
        self.charge = max(len(cell) for cell in (gets, *(row.charge for row in rows)))
        self.left = indent + self.day + self.who + self.what + 3 * len(_GAP)
        end = max(len(click.unstyle(row.end)) for row in rows)
        self.needed = self.left + len(self.money("", "")) + len(_GAP) + end

    def money(self, pays: str, gets: str) -> str:
        """Return what we pay, and what clients do where they pay anything."""
        also = f"{_GAP}{gets:>{self.charge}}" if self.both else ""
        return f"{pays:>{self.cost}}{also}"

    def head(self) -> str:
        """Return the line that says whose money is in which column."""
        return f"{' ' * self.left}{self.money(_PAYS, _GETS)}"
