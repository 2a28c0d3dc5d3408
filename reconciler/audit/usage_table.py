"""
One file of readings: what was used, by resource and metric, in one day or one month.

The first line says what the file is, the others are one series each, sorted:

    reconciler.usage/v1 raw 2026-11-28 1
    HostingAccount/shop.example<TAB>disk<TAB>whm-1<TAB>870 60x22<TAB>5321 0x22<TAB>...

The columns are when (minutes or hours or days since the file's day or month began, in
UTC, where every day has 24 hours), how much, by how much the highest was above that
(nothing where it never was) and the limit (-1: none is known; nothing where none ever
was).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from reconciler.audit.usage_numbers import QUANTA, packed, unpacked
from reconciler.errors import AuditError

Tier = Literal["raw", "hours", "peaks"]
FORMAT: Final = "reconciler.usage/v1"
#: Nobody knows how much it may be.
NO_LIMIT: Final = -1
#: What is measured by a source that is not believed is kept under this name of it.
DOUBTED: Final = "?"
_HEAD = re.compile(
    rf"{re.escape(FORMAT)} (raw|hours|peaks) (\d{{4}}-\d\d(?:-\d\d)?) (\d{{1,9}})",
    re.ASCII,
)
_KEY = re.compile(r"[A-Z][A-Za-z]+/[^\s/]+\t([a-z]+)\t[^\s?]+\??", re.ASCII)
_FIELDS = 7
_A_DAY, _A_MONTH = len("2026-11-28"), len("2026-11")
#: How many minutes, hours or days a period has at most.
_LONGEST = {
    ("raw", _A_DAY): 1440,
    ("hours", _A_DAY): 24,
    ("hours", _A_MONTH): 24 * 31,
    ("peaks", _A_MONTH): 31,
}


def tier_of(word: str) -> Tier:
    """Return the tier that is called so; raises ValueError where none is."""
    match word:
        case "raw" | "hours" | "peaks":
            return word
        case _:
            raise ValueError(f"nothing is kept as {word}")


class Key(NamedTuple):
    """Whose series it is; *ref* is an address as text."""

    ref: str
    metric: str
    source: str


class Series(NamedTuple):
    """
    What one source measured of one metric of one resource.

    Attributes:
        times: Since the period began, each later than the one before.
        values: As whole numbers; see ``usage_numbers``. Of hours the mean, of days the
            highest.
        over: By how much the highest of each was above the value.
        limits: The most it might be; NO_LIMIT where that is not known.
    """

    times: list[int]
    values: list[int]
    over: list[int]
    limits: list[int]


Rows = dict[Key, Series]


class Table(NamedTuple):
    """One file: *period* is a day (``2026-11-28``) or a month (``2026-11``), in UTC."""

    tier: Tier
    period: str
    rows: Rows


def written(table: Table) -> bytes:
    """Return *table* as its file: the same bytes for the same content."""
    lines = [f"{FORMAT} {table.tier} {table.period} {len(table.rows)}"]
    lines += [_line(key, table.rows[key]) for key in sorted(table.rows)]
    return ("\n".join(lines) + "\n").encode()


def _line(key: Key, series: Series) -> str:
    over = packed(series.over) if any(series.over) else ""
    known = any(limit != NO_LIMIT for limit in series.limits)
    limits = packed(series.limits) if known else ""
    return "\t".join((*key, packed(series.times), packed(series.values), over, limits))


class Page(NamedTuple):
    """
    One file whose lines are not decoded yet.

    Attributes:
        path: Where it is, for what has to be said about it.
    """

    path: str
    tier: Tier
    period: str
    lines: list[str]

    def row(self, line: str) -> tuple[Key, Series]:
        """
        Return what one of the lines says.

        Raises:
            AuditError: It is not what this package writes.
        """
        try:
            key, series = _row(line)
            if series.times[-1] >= _LONGEST[self.tier, len(self.period)]:
                raise ValueError("a time in it is not of its period")
        except ValueError as error:
            raise foreign(self.path, str(error)) from None
        return key, series

    def table(self) -> Table:
        """Return everything that it says; raises AuditError as ``row`` does."""
        return Table(self.tier, self.period, dict(map(self.row, self.lines)))


def page(path: str, data: bytes) -> Page:
    """
    Read one file.

    Raises:
        AuditError: It is not what this package writes, or a part of it.
    """
    try:
        lines = data.decode().split("\n")
        head = _HEAD.fullmatch(lines[0])
        if head is None or int(head[3]) != len(lines) - 2 or lines[-1]:
            raise ValueError("its first line does not say what it is")
        tier = tier_of(head[1])
        if (tier, len(head[2])) not in _LONGEST:
            raise ValueError(f"nothing is kept as {tier} of {head[2]}")
    except ValueError as error:
        raise foreign(path, str(error)) from None
    return Page(path, tier, head[2], lines[1:-1])


def foreign(path: str, why: str) -> AuditError:
    """Return the error of a file that this package did not write."""
    return AuditError(
        f"{path} is no file of readings: {why}",
        hint="find out who wrote it; nothing is read or written until it is gone",
        code="E660",
    )


def _row(line: str) -> tuple[Key, Series]:
    fields = line.split("\t")
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} columns in one line")
    key = Key(*fields[:3])
    found = _KEY.fullmatch("\t".join(key))
    if found is None or found[1] not in QUANTA:
        raise ValueError(f"{fields[0][:60]!r} has no {fields[1][:20]!r}")
    return key, _series(*fields[3:])


def _series(times: str, values: str, over: str, limits: str) -> Series:
    at = unpacked(times)
    none, most = [0] * len(at), [NO_LIMIT] * len(at)
    found = Series(
        at,
        unpacked(values),
        unpacked(over) if over else none,
        unpacked(limits) if limits else most,
    )
    if any(len(column) != len(at) for column in found) or not at:
        raise ValueError("its columns differ in length")
    if min(found.values) < 0 or min(found.over) < 0 or at[0] < 0:
        raise ValueError("nobody uses less than nothing")
    if any(later <= one for one, later in pairwise(at)):
        raise ValueError("its times are in no order")
    return found


def merged(old: Rows, new: Mapping[Key, Series], *, newer: bool) -> Rows:
    """Return both; where they say something of one time, the *newer* or the older."""
    found = dict(old)
    for key, series in new.items():
        mine = found.get(key)
        found[key] = series if mine is None else joined(mine, series, newer=newer)
    return found


def joined(old: Series, new: Series, *, newer: bool = True) -> Series:
    """Return both in the order of time; see ``merged``."""
    if old.times[-1] < new.times[0]:
        return Series(*(one + other for one, other in zip(old, new, strict=True)))
    first, second = (old, new) if newer else (new, old)
    by_time = {row[0]: row for one in (first, second) for row in zip(*one, strict=True)}
    return series_of(by_time[at] for at in sorted(by_time))


def series_of(rows: Iterable[tuple[int, ...]]) -> Series:
    """Return a series of rows (time, value, over, limit) in the order of time."""
    return Series(*map(list, zip(*rows, strict=True)))
