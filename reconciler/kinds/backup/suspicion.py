"""
Which backups are suspicious, and stay so until a person has looked at them. Pure.

Receipts go from the record after some forty backups. So what is suspicious is written
down with its figures, and beside it what was good last: both count as receipts that
never go, until somebody accepts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.kinds.backup.anomalies import Figures, figures, strange
from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import KEPT, fact, moment

#: What was strange when somebody looked last: ``tampered`` and ``suspect``.
ALARM: Final = "alarm"
#: Source -> moment -> ``id``, ``why`` and the figures of what is suspicious.
SUSPECTS: Final = "suspects"
#: Source -> ``at``, ``id`` and the figures of what was good last, where others are not.
GOOD: Final = "good"
_NUMBERS: Final = ("files", "size", "added", "packed", "changed")
#: So many are judged at each look, of twice as many that the record has.
_NEWEST: Final = KEPT // 2
#: So many are written down of one source, the oldest: that there are any is enough.
_MOST: Final = 100
_NOTED: Final = "it was suspicious when somebody looked last"
Facts = dict[str, JsonValue]


class Suspect(NamedTuple):
    """A snapshot that nobody should trust before a person looked."""

    source: str
    id: str
    why: str


class _Told(NamedTuple):
    """
    One backup of one source, and what was thought of it.

    Attributes:
        why: Why it was found to be suspicious; empty where it never was.
        settled: It was found to be good, beside more than is known now.
    """

    at: datetime
    figures: Figures
    why: str = ""
    settled: bool = False


def suspects(case: Case) -> list[Suspect]:
    """Return every suspicious snapshot that nobody accepted, the oldest first."""
    found = [
        (one.at, Suspect(source, one.figures.id, one.why))
        for source in _sources(case)
        for one in _judged(case, source)[0]
    ]
    return [one for _, one in sorted(found)]


def alarmed(case: Case) -> list[str]:
    """Return the snapshots that were suspicious at the last look."""
    found = fact(case.recorded, ALARM).get("suspect")
    return [str(one) for one in found] if isinstance(found, list) else []


def doubted(case: Case) -> list[str]:
    """Return what nobody has looked at, by the record: whether or not it was told."""
    found = dict.fromkeys([*alarmed(case), *(one.id for one in suspects(case))])
    return [one for one in found if not case.accepts(one)]


def noted(case: Case) -> Facts:
    """Return what the record keeps of what is suspicious, where that is news."""
    bad: Facts = {}
    good: Facts = {}
    for source in _sources(case):
        found, whole = _judged(case, source)
        if found:
            first = found[:_MOST]
            rows: Facts = {one.at.isoformat(): _row(one, why=one.why) for one in first}
            bad[source] = rows
        if found and whole:
            good[source] = _row(whole[-1], at=whole[-1].at.isoformat())
    news = ((SUSPECTS, bad), (GOOD, good))
    return {name: rows for name, rows in news if rows != fact(case.recorded, name)}


def _sources(case: Case) -> list[str]:
    rows = (one.sources for one in case.receipts(case.first))
    found = dict.fromkeys(name for mine in rows for name in mine)
    return list(found | dict.fromkeys(fact(case.recorded, SUSPECTS)))


def _judged(case: Case, source: str) -> tuple[list[_Told], list[_Told]]:
    """
    Return what is suspicious about *source*, and what is good, the oldest first.

    What was suspicious once is so whatever it is compared with today, but where a
    person accepted one before it: then it is compared with that.
    """
    bad: list[_Told] = []
    good: list[_Told] = []
    looked = False
    for one in _told(case, source):
        if case.accepts(one.figures.id):
            # It is what it should be: others compare with it.
            good, looked = [one], True
            continue
        why = "" if one.settled else _why(case, one, good)
        if one.why and not looked:
            why = one.why
        if why:
            bad.append(one._replace(why=why))
        else:
            good.append(one)
    return bad, good


def _why(case: Case, one: _Told, good: list[_Told]) -> str:
    before = [each.figures for each in good]
    return "; ".join(strange(case.backing.anomaly, one.figures, before))


def _told(case: Case, source: str) -> list[_Told]:
    """
    Return what is known of *source*, the oldest first.

    Only the newest are judged: older ones were, beside more than is known by now.
    """
    listed = {one.id: one for one in case.snapshots(case.first)}
    mine = case.receipts(case.first)
    old = len(mine) - _NEWEST
    known = {one.at: one for one in _recorded(case, source)}
    noticed = {name for one in alarmed(case) for name in case.same(one)}
    for number, receipt in enumerate(mine):
        if source not in receipt.sources or case.ahead(receipt.at):
            continue
        now = figures(receipt, source, listed)
        before = known.get(receipt.at)
        if before is not None:  # by its name in the copy that is the first today
            one = before._replace(figures=before.figures._replace(id=now.id))
        else:
            why = _NOTED if now.id in noticed else ""
            one = _Told(receipt.at, now, why, settled=number < old and not why)
        known[receipt.at] = one
    return [known[at] for at in sorted(known)]


def _recorded(case: Case, source: str) -> Iterator[_Told]:
    """Yield what was good last, and what was suspicious."""
    good = fact(fact(case.recorded, GOOD), source)
    at = moment(good.get("at"))
    if at is not None:
        yield _Told(at, _figures(good), settled=True)
    for text, row in fact(fact(case.recorded, SUSPECTS), source).items():
        at = moment(text)
        if at is not None and isinstance(row, dict):
            yield _Told(at, _figures(row), str(row.get("why") or _NOTED))


def _figures(row: Mapping[str, JsonValue]) -> Figures:
    told = (row.get(name) for name in _NUMBERS)
    numbers = [one if type(one) is int else None for one in told]
    return Figures(str(row.get("id", "")), *numbers)


def _row(one: _Told, **more: str) -> Facts:
    numbers = one.figures._asdict()
    return {
        **more,
        **{key: value for key, value in numbers.items() if value is not None},
    }
