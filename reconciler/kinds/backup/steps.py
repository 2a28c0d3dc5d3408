"""What is due for one backup: made, copied, checked, locked, or made visible. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.changes import (
    BackUp,
    BackupChange,
    CopyOver,
    ExtendLock,
    Rewind,
)
from reconciler.kinds.backup.checking import check
from reconciler.kinds.backup.drilling import drill
from reconciler.kinds.backup.facts import fact, moment
from reconciler.kinds.backup.lasting import first_end, lasting
from reconciler.kinds.backup.locks import unlocked
from reconciler.kinds.backup.pruning import prune
from reconciler.kinds.backup.state import CopyState
from reconciler.kinds.backup.tampering import IDENTITY, hidden, rewind_to
from reconciler.model import Absent, FieldChange

FAILED: Final = "failed"
#: After a failure it is tried again so much later, then after twice that, and so on.
_AGAIN: Final = timedelta(minutes=15)
_AGAIN_MOST: Final = timedelta(hours=6)
_DOUBLED: Final = 5
_SCHEDULE: Final = "spec.schedule"
_COPIES: Final = "spec.copies"


def steps(case: Case) -> Iterator[BackupChange]:
    """Yield everything that is due now, or not before a time that is known."""
    yield from back_up(case)
    for copy in dict.fromkeys(one.repository for one in case.copies):
        yield from copy_over(case, copy)
        yield from check(case, copy)
        yield from extend(case, copy)
        yield from prune(case, copy)
        yield from rewind(case, copy)
    yield from drill(case)


def back_up(case: Case) -> Iterator[BackUp]:
    """
    Yield the backup of the last due time, once.

    A repository that was never used is made before it, in the same run; one that is
    gone is a finding.
    """
    if not case.makes or not _writable(case, case.first):
        return
    slot, last = case.slot, case.last(case.first)
    text = slot.isoformat()
    if last is not None and (last.at >= slot or last.slot == text):
        return
    before = last.at.isoformat() if last else None
    because = f"due since {slot:%Y-%m-%d %H:%M} UTC, and "
    because += f"the last one is of {last.at:%Y-%m-%d %H:%M}" if last else "never made"
    yield BackUp(
        share=case.share(case.first),
        fields=(FieldChange(field=_SCHEDULE, before=before, after=text),),
        because=because,
        generation=text,
        due=last.at + case.rpo if last else slot,
        not_before=again(case),
        details={"slot": text, "nonce": nonce(case.uid, text)},
    )


def nonce(uid: str, slot: str) -> str:
    """Return the number in the canary of one backup: another one each time."""
    return sha256(f"canary|{uid}|{slot}".encode()).hexdigest()[:32]


def _writable(case: Case, copy: str) -> bool:
    """Say whether *copy* can be read, or was never there."""
    if case.state(copy) is not None:
        return True
    absent = isinstance(case.have.get(case.share(copy)), Absent)
    seen = copy in fact(case.recorded, IDENTITY)
    return absent and not seen and not case.receipts(copy)


def again(case: Case) -> datetime | None:
    """Return when a backup that failed is tried again; None where none did."""
    row = fact(case.recorded, FAILED)
    at, count = moment(row.get("at")), row.get("count")
    if at is None or row.get("slot") != case.slot.isoformat():
        return None
    times = count if isinstance(count, int) else 1
    wait = _AGAIN * (1 << min(max(times - 1, 0), _DOUBLED))
    return at + min(wait, _AGAIN_MOST)


def uncopied(case: Case, copy: str) -> list[str]:
    """Return the snapshots with a receipt that *copy* was never given, oldest first."""
    if copy == case.first or case.panel(case.first) or case.panel(copy):
        return []
    known = case.vouched.get(case.first, {})
    listed = {one.id: one.original for one in case.snapshots(case.first)}
    there = {name for one in case.snapshots(copy) for name in (one.id, one.original)}
    there |= {*case.vouched.get(copy, {}), *given_from(case, copy)}
    # What the first copy has from another one, that one has: it was the first before.
    wanted = (
        one
        for one in known
        if one in listed and one not in there and (listed[one] or one) not in there
    )
    return sorted(wanted, key=lambda one: (known[one][1], one))


def given_from(case: Case, copy: str) -> set[str]:
    """Return the snapshots of the first copy that *copy* has a receipt for."""
    found = fact(case.recorded, "copied").get(copy)
    return set(map(str, found)) if isinstance(found, list) else set()


def copy_over(case: Case, copy: str) -> Iterator[CopyOver]:
    """
    Yield the copying of what another repository lacks.

    Where others make them nothing is written from here: they copy, too.
    """
    ids = uncopied(case, copy) if case.makes else []
    if not ids or not _writable(case, copy):
        return
    known = case.vouched[case.first]
    lag = next(one.max_lag for one in case.copies if one.repository == copy)
    last = case.last(copy)
    text = f"{len(ids)} snapshots" if len(ids) > 1 else "one snapshot"
    yield CopyOver(
        share=case.share(copy),
        fields=(FieldChange(field=_COPIES, after=tuple(ids)),),
        because=f"{text} of {case.first} are not there",
        generation=f"{copy}/{last.at.isoformat() if last else 'first'}/{digest(ids)}",
        due=known[ids[0]][1] + lag,
        details={"from": case.first, "ids": list(ids)},
    )


def digest(ids: list[str]) -> str:
    """Return what tells these snapshots from others."""
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def extend(case: Case, copy: str) -> Iterator[ExtendLock]:
    """Yield the renewal of locks once half of what they last is over, and new ones."""
    place, state = case.repository(copy), case.state(copy)
    if place is None or state is None:
        return
    rule = place.immutability
    if not (rule.locks and rule.extend):
        return
    until = (case.now + rule.lasts).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = first_end(case, copy)
    if ends is None or ends - case.now > rule.lasts / 2:
        yield from _lock(case, copy, state, until, rule.mode)
        return
    ids = lasting(case, copy)
    only: dict[str, JsonValue] = {} if ids is None else {"ids": [*ids]}
    before, after = str(ends.date()), str(until.date())
    yield ExtendLock(
        share=case.share(copy),
        fields=(FieldChange(field=_COPIES, before=before, after=after),),
        because=f"the first lock of what is still needed ends {ends.date()}",
        generation=f"{copy}/{until.date()}",
        due=ends,
        details={"until": until.isoformat(), **only},
    )


def _lock(
    case: Case, copy: str, state: CopyState, until: datetime, mode: str
) -> Iterator[ExtendLock]:
    """Yield the locking of what has no lock as it should have: only of a bucket."""
    bare = [one.id for one in unlocked(case, copy)]
    if not state.versioned or not (bare or state.exposed):
        return
    what = f"{len(bare)} snapshots are" if len(bare) > 1 else "one snapshot is"
    if state.exposed:  # all of it needs what opens it
        what, bare = "what opens it is", []
    yield ExtendLock(
        share=case.share(copy),
        fields=(FieldChange(field=_COPIES, after=str(until.date())),),
        because=f"{what} not locked as is wanted",
        generation=f"{copy}/{until.date()}/{digest(bare)}",
        details={"until": until.isoformat(), "ids": [*bare], "mode": mode},
    )


def rewind(case: Case, copy: str) -> Iterator[Rewind]:
    """Yield the way back to what was visible: only ever with a person."""
    to = rewind_to(case, copy)
    if to is None:
        return
    text, many = to.isoformat(), sum(one.objects for one in hidden(case, copy))
    yield Rewind(
        share=case.share(copy),
        fields=(FieldChange(field=_COPIES, after=text),),
        because=f"{many} objects are hidden, and not by a prune of ours",
        generation=f"{copy}/{text}",
        hold="somebody hid what was kept: a person says whether all of it comes back",
        details={"to": text, "seen": case.now.isoformat()},
    )
