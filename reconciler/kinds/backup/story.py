"""What ``explain`` tells of a backup: receipts, drills, and what comes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.drilling import due_at, kinds_of
from reconciler.kinds.backup.facts import hours, moment, restores, short
from reconciler.kinds.backup.proof import proven
from reconciler.model import Chapter, Proof

_LAST = 5


def story(case: Case) -> Iterator[Chapter]:
    """Yield whether it is proven, what was made, what was restored, and what comes."""
    accepted = tuple(case.accepted)
    found = proven(case.recorded, case.backing, case.now, accepted, case.whence)
    if isinstance(found, Proof):
        back = _text(found.verified)
        yield Chapter(
            f"proven  what was there on {_text(found.at)} came back on {back}"
        )
    else:
        yield Chapter("not proven", (found,))
    yield Chapter("promised", tuple(_promised(case)))
    yield Chapter("backed up", tuple(_made(case)))
    yield Chapter("restored", (*_restored(case), *_by_hand(case)))
    yield Chapter("comes next", tuple(sorted(_next(case))))


def _promised(case: Case) -> Iterator[str]:
    """Yield what was promised, and what was measured of it."""
    last, objectives = case.last(case.first), case.backing.objectives
    age = f"the newest is {hours(case.now - last.at)} old" if last else "there is none"
    yield f"RPO {hours(objectives.rpo)}: {age}"
    timed = [one for one in case.drilled if one.verdict == "passed" and one.seconds]
    took = "nobody has measured yet how long a restore takes"
    if timed:
        how = "is estimated to take" if timed[-1].estimated else "took"
        took = f"to restore all of it {how} {timed[-1].seconds:.0f} s"
    yield f"RTO {hours(objectives.rto)}: {took}"
    names = list(dict.fromkeys(one.repository for one in case.copies))
    others = f"copied to {', '.join(names[1:])}" if names[1:] else "nowhere else"
    yield f"written to {names[0]}, {others}"


def _made(case: Case) -> Iterator[str]:
    for copy in dict.fromkeys(one.repository for one in case.copies):
        rows = case.receipts(copy)
        if not rows:
            yield f"{copy}: nothing with a receipt"
        for one in rows[-_LAST:]:
            told = ", ".join(
                f"{name} {short(snapshot)}" for name, snapshot in one.snapshots.items()
            )
            yield f"{_text(one.at)}  {copy}  {told}"


def _restored(case: Case) -> Iterator[str]:
    for one in case.drilled[-_LAST:]:
        took = f", {one.seconds:.0f} s" if one.seconds is not None else ""
        took += " (estimated)" if one.estimated else ""
        key = ", with the escrow key" if one.escrow else ""
        why = f": {one.why}" if one.why else ""
        yield f"{_text(one.at)}  {one.copy}  {one.drill} {one.verdict}{took}{key}{why}"
    if not case.drilled:
        yield "never"


def _by_hand(case: Case) -> Iterator[str]:
    for row in restores(case.recorded)[-_LAST:]:
        at, of = moment(row.get("at")), moment(row.get("of"))
        when, told = _text(at) if at else "?", f", of {_text(of)}" if of else ""
        lacks = row.get("missing")
        if isinstance(lacks, list) and lacks:
            told += f", without {', '.join(map(str, lacks))}"
        yield (
            f"{when}  {row.get('copy')}  by hand, by {row.get('by')}: "
            f"{row.get('verdict')}{told}, into {row.get('into')}"
        )


def _next(case: Case) -> Iterator[str]:
    by = case.backing.schedule.by
    yield f"{_text(case.next_slot)}  backup, by the {by}"
    for name, wanted in kinds_of(case):
        at = due_at(case, name, wanted)
        when = "once there is a backup" if at is None else _text(max(at, case.now))
        yield f"{when}  {name} drill"


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
