"""Card numbers that no line of a file shows: folded, escaped, or written as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.inventory.node import Path
from reconciler.inventory.origin import Places
from reconciler.inventory.secrets import digits, hidden_cards, leaks
from reconciler.model.location import Location


def hidden(
    path: str, documents: list[Any], text: str, places: Places
) -> Iterator[tuple[Location, str]]:
    """Yield where a value of *documents* is one that *text* does not show there."""
    found = list(hidden_cards(documents))
    shown = [(leak.line, digits(leak.text)) for leak in leaks(text) if found]
    for where, number in found:
        first, last = _lines(path, where, places)
        # A block begins on the line after its mark.
        if not any(
            first <= line <= last + 1 and known == digits(number)
            for line, known in shown
        ):
            yield places.location(path, where), number


def _lines(path: str, where: Path, places: Places) -> tuple[int, int]:
    node = places.node(path, where)
    if node is None:
        line = places.location(path, where).line
        return line, line
    return node.start[0], node.last
