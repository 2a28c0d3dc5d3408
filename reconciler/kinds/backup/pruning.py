"""What may go: exact ids, and only while nothing at all is strange. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.changes import PruneOld
from reconciler.kinds.backup.clock import ahead
from reconciler.kinds.backup.facts import CHECKS, fact, short
from reconciler.kinds.backup.state import CopyState, Snapshot
from reconciler.kinds.backup.suspicion import suspects
from reconciler.kinds.backup.tampering import tampered
from reconciler.model import Absent, FieldChange, Unknown
from reconciler.model.patch_rules import TROUBLES
from reconciler.model.retention import Kept, retained
from reconciler.model.updates import TroubleState

_DAY: Final = timedelta(days=1)


class Old(NamedTuple):
    """
    What one copy no longer needs, and what stays.

    Attributes:
        held: Why none of it goes, whoever says so.
        many: Why a person has to look first.
    """

    gone: tuple[str, ...]
    kept: tuple[str, ...]
    held: str | None = None
    many: str | None = None


def old(case: Case, copy: str) -> Old | None:
    """Return what *copy* no longer needs; None where that is nothing."""
    state = case.state(copy)
    if state is None or not case.makes:
        return None
    gone, kept = _split(case, copy, _prunable(case, copy, state))
    if not gone:
        return None
    held = next(_holds(case, copy), None)
    whole = len(gone) + len(kept)
    most = case.backing.prune.most
    many = None
    if len(gone) > most * whole and len(gone) > _renewed(case, copy, state):
        many = f"{len(gone)} of {whole} snapshots would go at once, at most {most:.0%}"
    return Old(tuple(sorted(gone)), tuple(sorted(kept)), held, many)


def _renewed(case: Case, copy: str, state: CopyState) -> int:
    """
    Return how many go at once where locks are renewed, and nothing is wrong.

    A renewal gives all that is needed one end: what falls out of ``keep`` until the
    next one stays that long, and goes together. That is as many as were made meanwhile.
    """
    place = case.repository(copy)
    if place is None or not (place.immutability.locks and place.immutability.extend):
        return 0
    since = case.now - place.immutability.lasts / 2 - _DAY * 2
    return sum(one.said > since for one in state.snapshots)


def _prunable(case: Case, copy: str, state: CopyState) -> tuple[Snapshot, ...]:
    """
    Return what may go at all, and what is counted.

    A panel forgets by its own rules; of what it was asked for from here it does not,
    and of that only what has a receipt is ever taken away.
    """
    if not case.panel(copy):
        return state.snapshots
    ours = case.vouched.get(copy, {}).keys() & set(state.ours)
    return tuple(one for one in state.snapshots if one.id in ours)


def needed(case: Case, copy: str) -> set[str]:
    """Return what *copy* lists and has to keep, whether or not it is locked."""
    state = case.state(copy)
    if state is None:
        return set()
    return set(_split(case, copy, state.snapshots, locks=False)[1])


def _split(
    case: Case, copy: str, snapshots: tuple[Snapshot, ...], *, locks: bool = True
) -> tuple[list[str], list[str]]:
    """
    Return what goes and what stays, source by source.

    What has a receipt and what has none are counted apart, so that what anybody adds
    pushes nothing out that is proven. What is locked stays (but for *locks*): nobody
    could delete it. So does what a drill brought back last: of that alone it is known
    to be good.
    """
    known = set(case.vouched.get(copy, {}))
    proven = _proven(case, copy)
    lines: dict[tuple[str, bool], list[Snapshot]] = defaultdict(list)
    for one in snapshots:
        lines[one.source, one.id in known].append(one)
    gone: list[str] = []
    kept: list[str] = []
    for line in lines.values():
        stay = retained(
            [Kept(one.id, one.said) for one in line], case.backing.keep, case.now
        )
        for one in line:
            locked = locks and one.locked is not None and one.locked > case.now
            stays = one.id in stay or one.id in proven or locked
            (kept if stays else gone).append(one.id)
    return gone, kept


def _proven(case: Case, copy: str) -> set[str]:
    """Return of each source what came back whole last, of what *copy* still lists."""
    listed = {one.id for one in case.snapshots(copy)}
    found: dict[str, str] = {}
    for one in case.drilled:
        if one.copy == copy and one.verdict == "passed":
            found |= {k: v for k, v in one.snapshots.items() if v in listed}
    return set(found.values())


def _holds(case: Case, copy: str) -> Iterator[str]:
    """Yield why nothing goes now, however old it is."""
    for one in _copies(case):
        for why in tampered(case, one):
            yield f"{one} was tampered with: {why}"
        yield from _lost(case, one)
    for suspect in suspects(case):
        yield f"{short(suspect.id)} of {suspect.source} is suspicious: {suspect.why}"
    for _, why in ahead(case):
        yield why
    for sway in case.sways:
        if sway.why:
            yield f"{sway.by} says {sway.says}: {sway.why}"
    yield from _down(case)
    state = case.state(copy)
    if state is not None and state.locks:
        yield f"{copy} is locked: {state.locks[0]}"
    yield from unverified(case, case.backing.prune.verified)


def _down(case: Case) -> Iterator[str]:
    """Yield that what is backed up is down, or that nobody can tell."""
    match case.have.get(TROUBLES):
        case TroubleState(since=datetime() as since, why=why):
            yield f"an incident is open since {since:%Y-%m-%d %H:%M}: {why}"
        case Unknown(later=False, why=why):
            yield f"nobody can tell whether an incident is open: {why}"
        case _:
            pass


def _copies(case: Case) -> list[str]:
    return list(dict.fromkeys(one.repository for one in case.copies))


def _lost(case: Case, copy: str) -> Iterator[str]:
    """
    Yield that *copy* is gone, damaged, or that nobody can tell.

    What is old in another copy may then be all that there is.
    """
    known = case.vouched.get(copy) or case.receipts(copy)
    match case.have.get(case.share(copy)):
        case Absent() if known:
            yield f"{copy} is gone"
        case Unknown(later=False, why=why) if known:
            yield f"nobody can tell what {copy} has: {why}"
        case _:
            pass
    row = fact(case.recorded, CHECKS).get(copy)
    if isinstance(row, dict) and row.get("bad"):
        yield f"packs of {copy} are damaged"


def unverified(case: Case, within: timedelta) -> Iterator[str]:
    """Yield why no drill says by now that what is kept can be restored."""
    names = _copies(case)
    for last in filter(None, map(case.conclusive, names)):
        if last.verdict == "failed":
            when = last.at.date()
            yield f"the last drill of {last.copy} failed on {when}: {last.why}"
    told = [one for one in case.drilled if one.copy in names]
    passed = [one for one in told if one.verdict == "passed"]
    if not passed:
        yield "no drill has passed yet"
    elif passed[-1].at < case.now - within:
        days = (case.now - passed[-1].at).days
        yield f"the last drill that passed is {days} days old"


def prune(case: Case, copy: str) -> Iterator[PruneOld]:
    """Yield the forgetting of what is old, where nothing speaks against it."""
    found = old(case, copy)
    if found is None or found.held is not None:
        return
    ids = list(found.gone)
    yield PruneOld(
        share=case.share(copy),
        fields=(FieldChange(field="spec.keep", before=found.gone),),
        because=f"{len(ids)} snapshots are kept by nothing; {len(found.kept)} stay",
        generation=f"{copy}/{sha256('|'.join(ids).encode()).hexdigest()[:16]}",
        hold=found.many,
        details={"ids": [*ids], "kept": [*found.kept]},
    )
