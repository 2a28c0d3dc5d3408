"""
Where the seconds go: up, down, unknown, maintenance.

A look is good for as long as was promised until the next one. When that comes more than
half as late again, the time after what was promised is unknown: nobody was there. A
clock that goes back counts nothing twice. Maintenance takes its time out of everything
else, if it was declared before it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from reconciler.health.memory import DAY, Closed, Memory, Tally
from reconciler.kinds.health_check import HealthCheckSpec
from reconciler.model import sha256
from reconciler.model.windows import MaintenanceWindow, coming

_NAMES: Final = Tally._fields
#: A clock that was so far ahead was wrong, and what it counted is no reason to wait.
_ABSURD: Final = 2 * DAY
_LATE: Final = 1.5


class Span(NamedTuple):
    """From one second up to, and without, another."""

    start: int
    end: int


def counted(
    memory: Memory, spec: HealthCheckSpec, now: int, spans: Sequence[Span]
) -> tuple[Memory, list[Closed]]:
    """
    Return *memory* with every second up to *now* counted, and the days that ended.

    What was seen last holds for the time since; it is asked before the new look is
    taken in. *spans* is when it may be down.
    """
    start = memory.until
    if start - now > _ABSURD:
        memory = memory._replace(day=now // DAY, today=Tally())
        start = now
    if now <= start:
        return memory._replace(until=start), []
    good = _good_until(memory, spec, now)
    word = "up" if memory.last else "down"
    pieces = [
        *_clipped(word, start, min(good, now)),
        *_clipped("unknown", max(start, good), now),
    ]
    if spans:
        pieces = list(_without(pieces, spans))
    return _entered(memory._replace(until=now), pieces)


def _good_until(memory: Memory, spec: HealthCheckSpec, now: int) -> int:
    """Return until when what was seen last is good."""
    if memory.seen is None:
        return memory.until
    every = int(spec.every.total_seconds())
    if now - memory.seen <= every * _LATE:
        return now
    return memory.seen + every


def _clipped(word: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    if start < end:
        yield word, start, end


def _without(
    pieces: Iterable[tuple[str, int, int]], spans: Sequence[Span]
) -> Iterator[tuple[str, int, int]]:
    """Yield the pieces, cut where maintenance takes its time out of them."""
    for word, start, end in pieces:
        at = start
        for span in sorted(spans):
            begin, stop = max(span.start, at), min(span.end, end)
            if begin >= stop:
                continue
            yield from _clipped(word, at, begin)
            yield "maintenance", begin, stop
            at = stop
        yield from _clipped(word, at, end)


def _entered(
    memory: Memory, pieces: Iterable[tuple[str, int, int]]
) -> tuple[Memory, list[Closed]]:
    day, today = memory.day, memory.today
    over: list[Closed] = []
    for word, start, end in pieces:
        at = start
        while at < end:
            which = at // DAY
            if which > day:
                if today.whole:
                    over.append(Closed("", day, today))
                day, today = which, Tally()
            stop = min(end, (which + 1) * DAY)
            if which == day:  # a day that is closed is closed
                place = _NAMES.index(word)
                values = list(today)
                values[place] += stop - at
                today = Tally(*values)
            at = stop
    return memory._replace(day=day, today=today), over


def spans(memory: Memory, spec: HealthCheckSpec, start: int, end: int) -> list[Span]:
    """
    Return when it may be down, between *start* and *end*.

    A time counts only if it was declared before it began: by ``windows`` of
    *memory*, which says since when each is known.
    """
    if not spec.maintenance and not spec.planned:
        return []
    found: list[Span] = []
    for one in spec.planned:
        span = Span(int(one.begins.timestamp()), int(one.until.timestamp()))
        known = memory.windows.get(_mark(one))
        if known is not None and known <= span.start:
            found.append(span)
    for window in spec.maintenance:
        known = memory.windows.get(_mark(window))
        if known is not None:
            found += [s for s in _weekly(window, start, end) if known <= s.start]
    return [one for one in found if one.start < end and one.end > start]


def _weekly(window: MaintenanceWindow, start: int, end: int) -> Iterator[Span]:
    at = datetime.fromtimestamp(start, UTC) - window.length - timedelta(hours=2)
    while True:
        span = coming((window,), at)
        if span is None or span.start.timestamp() >= end:
            return
        yield Span(int(span.start.timestamp()), int(span.end.timestamp()))
        at = span.end


def declared(memory: Memory, spec: HealthCheckSpec, now: int) -> Memory:
    """Return *memory* knowing which times of maintenance are declared since when."""
    if not spec.maintenance and not spec.planned:
        return memory if not memory.windows else memory._replace(windows={})
    marks = [_mark(one) for one in (*spec.maintenance, *spec.planned)]
    kept = {mark: memory.windows.get(mark, now) for mark in marks}
    return memory if kept == memory.windows else memory._replace(windows=kept)


def _mark(one: MaintenanceWindow | object) -> str:
    dump = getattr(one, "model_dump")  # noqa: B009  (both are models)
    return sha256(dump(mode="json", by_alias=True))[:12]


def resting(memory: Memory, spec: HealthCheckSpec, now: int) -> bool:
    """Say whether it may be down at *now*."""
    return any(
        span.start <= now < span.end for span in spans(memory, spec, now, now + 1)
    )
