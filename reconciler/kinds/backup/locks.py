"""
Until when each snapshot was locked at least, as the record has it. Pure.

What was locked once is locked until then, whoever looks, and for however long new ones
are locked by now: a lock is only ever made longer. So the record keeps the latest end
that a run has seen, or has set, of each snapshot; and any plan compares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import SKEW, fact, moment
from reconciler.kinds.backup.state import Snapshot

#: Copy -> the end of a lock -> the snapshots that are locked until then, by their
#: first digits.
ENDS: Final = "lockEnds"
_DIGITS: Final = 16
Facts = dict[str, JsonValue]


def unlocked(case: Case, copy: str) -> list[Snapshot]:
    """Return what has a receipt and is not locked as it should be, the oldest first."""
    place, known = case.repository(copy), case.vouched.get(copy, {})
    if place is None or not place.immutability.locks:
        return []
    firm = place.immutability.mode == "compliance"
    return [
        one
        for one in case.snapshots(copy)
        if one.id in known and (one.locked is None or (firm and one.governed))
    ]


def shorter(case: Case, copy: str) -> Iterator[str]:
    """Yield that snapshots are locked for less than they were, where any are."""
    known = _known(case, copy)
    short = [
        (one, until)
        for one in (case.snapshots(copy) if known else ())
        if (until := known.get(one.id[:_DIGITS])) is not None
        and until > case.now
        and (one.locked is None or one.locked < until - SKEW)
        and one.id not in case.accepted
    ]
    if short:
        one, until = short[0]
        many = f"{len(short)} snapshots are" if len(short) > 1 else "one snapshot is"
        now = f"until {one.locked:%Y-%m-%d}" if one.locked else "not at all"
        yield (
            f"{many} locked for less than before: {one.id[:8]} {now}, and it was until "
            f"{until:%Y-%m-%d}"
        )


def ends(
    case: Case,
    *copies: str,
    promised: datetime | None = None,
    only: Collection[str] = (),
) -> Facts:
    """
    Return the record with what *copies* show now, where that is news.

    *promised* is until when everything that has a receipt was just locked, or *only*
    these snapshots: what the look after it shows may be less, and then that is told.
    """
    rows = {}
    for copy in copies:
        place = case.repository(copy)
        if place is not None and place.immutability.locks:
            known, now = _known(case, copy), _now(case, copy, promised, only)
            if any(known.get(name) != until for name, until in now.items()):
                rows[copy] = _rows(now)
    return {ENDS: {**fact(case.recorded, ENDS), **rows}} if rows else {}


def _now(
    case: Case, copy: str, promised: datetime | None, only: Collection[str]
) -> dict[str, datetime]:
    """Return the latest end of each lock that is not over."""
    found = _known(case, copy)
    vouched = only or case.vouched.get(copy, {})
    for one in case.snapshots(copy):
        name = one.id[:_DIGITS]
        told = [found.get(name), _whole(one), promised if one.id in vouched else None]
        latest = max(filter(None, told), default=None)
        if latest is not None:
            found[name] = latest
    return {name: until for name, until in found.items() if until > case.now}


def _whole(one: Snapshot) -> datetime | None:
    """Return the end of its lock, in whole seconds."""
    return one.locked.replace(microsecond=0) if one.locked else None


def _known(case: Case, copy: str) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    rows = fact(case.recorded, ENDS).get(copy)
    for text, names in rows.items() if isinstance(rows, dict) else ():
        until = moment(text)
        if until is not None and isinstance(names, list):
            found |= {str(name): until for name in names}
    return found


def _rows(found: Mapping[str, datetime]) -> Facts:
    rows: dict[str, list[JsonValue]] = {}
    for name, until in sorted(found.items(), key=lambda one: (one[1], one[0])):
        rows.setdefault(until.isoformat(), []).append(name)
    return dict(rows)
