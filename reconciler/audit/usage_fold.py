"""
What becomes of readings as they age: of runs days, of days months, of hours peaks.

* Each run adds one small file to ``now/<day>/``; many of one day become one.
* When the day is over they become ``raw/<day>``.
* After 14 days only each hour's mean and highest stay: ``hours/<day>``.
* When that is so for a whole month, its days become ``hours/<month>``.
* After 92 more days only the highest of each day stays: ``peaks/<month>``, for ever.

A reading that comes late finds its place in whatever there is of its day by then; it
fills what is empty and replaces nothing. Folding again changes nothing. Days are those
of UTC: each has 24 hours, in every season and country.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from reconciler.audit.shelf import Files
from reconciler.audit.usage_table import (
    Page,
    Rows,
    Series,
    Table,
    foreign,
    merged,
    page,
    series_of,
    tier_of,
    written,
)

#: Days in full, then days by the hour; what is older is kept by its daily peaks.
RAW: Final = 14
HOURLY: Final = 92
#: So many files of one unfinished day become one.
SEGMENTS: Final = 48
NOW: Final = "now"
_HOUR, _DAY = 60, 24
#: What others keep on the same branch, and this package neither reads nor judges.
_OTHERS: Final = frozenset({"health"})
_PATH = re.compile(
    r"now/\d{4}-\d\d-\d\d/\d{4}-[0-9a-f]{16}\.txt"
    r"|raw/\d{4}-\d\d-\d\d\.txt|hours/\d{4}-\d\d(-\d\d)?\.txt|peaks/\d{4}-\d\d\.txt",
    re.ASCII,
)


class Place(NamedTuple):
    """Where a file of readings is: its tier, and its day or month."""

    tier: str
    period: str

    @property
    def path(self) -> str:
        """Its path on the branch."""
        return f"{self.tier}/{self.period}.txt"

    @property
    def last(self) -> date:
        """The last day of its period."""
        if len(self.period) > len("2026-11"):
            return date.fromisoformat(self.period)
        first = date.fromisoformat(f"{self.period}-01")
        return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def places(names: Collection[str]) -> dict[str, Place]:
    """
    Return where each file of readings belongs.

    Raises:
        AuditError: A file is none of ours.
    """
    found = {}
    for name in sorted(names):
        tier, _, rest = name.partition("/")
        if tier in _OTHERS:
            continue
        try:
            if not _PATH.fullmatch(name):
                raise ValueError("nothing here is called so")
            place = Place(tier, rest.partition("/")[0].removesuffix(".txt"))
            place.last  # noqa: B018  (a 31st of February is none of ours)
        except ValueError as error:
            raise foreign(name, str(error)) from None
        found[name] = place
    return found


def read(files: Files, names: Collection[str]) -> Iterator[tuple[Place, Table]]:
    """Yield the tables of *names*; raises AuditError where one is not what it says."""
    where = places(names)
    for name, data in sorted(files.read(where).items()):
        yield where[name], opened(name, where[name], data).table()


def opened(name: str, place: Place, data: bytes) -> Page:
    """Return one file; raises AuditError where it is another than its name says."""
    found = page(name, data)
    tier = "raw" if place.tier == NOW else place.tier
    if (found.tier, found.period) != (tier, place.period):
        raise foreign(name, f"it says it is {found.tier} of {found.period}")
    return found


def segment(rows: Rows, day: str) -> tuple[str, bytes]:
    """
    Return the file of what one run has read of one day; the same twice is one.

    It is named for the last minute in it and the hash of what it says.
    """
    data = written(Table("raw", day, rows))
    last = max(series.times[-1] for series in rows.values())
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"{NOW}/{day}/{last:04d}-{digest}.txt", data


def folded(files: Files, today: date) -> dict[str, bytes | None]:
    """
    Return what has to change for everything to be as its age wants it. Pure.

    Raises:
        AuditError: A file is not what it should be; nothing may change then.
    """
    fold = _Fold(files, today)
    fold.days()
    fold.thin()
    fold.months()
    fold.peaks()
    return fold.changes()


class _Fold:
    def __init__(self, files: Files, today: date) -> None:
        self._files, self._today = files, today
        self._where = places(files.names)
        self._there = set(self._where.values())
        self._tables: dict[Place, Table] = {}
        self._new: dict[str, bytes | None] = {}

    def days(self) -> None:
        """Put the runs of days that are over into their days."""
        runs: dict[str, list[str]] = {}
        for name, place in self._where.items():
            if place.tier == NOW:
                runs.setdefault(place.period, []).append(name)
        for day, names in sorted(runs.items()):
            rows: Rows = {}
            over = day < self._today.isoformat()
            if not over and len(names) < SEGMENTS:
                continue
            for _, table in read(self._files, names):
                rows = merged(rows, table.rows, newer=True)
            self._new |= dict.fromkeys(names)
            if over:
                self._put(self._home(day), day, rows)
            else:
                name, data = segment(rows, day)
                self._new[name] = data

    def _home(self, day: str) -> Place:
        """Return where the readings of *day* are by now."""
        month = day[:7]
        for place in (Place("peaks", month), Place("hours", month)):
            if place in self._there:
                return place
        hours = Place("hours", day)
        return hours if hours in self._there else Place("raw", day)

    def _put(self, home: Place, day: str, rows: Rows) -> None:
        if home.tier != "raw":
            rows = {key: hourly(series) for key, series in rows.items()}
            skip = (int(day[8:]) - 1) if len(home.period) < len(day) else 0
            rows = {key: _later(s, skip * _DAY) for key, s in rows.items()}
        if home.tier == "peaks":
            rows = {key: daily(series) for key, series in rows.items()}
        self._add(home, rows)

    def _add(self, place: Place, rows: Rows) -> None:
        old = self._table(place).rows
        if place.tier == "peaks":
            new = {k: _highest(old[k], s) if k in old else s for k, s in rows.items()}
            joined = {**old, **new}
        else:
            joined = merged(old, rows, newer=place.tier == "raw")
        self._tables[place] = Table(tier_of(place.tier), place.period, joined)
        self._there.add(place)

    def _table(self, place: Place) -> Table:
        if place not in self._tables and place in self._there:
            ((_, table),) = read(self._files, [place.path])
            return table
        return self._tables.get(place, Table("raw", place.period, {}))

    def _take(self, place: Place) -> Rows:
        """Return what is in a file, and take the file away."""
        rows = self._table(place).rows
        self._there.discard(place)
        self._tables.pop(place, None)
        if place.path in self._where:
            self._new[place.path] = None
        return rows

    def thin(self) -> None:
        """Keep the hours of days that are old enough."""
        for place in self._old("raw", RAW, months=False):
            rows = self._take(place)
            kept = {key: hourly(series) for key, series in rows.items()}
            self._add(Place("hours", place.period), kept)

    def months(self) -> None:
        """Put days into their month when all of it is old enough."""
        for place in self._old("hours", 0, months=False):
            month = Place("hours", place.period[:7])
            if month.last < self._today - timedelta(days=RAW):
                skip = (place.last.day - 1) * _DAY
                rows = {k: _later(s, skip) for k, s in self._take(place).items()}
                self._add(month, rows)

    def peaks(self) -> None:
        """Keep the highest of each day of months that are old enough."""
        for place in self._old("hours", HOURLY, months=True):
            rows = {key: daily(s) for key, s in self._take(place).items()}
            self._add(Place("peaks", place.period), rows)

    def _old(self, tier: str, days: int, *, months: bool) -> list[Place]:
        before = self._today - timedelta(days=days)
        length = len("2026-11" if months else "2026-11-28")
        return sorted(
            place
            for place in self._there
            if place.tier == tier
            and len(place.period) == length
            and place.last < before
        )

    def changes(self) -> dict[str, bytes | None]:
        """Return the files that differ from what is there."""
        made = {place.path: written(table) for place, table in self._tables.items()}
        return {**self._new, **made}


def hourly(series: Series) -> Series:
    """Return the mean and the highest of each hour of readings by the minute."""
    groups: dict[int, list[tuple[int, ...]]] = {}
    for row in zip(*series, strict=True):
        groups.setdefault(row[0] // _HOUR, []).append(row)
    return series_of(_hour(hour, rows) for hour, rows in groups.items())


def _hour(hour: int, rows: list[tuple[int, ...]]) -> tuple[int, ...]:
    if len(rows) == 1:
        return hour, *rows[0][1:]
    mean = round(sum(row[1] for row in rows) / len(rows))
    highest = max(row[1] + row[2] for row in rows)
    return hour, mean, max(0, highest - mean), rows[-1][3]


def daily(series: Series) -> Series:
    """Return the highest of each day of hours."""
    days: dict[int, tuple[int, ...]] = {}
    for hour, value, over, limit in zip(*series, strict=True):
        day = hour // _DAY
        before = days.get(day, (day, 0, 0, limit))
        days[day] = (day, max(before[1], value + over), 0, limit)
    return series_of(days[day] for day in sorted(days))


def _later(series: Series, by: int) -> Series:
    return series._replace(times=[at + by for at in series.times]) if by else series


def _highest(old: Series, new: Series) -> Series:
    days: Mapping[int, tuple[int, ...]] = {r[0]: r for r in zip(*old, strict=True)}
    found = dict(days)
    for row in zip(*new, strict=True):
        if row[0] not in found or row[1] > found[row[0]][1]:
            found[row[0]] = row
    return series_of(found[day] for day in sorted(found))
