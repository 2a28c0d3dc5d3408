"""What was used, as it is kept: readings go in, and come out by the hour or the day."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from reconciler.audit.shelf import Files, Shelf
from reconciler.audit.usage_fold import (
    NOW,
    Place,
    folded,
    hourly,
    opened,
    places,
    segment,
)
from reconciler.audit.usage_numbers import QUANTA, coarse, fine
from reconciler.audit.usage_spool import Spool
from reconciler.audit.usage_table import (
    DOUBTED,
    NO_LIMIT,
    Key,
    Page,
    Rows,
    Series,
    foreign,
    joined,
    merged,
    series_of,
)
from reconciler.model.ref import Ref
from reconciler.model.usage import Reading

_EPOCH: Final = date(1970, 1, 1)
#: How far a source's clock may be ahead of ours.
_AHEAD: Final = timedelta(minutes=10)


class Measured(NamedTuple):
    """
    A reading of one resource.

    Attributes:
        believed: Its source shows nothing that cannot be.
    """

    ref: Ref
    source: str
    reading: Reading
    believed: bool = True


class Hour(NamedTuple):
    """What was used in one hour (or on one day), in the unit of the metric."""

    at: datetime
    mean: float
    highest: float
    limit: float | None


def refusal(reading: Reading, now: datetime) -> str | None:
    """Say why *reading* cannot be kept; None where it can."""
    if reading.metric not in QUANTA:
        return f"{reading.metric[:20]!r} is not measured"
    if reading.at.tzinfo is None or reading.at > now + _AHEAD:
        return f"{reading.metric}: its time is in the future, or in no zone"
    for amount in (reading.value, reading.limit or 0.0):
        if not math.isfinite(amount) or amount < 0:
            return f"{reading.metric}: {amount} is no amount"
    return None


class UsageStore:
    """
    The readings of one environment; several processes may add at once.

    Args:
        shelf: Where they are kept.
        spool: Where they wait; what an earlier run left there goes along.
    """

    def __init__(self, shelf: Shelf, spool: Spool) -> None:
        self._shelf, self._spool = shelf, spool

    def add(self, measured: Iterable[Measured], now: datetime) -> bool:
        """
        Keep what was *measured*, in one commit, and fold what has aged.

        Every one of it passes ``refusal``. The same twice is one.

        Returns:
            False where everything was there already.

        Raises:
            AuditError: The branch cannot be read or written; what was measured waits
                on this machine, and goes along with the next run.
        """
        self._spool.put(dict(_segments(measured)))
        waiting = self._spool.waiting()

        def make(files: Files) -> Mapping[str, bytes | None]:
            both = _with(files, waiting)
            aged = folded(both, now.astimezone(UTC).date())
            whole: dict[str, bytes | None] = {**waiting, **aged}
            return {k: v for k, v in whole.items() if v is not None or k in files.names}

        message = f"usage: {now:%Y-%m-%d %H:%M} UTC\n\nThe next run replaces it.\n"
        changed = self._shelf.change(make, now=now, message=message)
        self._spool.taken(waiting)
        return changed

    def files(self) -> Files:
        """Return what is kept now; raises AuditError where that cannot be read."""
        return self._shelf.files()


class Archive:
    """
    What was used by the hour, from the day of *since* on, of all or of *refs*.

    Files are read at once, and what they say of a resource when it is asked for. What
    is kept by the day only stands at the beginning of its day.

    Raises:
        AuditError: A file is not what it should be; also from what is asked later.
    """

    def __init__(
        self, files: Files, since: datetime, refs: Collection[Ref] | None = None
    ) -> None:
        wanted = None if refs is None else {str(ref) for ref in refs}
        self._lines: dict[str, list[tuple[Place, Page, str]]] = {}
        first = since.astimezone(UTC).date()
        for place, found in _since(files, first):
            for line in found.lines:
                ref = line[: line.find("\t")]
                if "/" not in ref:
                    raise foreign(found.path, f"{ref[:60]!r} is no address")
                if wanted is None or ref in wanted:
                    self._lines.setdefault(ref, []).append((place, found, line))

    def refs(self) -> list[Ref]:
        """Return what there is anything of, sorted."""
        return sorted(map(_ref, self._lines))

    def of(self, ref: Ref, *, doubted: bool = False) -> dict[str, list[Hour]]:
        """
        Return what *ref* used, by metric.

        What a source said that was not believed is left out, or comes alone where it
        is *doubted*.
        """
        found: dict[str, Series] = {}
        for place, rows in self._periods(ref):
            for key, series in rows.items():
                if key.source.endswith(DOUBTED) is doubted:
                    metric, mine = key.metric, _by_hour(place, series)
                    before = found.get(metric)
                    found[metric] = joined(before, mine) if before else mine
        return {metric: [*_hours(metric, found[metric])] for metric in sorted(found)}

    def _periods(self, ref: Ref) -> Iterator[tuple[Place, Rows]]:
        """Yield what is kept, with all runs of one day in one."""
        days: dict[Place, Rows] = {}
        for place, found, line in self._lines.get(str(ref), ()):
            key, series = found.row(line)
            if place.tier in {NOW, "raw"}:
                day = Place("raw", place.period)
                days[day] = merged(days.get(day, {}), {key: series}, newer=True)
            else:
                yield place, {key: series}
        yield from sorted(days.items())


def latest(
    files: Files, now: datetime, refs: Collection[Ref] | None = None
) -> dict[tuple[Ref, str], tuple[str, Reading]]:
    """
    Return the last reading of everything (or of *refs*) since yesterday, by its source.

    Raises:
        AuditError: A file is not what it should be.
    """
    wanted = None if refs is None else {str(ref) for ref in refs}
    first = now.astimezone(UTC).date() - timedelta(days=1)
    found: dict[tuple[str, str], tuple[str, Reading]] = {}
    for place, one in reversed([*_since(files, first)]):
        minutes = 1 if one.tier == "raw" else 60
        for line in one.lines:
            ref, metric, _ = line.split("\t", 2)
            if (ref, metric) in found or (wanted is not None and ref not in wanted):
                continue
            key, series = one.row(line)
            time, value, _, limit = (column[-1] for column in series)
            at = _midnight(place) + timedelta(minutes=time * minutes)
            most = None if limit == NO_LIMIT else fine(metric, limit)
            reading = Reading(metric, at, fine(metric, value), most)
            found[ref, metric] = (key.source, reading)
    return {(_ref(ref), metric): one for (ref, metric), one in found.items()}


def _ref(text: str) -> Ref:
    kind, _, name = text.partition("/")
    return Ref(kind, name)


def _segments(measured: Iterable[Measured]) -> Iterator[tuple[str, bytes]]:
    days: dict[str, dict[Key, dict[int, tuple[int, ...]]]] = {}
    for one in measured:
        metric, at, value, limit = one.reading
        utc = at.astimezone(UTC)
        source = one.source if one.believed else one.source + DOUBTED
        key = Key(str(one.ref), metric, source)
        minute = utc.hour * 60 + utc.minute
        most = NO_LIMIT if limit is None else coarse(metric, limit)
        rows = days.setdefault(utc.date().isoformat(), {}).setdefault(key, {})
        rows[minute] = (minute, coarse(metric, value), 0, most)
    for day, found in days.items():
        table: Rows = {
            key: series_of(rows[minute] for minute in sorted(rows))
            for key, rows in found.items()
        }
        yield segment(table, day)


def _with(files: Files, more: Mapping[str, bytes]) -> Files:
    """Return *files* as they are once *more* is among them."""

    def read(names: Iterable[str]) -> Mapping[str, bytes]:
        asked = [*names]
        mine = {name: more[name] for name in asked if name in more}
        return {**files.read(n for n in asked if n not in more), **mine}

    return Files(files.names | more.keys(), read)


def _since(files: Files, first: date) -> Iterator[tuple[Place, Page]]:
    """Yield every file that has something from the day *first* on, oldest first."""
    where = {n: p for n, p in places(files.names).items() if p.last >= first}
    read = files.read(where)
    order = {"peaks": 0, "hours": 1, "raw": 2, NOW: 3}
    for name in sorted(where, key=lambda n: (where[n].period, order[where[n].tier], n)):
        yield where[name], opened(name, where[name], read[name])


def _midnight(place: Place) -> datetime:
    day = (
        place.last if len(place.period) > len("2026-11") else place.last.replace(day=1)
    )
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _by_hour(place: Place, series: Series) -> Series:
    """Return a series of one file at hours since the epoch."""
    if place.tier == "raw":
        series = hourly(series)
    step = 24 if place.tier == "peaks" else 1
    first = (_midnight(place).date() - _EPOCH).days * 24
    return series._replace(times=[first + time * step for time in series.times])


def _hours(metric: str, series: Series) -> Iterator[Hour]:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    for hour, value, over, limit in zip(*series, strict=True):
        yield Hour(
            start + timedelta(hours=hour),
            fine(metric, value),
            fine(metric, value + over),
            None if limit == NO_LIMIT else fine(metric, limit),
        )
