"""A Site's entry is replaced by what it makes, and nothing else in the file moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.errors import InventoryError
from reconciler.inventory.emit import entry
from reconciler.inventory.expansion import Piece
from reconciler.inventory.heads import Head
from reconciler.inventory.written import API_VERSION
from reconciler.model.location import Location


class Span(NamedTuple):
    """Whole lines, from *start* to *stop* (not included), counted from 0."""

    start: int
    stop: int


def ejected(text: str, file: str, head: Head, pieces: Sequence[Piece]) -> str:
    """
    Return *text* with *pieces* in place of the Site at *head*.

    Comments inside the entry are kept above what takes its place.

    Raises:
        InventoryError: E670, the entry shares a line with something else.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    span = _span(text, file, head)
    made = list(_comments(text, lines, span))
    if not head.short and _says_version(text, head):
        made.append(f"apiVersion: {API_VERSION}")
    made += _written(pieces)
    block = "".join(f"{line}{newline}" for line in made)
    before = "".join(lines[: span.start])
    if before and not before.endswith(("\n", "\r")):
        before += newline
    return before + block + "".join(lines[span.stop :])


def _written(pieces: Iterable[Piece]) -> Iterator[str]:
    for piece in pieces:
        for line in entry(str(piece.ref), piece.metadata, piece.spec):
            yield line.text


def _events(text: str) -> Iterator[Any]:
    parser = CParser(text.removeprefix("\ufeff"))
    while (event := parser.get_event()) is not None:
        yield event


class _Marks(NamedTuple):
    """Where something begins and ends, as (line, column) from 0."""

    start: tuple[int, int]
    end: tuple[int, int]
    flow: bool


def _span(text: str, file: str, head: Head) -> Span:
    """Return the lines that the entry at *head* fills."""
    marks = _marks(text, head)
    lines = text.splitlines()
    first, last = marks.start[0], marks.end[0]
    if marks.end[1] == 0 and last > first:
        last -= 1
    while last > first and _is_aside(lines[last]):
        last -= 1
    rest = lines[last][marks.end[1] :] if last == marks.end[0] else ""
    alone = not lines[first][: marks.start[1]].strip("\ufeff ")
    if marks.flow or not alone or (rest.strip() and not rest.strip().startswith("#")):
        raise InventoryError(
            f"{head.written} shares a line with something else",
            at=Location(file, first + 1, marks.start[1] + 1),
            hint="give it lines of its own, and try again",
            code="E670",
        )
    return Span(first, last + 1)


def _is_aside(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _marks(text: str, head: Head) -> _Marks:
    """Return where the entry (or the whole document) of *head* begins and ends."""
    document, key = head.head[0], str(head.where[-1]) if head.short else None
    number, depth = -1, 0
    wanted, expect_key = False, True
    start: tuple[int, int] | None = None
    end, flow = (0, 0), False
    for event in _events(text):
        if event.__class__ is DocumentStartEvent:
            number, depth, expect_key = number + 1, 0, True
            continue
        if number != document or event.__class__ not in _NODES:
            continue
        opens = event.__class__ in _OPEN
        closes = event.__class__ in _CLOSE
        if depth == 0 and opens:
            flow = bool(event.flow_style)
        if depth == 1 and not closes:
            if expect_key:
                wanted = key is None or event.value == key
                if wanted and start is None:
                    start = _at(event.start_mark)
            expect_key = not expect_key if not opens else expect_key
        depth += opens - closes
        if depth == 1 and closes:
            expect_key = True
        if wanted and depth >= 1 and _ends_in_text(event):
            end = max(end, _at(event.end_mark))
    assert start is not None  # noqa: S101  (the head was found in the same text)
    return _Marks(start, end, flow)


_TEXT: frozenset[Any] = frozenset((ScalarEvent, AliasEvent))
_OPEN: frozenset[Any] = frozenset((MappingStartEvent, SequenceStartEvent))
_CLOSE: frozenset[Any] = frozenset((MappingEndEvent, SequenceEndEvent))
_NODES = _TEXT | _OPEN | _CLOSE


def _at(mark: Any) -> tuple[int, int]:
    return mark.line, mark.column


def _ends_in_text(event: Any) -> bool:
    """Say whether the end of *event* is a character and not the next token."""
    if event.__class__ in _TEXT:
        return True
    long = event.end_mark.index > event.start_mark.index
    return event.__class__ in _CLOSE and bool(long)


def _comments(text: str, lines: Sequence[str], span: Span) -> Iterator[str]:
    """Yield the comments on the lines of *span*, which hold one entry."""
    ends: dict[int, int] = {}
    nodes = (each for each in _events(text) if each.__class__ in _NODES)
    for event in filter(_ends_in_text, nodes):
        last, column = _at(event.end_mark)
        for line in range(event.start_mark.line, last + 1):
            whole = len(lines[line]) if line < len(lines) else 0
            ends[line] = max(ends.get(line, 0), column if line == last else whole)
    for number in range(span.start, span.stop):
        rest = lines[number][ends.get(number, 0) :]
        mark, sign, said = rest.partition("#")
        if sign and not mark.strip(" :,]}\t"):
            yield f"#{said.rstrip()}"


def _says_version(text: str, head: Head) -> bool:
    number = -1
    for event in _events(text):
        number += event.__class__ is DocumentStartEvent
        here = number == head.head[0] and event.__class__ is ScalarEvent
        if here and event.value == "apiVersion":
            return True
    return False
