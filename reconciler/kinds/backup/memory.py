"""What the record keeps of what was done, and of what a look has shown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.changes import (
    BackUp,
    BackupChange,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup.checking import checked
from reconciler.kinds.backup.digests import copied, outlived
from reconciler.kinds.backup.drilling import OBSERVED, OBSERVED_OF, news
from reconciler.kinds.backup.elsewhere import carried, elsewhere
from reconciler.kinds.backup.facts import (
    BEGUN,
    DRILLS,
    KEPT,
    RECEIPTS,
    VOUCHED,
    Received,
    exact,
    fact,
    moment,
)
from reconciler.kinds.backup.locks import ends
from reconciler.kinds.backup.origin import ORIGIN, ORIGINS
from reconciler.kinds.backup.rotation import settled
from reconciler.kinds.backup.steps import FAILED
from reconciler.kinds.backup.suspicion import ALARM, noted, suspects
from reconciler.kinds.backup.tampering import IDENTITY, LOCKED, PRUNED, tampered
from reconciler.model import Ended

#: Since when it is looked after: from then on it counts that nothing was backed up.
SINCE: Final = "since"
COPIED: Final = "copied"
_PRUNES: Final = 20
#: So much of why the last attempt failed is kept for people; the log has all of it.
_WORDS: Final = 300
Facts = dict[str, JsonValue]


def remembered(case: Case, change: BackupChange, ended: Ended) -> Facts:
    """Return the facts that are recorded together with how *change* ended."""
    if ended.status != "applied":
        return _undone(case, change, ended)
    match change:
        case BackUp():
            return _made(case, change, ended)
        case CopyOver():
            return _copied(case, change, ended)
        case DrillIt():
            return _drilled(case, change, ended)
        case Check():
            return checked(case, change, ended)
        case PruneOld():
            return _pruned(case, change, ended)
        case ExtendLock():
            return _extended(case, change, ended)
        case Rewind():
            return {PRUNED: _hid(case, change.share.provider, ended)}


def _extended(case: Case, change: ExtendLock, ended: Ended) -> Facts:
    """Return until when all of it is locked by now: no look has to show it first."""
    copy, until = change.share.provider, moment(change.details.get("until"))
    if until is None:
        return {}
    if ids := change.details.get("ids"):
        only = [str(one) for one in ids] if isinstance(ids, list) else []
        return ends(case, copy, promised=until, only=only)
    rows = fact(case.recorded, LOCKED)
    before = rows.get(copy)
    was = moment(before.get("until")) if isinstance(before, dict) else None
    latest = max(filter(None, (was, until)))
    mine: Facts = {"until": latest.isoformat(), "seen": ended.at.isoformat()}
    return {LOCKED: {**rows, copy: mine}, **ends(case, copy, promised=until)}


def _undone(case: Case, change: BackupChange, ended: Ended) -> Facts:
    """Return what is known of what did not come to its end."""
    if isinstance(change, BackUp):
        return _failed(case, ended)
    if isinstance(change, PruneOld) and case.state(change.share.provider) is not None:
        return _half_pruned(case, change, ended)
    return {}


def _half_pruned(case: Case, change: PruneOld, ended: Ended) -> Facts:
    """Return the record without what went before it stopped: it was ours to go."""
    copy, ids = change.share.provider, change.details.get("ids")
    listed = {one.id for one in case.snapshots(copy)}
    gone = [one for one in (ids if isinstance(ids, list) else ()) if one not in listed]
    if not gone:
        return {}
    details = {**change.details, "ids": gone}
    return _pruned(case, change.model_copy(update={"details": details}), ended)


def _failed(case: Case, ended: Ended) -> Facts:
    slot = case.slot.isoformat()
    before = fact(case.recorded, FAILED)
    count = before.get("count") if before.get("slot") == slot else 0
    times = count + 1 if isinstance(count, int) else 1
    why = " ".join(ended.error.split())[:_WORDS]
    row: Facts = {"at": ended.at.isoformat(), "slot": slot, "count": times, "why": why}
    return {FAILED: row}


def _made(case: Case, change: BackUp, ended: Ended) -> Facts:
    """Return the receipt; without every source's snapshot there is none."""
    told = ended.evidence.get("sources")
    sources: dict[str, Mapping[str, JsonValue]] = {}
    for name in case.backing.sources:
        row = told.get(name) if isinstance(told, dict) else None
        if not isinstance(row, dict) or not row.get("snapshot"):
            return {}
        sources[name] = {**row, ORIGIN: case.origin(name)}
    at = str(ended.evidence.get("at") or ended.at.isoformat())
    slot = str(change.details.get("slot", ""))
    copy = change.share.provider
    made = Received(datetime.fromisoformat(at), slot, copy, sources)
    return {**with_receipts(case, [made]), FAILED: {}, **ends(case, copy)}


def with_receipts(case: Case, new: list[Received]) -> Facts:
    """Return the record's receipts with *new* ones, and whom they vouch for."""
    rows: list[JsonValue] = []
    old: list[Received] = []
    whole = sorted([*case.received, *new], key=lambda one: one.at)
    for copy in dict.fromkeys(one.copy for one in whole):
        of_it = [one for one in whole if one.copy == copy]
        rows += [_row(one) for one in of_it[-KEPT:]]
        old += of_it[:-KEPT]
    known: dict[str, Facts] = {
        copy: {one: [source, at.isoformat()] for one, (source, at) in mine.items()}
        for copy, mine in case.vouched.items()
    }
    for one in new:
        mine = known.setdefault(one.copy, {})
        for source, snapshot in one.snapshots.items():
            mine[snapshot] = [source, one.at.isoformat()]
    vouching: Facts = dict(known.items())
    left = outlived(case.recorded, old, known)
    begun = _begun(case, new)
    return {RECEIPTS: rows, VOUCHED: vouching, BEGUN: begun, **left}


def _begun(case: Case, new: list[Received]) -> Facts:
    """
    Return since when each copy has something: the first receipt is not kept.

    What comes to another copy is there since now, however old it is.
    """
    found = dict(fact(case.recorded, BEGUN))
    for one in new:
        at = one.at if one.copy == case.first else case.now
        found.setdefault(one.copy, (case.begun(one.copy) or at).isoformat())
    return found


def _row(one: Received) -> JsonValue:
    sources: Facts = {name: dict(row) for name, row in one.sources.items()}
    at = one.at.isoformat()
    return {"at": at, "slot": one.slot, "copy": one.copy, "sources": sources}


def _copied(case: Case, change: CopyOver, ended: Ended) -> Facts:
    """Return the receipts of the copies: what vouched for the first ones."""
    copy = change.share.provider
    pairs = _pairs(case, change, ended)
    new: list[Received] = []
    for one in case.receipts(str(change.details.get("from"))):
        rows = {
            source: {**row, "snapshot": pairs[str(row["snapshot"])]}
            for source, row in one.sources.items()
            if str(row["snapshot"]) in pairs
        }
        if rows and len(rows) == len(one.sources):
            new.append(one._replace(copy=copy, sources=rows))
    facts = with_receipts(case, new)
    known = case.vouched.get(case.first, {})
    mine = facts[VOUCHED]
    there = mine.setdefault(copy, {}) if isinstance(mine, dict) else {}
    for old, made in pairs.items():
        if old in known and isinstance(there, dict):
            source, at = known[old]
            there[made] = [source, at.isoformat()]
    told = fact(facts, VOUCHED)
    names = {one: fact(told, one) for one in told}
    facts |= copied({**case.recorded, **facts}, case.first, copy, pairs, names)
    row = fact(case.recorded, COPIED)
    before = row.get(copy)
    given = {*map(str, before if isinstance(before, list) else ()), *pairs}
    given = given & set(known)
    facts |= ends(case, copy)
    return {**facts, COPIED: {**row, copy: list[JsonValue](sorted(given))}}


def _pairs(case: Case, change: CopyOver, ended: Ended) -> dict[str, str]:
    """Return what each snapshot is called there, as was told or as is listed."""
    told = ended.evidence.get("copied")
    if isinstance(told, dict):
        return {key: str(value) for key, value in told.items()}
    asked = change.details.get("ids")
    ids = set(map(str, asked)) if isinstance(asked, list) else set()
    listed = case.snapshots(change.share.provider)
    pairs = ((one.original or one.id, one.id) for one in listed)
    return {old: new for old, new in pairs if old in ids}


def _drilled(case: Case, change: DrillIt, ended: Ended) -> Facts:
    said, asked = ended.evidence, change.details
    at = ended.at.isoformat()
    copy, name = change.share.provider, str(asked.get("drill"))
    row: Facts = {
        "at": at,
        "copy": copy,
        "drill": name,
        "verdict": said.get("verdict", "inconclusive"),
        "snapshots": asked.get("snapshots"),
        ORIGINS: _origins(case, copy, fact(asked, "snapshots")),
        "of": asked.get("at"),
        "escrow": bool(said.get("escrow", asked.get("escrow"))),
        "reference": f"{name} drill of {copy} {at}",
    }
    told = ("why", "seconds", "estimated", "bytes")
    row |= {key: exact(said[key]) for key in told if key in said}
    old = case.recorded.get(DRILLS)
    rows = [*(old if isinstance(old, list) else ()), row]
    facts: Facts = {DRILLS: _lasting(case, rows)}
    seen = said.get(OBSERVED)
    of = asked.get("at")
    fresh = row["verdict"] == "passed" and news(case, moment(of))
    if fresh and isinstance(seen, dict):
        new = {key: exact(value) for key, value in seen.items()}
        facts[OBSERVED] = {**fact(case.recorded, OBSERVED), **new}
        facts[OBSERVED_OF] = of
    return facts


def _origins(case: Case, copy: str, snapshots: Facts) -> Facts:
    """Return what each source of a drill was, as the receipts of *snapshots* say."""
    rows = (row for one in case.receipts(copy) for row in one.sources.items())
    return {
        source: row[ORIGIN]
        for source, row in rows
        if ORIGIN in row and row["snapshot"] == snapshots.get(source)
    }


def _lasting(case: Case, rows: list[JsonValue]) -> list[JsonValue]:
    """
    Return the newest of *rows*, and what else says how old the news of a copy are.

    That is the last drill of each sort that passed or failed: many samples, or many
    that told nothing, would have it be one that never was.
    """
    last: dict[tuple[str, str, bool], int] = {}
    for n, row in enumerate(rows):
        if isinstance(row, dict) and row.get("verdict") in {"passed", "failed"}:
            passed = row["verdict"] == "passed"
            last[str(row.get("copy")), str(row.get("drill")), passed] = n
    kept = {n for (copy, _, _), n in last.items() if copy in case.names}
    return [row for n, row in enumerate(rows) if n in kept or n >= len(rows) - KEPT]


def _pruned(case: Case, change: PruneOld, ended: Ended) -> Facts:
    """Return the record without what was forgotten, and when that was."""
    copy, ids = change.share.provider, change.details.get("ids")
    gone = set(map(str, ids)) if isinstance(ids, list) else set()
    known = fact(case.recorded, VOUCHED)
    left = {k: v for k, v in fact(known, copy).items() if k not in gone}
    return {
        VOUCHED: {**known, copy: left},
        PRUNED: _hid(case, copy, ended),
    }


def _hid(case: Case, copy: str, ended: Ended) -> Facts:
    """Return when we hid something ourselves: a prune does, and so does a rewind."""
    row = fact(case.recorded, PRUNED)
    times = row.get(copy)
    when = [*(times if isinstance(times, list) else ()), ended.at.isoformat()]
    return {**row, copy: when[-_PRUNES:]}


def noticed(case: Case) -> Facts:
    """Return what a look alone has shown, as far as it is news."""
    found: Facts = {}
    since = moment(case.recorded.get(SINCE))
    if since is None or case.ahead(since):
        found[SINCE] = case.now.isoformat()
    rows = ((IDENTITY, dict(_identities(case))), (LOCKED, dict(_locks(case))))
    for name, row in rows:
        before = fact(case.recorded, name)
        if any(before.get(key) != value for key, value in row.items()):
            found[name] = {**before, **row}
    found |= ends(case, *(one.repository for one in case.copies))
    alarm = _alarm(case)
    if alarm != fact(case.recorded, ALARM):
        found[ALARM] = alarm
    found |= noted(case)
    made = None if case.makes else elsewhere(case)
    new = [*filter(None, (made,)), *(() if case.makes else carried(case))]
    if new:
        found |= with_receipts(case, new)
    told = fact({**case.recorded, **found}, VOUCHED)
    return {**found, **settled(case, told, made, lambda copy: _calm(case, copy))}


def _calm(case: Case, copy: str) -> bool:
    """Say whether *copy* could be read, and nothing in it is strange."""
    return case.state(copy) is not None and not list(tampered(case, copy))


def _identities(case: Case) -> Iterator[tuple[str, JsonValue]]:
    known = fact(case.recorded, IDENTITY)
    for one in case.copies:
        state = case.state(one.repository)
        if state is not None and state.identity and one.repository not in known:
            yield one.repository, state.identity


def _locks(case: Case) -> Iterator[tuple[str, JsonValue]]:
    """Yield until when each copy is locked, where that is no step back."""
    known = fact(case.recorded, LOCKED)
    for one in case.copies:
        copy, state = one.repository, case.state(one.repository)
        if state is None or state.locked is None:
            continue
        row, until = known.get(copy), state.locked.isoformat()
        same = isinstance(row, dict) and row.get("until") == until
        if not same and not list(tampered(case, copy)):
            yield copy, {"until": until, "seen": case.now.isoformat()}


def _alarm(case: Case) -> Facts:
    """
    Return what is strange now.

    What was so in a copy that cannot be read now may still be: it stays. What is
    suspicious about backups no listing has to show.
    """
    old = fact(case.recorded, ALARM).get("tampered")
    before = [str(one) for one in old] if isinstance(old, list) else []
    told: list[str] = []
    for copy in dict.fromkeys(one.repository for one in case.copies):
        if case.state(copy) is None:
            told += [one for one in before if one.startswith(f"{copy}: ")]
        else:
            told += [f"{copy}: {why}" for why in tampered(case, copy)]
    strange: list[JsonValue] = [one.id for one in suspects(case)]
    found: Facts = {"tampered": list[JsonValue](told), "suspect": strange}
    return {key: value for key, value in found.items() if value}
