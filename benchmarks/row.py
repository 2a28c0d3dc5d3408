"""One line of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Row(NamedTuple):
    """
    One figure and what it has to be.

    Attributes:
        work: What was done.
        figure: What it took, in *unit*; None where it could not be measured here.
        gate: The most it may be, or the least where *least* is set; None: for
            information only.
        other: What the other tool took, in the same unit and the same run.
        note: How to read it.
    """

    work: str
    figure: float | None
    unit: str
    gate: float | None = None
    least: bool = False
    other: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the gate is kept; None where there is none to keep."""
        if self.gate is None or self.figure is None:
            return None
        return self.figure >= self.gate if self.least else self.figure <= self.gate

    @property
    def ratio(self) -> float | None:
        """How many times as much the other tool took."""
        if self.other is None or not self.figure:
            return None
        return self.other / self.figure

    def as_json(self) -> dict[str, Any]:
        """Return everything, for the file."""
        return {**self._asdict(), "ok": self.ok, "ratio": self.ratio}


class Size(NamedTuple):
    """How much is measured: numbers of resources, zones, actions, runs, periods."""

    small: int = 1_000
    middle: int = 10_000
    large: int = 100_000
    zones: int = 1_000
    actions: int = 1_000
    runs: int = 3
    periods: int = 200_000


QUICK = Size(300, 1_000, 3_000, 60, 100, 2, 2_000)
Measure = Callable[[Size], Iterable[Row]]


def table(rows: Iterable[Row]) -> str:
    """Return *rows* as text, one line each."""
    head = ("work", "figure", "gate", "", "other", "ratio", "note")
    lines = [head, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    return "\n".join(
        "  ".join(
            cell if column == 6 else cell.ljust(widths[column])
            for column, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    gate = "" if row.gate is None else f"{'>=' if row.least else '<='} {row.gate:g}"
    return (
        row.work,
        f"{_number(row.figure)} {row.unit}" if row.figure is not None else "-",
        gate,
        {True: "ok", False: "FAIL", None: ""}[row.ok],
        _number(row.other) if row.other is not None else "",
        f"{row.ratio:.1f}x" if row.ratio is not None else "",
        row.note,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
