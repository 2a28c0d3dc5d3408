"""The derived documents as a pure fold over the lines of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from reconciler.audit import layout
from reconciler.audit.booking import MONEY, Read, month_of, reserve, settle
from reconciler.audit.books import (
    FAILURES_KEPT,
    USES_KEPT,
    Approvals,
    Base,
    Document,
    Glass,
    GlassUse,
    Head,
    OpenIntent,
    Record,
)
from reconciler.audit.entries import Intent, Note, Outcome
from reconciler.audit.lines import Line
from reconciler.audit.series import Series, misnumbered, series_of

Changes = dict[str, Document | None]
#: What an outcome's evidence calls the facts for the record of its resource.
FACTS = "facts"
#: Prefix of the fact that a verb is too early: ``waits/renew``, until when.
WAITS = "waits/"


def fold(read: Read, line: Line) -> Changes:
    """Return the documents that *line* changes; None is a document that goes. Pure."""
    return {**dict(_changes(read, line)), layout.HEAD: _head(read, line)}


def refusal(read: Read, entry: Intent | Outcome | Note) -> str | None:
    """Say why *entry* contradicts the journal; None where it does not. Pure."""
    match entry:
        case Intent():
            return _refuse_intent(read, entry)
        case Outcome():
            return _refuse_outcome(read, entry)
        case Note():
            return None


def paths(entry: Intent | Outcome | Note) -> Iterator[str]:
    """Yield the documents that folding *entry* reads, as far as it can tell alone."""
    if isinstance(entry, Note):
        if "kind" in entry.data and "uid" in entry.data:
            yield layout.record_path(str(entry.data["kind"]), str(entry.data["uid"]))
        return
    yield layout.open_path(entry.id)
    yield layout.record_path(entry.kind, entry.uid)
    if isinstance(entry, Intent):
        yield layout.spend_path(month_of(entry))
        if name := series_of(entry):
            yield layout.series_path(name)


def open_intent(read: Read, intent: str) -> OpenIntent | None:
    """Return the open intent of that id."""
    found = read(layout.open_path(intent))
    return found if isinstance(found, OpenIntent) else None


def record(read: Read, kind: str, uid: str) -> Record:
    """Return the record of a resource; an empty one where nothing is known."""
    found = read(layout.record_path(kind, uid))
    return found if isinstance(found, Record) else Record(kind=kind, uid=uid)


def series(read: Read, name: str) -> Series:
    """Return a series of numbers; one that was never used where there is none."""
    found = read(layout.series_path(name))
    return found if isinstance(found, Series) else Series()


def _changes(read: Read, line: Line) -> Iterator[tuple[str, Document | None]]:
    match line.entry:
        case Intent() as intent:
            yield from _intent(read, intent, line.stamp.run)
        case Outcome() as outcome:
            yield from _outcome(read, outcome)
        case Note() as note:
            yield from _note(read, note, line.stamp.actor)


def _refuse_intent(read: Read, intent: Intent) -> str | None:
    known = record(read, intent.kind, intent.uid)
    if intent.risk == MONEY and intent.id in known.applied:
        return f"{intent.id} was paid for and applied before"
    if intent.attempt != known.attempt(intent.id):
        return (
            f"{intent.id} is attempt {intent.attempt}, "
            f"the journal expects {known.attempt(intent.id)}"
        )
    begun = open_intent(read, intent.id)
    if begun is None:
        name = series_of(intent)
        return misnumbered(series(read, name), name, intent) if name else None
    if begun.intent.key != intent.key:
        return f"{intent.id} is open with the key {begun.intent.key}"
    if begun.intent.body != intent.body:
        return f"the key {intent.key} was used for another request"
    return None


def _refuse_outcome(read: Read, outcome: Outcome) -> str | None:
    begun = open_intent(read, outcome.id)
    if begun is None:
        return f"{outcome.id} has an outcome but no open intent"
    if begun.intent.key != outcome.key:
        return f"{outcome.id} is open with the key {begun.intent.key}"
    same = (begun.intent.kind, begun.intent.uid, begun.intent.verb)
    if same != (outcome.kind, outcome.uid, outcome.verb):
        return f"{outcome.id} belongs to {' '.join(same)}"
    return None


def _intent(read: Read, intent: Intent, run: str) -> Iterator[tuple[str, Document]]:
    begun = open_intent(read, intent.id)
    if begun is None:
        begun = OpenIntent(intent=intent, first=intent.time, run=run, reserved_by=run)
        yield from reserve(read, begun)
        if name := series_of(intent):
            yield layout.series_path(name), series(read, name).given(intent.id)
    else:
        begun = begun.model_copy(update={"run": run, "again": intent.time})
    yield layout.open_path(intent.id), begun
    known = record(read, intent.kind, intent.uid)
    seen = {"name": intent.name, "deadline": intent.due or known.deadline}
    yield layout.record_path(intent.kind, intent.uid), known.model_copy(update=seen)


def _outcome(read: Read, outcome: Outcome) -> Iterator[tuple[str, Document | None]]:
    begun = open_intent(read, outcome.id)
    if begun is None:
        return
    if not outcome.closes:
        lost = begun.model_copy(update={"outcome_unknown": True})
        yield layout.open_path(outcome.id), lost
        return
    yield layout.open_path(outcome.id), None
    known = record(read, outcome.kind, outcome.uid)
    path = layout.record_path(outcome.kind, outcome.uid)
    yield path, _closed(known, outcome, begun.intent)
    yield from settle(read, begun, outcome)
    if name := series_of(begun.intent):
        applied = outcome.status == "applied"
        after = series(read, name).ended(outcome.id, applied=applied)
        yield layout.series_path(name), after
    if outcome.status == "applied":
        yield from _used_up(read, begun.intent.action_digest)


def _closed(known: Record, outcome: Outcome, intent: Intent) -> Record:
    update: dict[str, object] = {
        "name": outcome.name,
        "closed": {**known.closed, outcome.verb: outcome.id},
    }
    others = {i: n for i, n in known.failures.items() if i != outcome.id}
    told = outcome.evidence.get(FACTS)
    facts = {**known.facts, **(told if isinstance(told, dict) else {})}
    update["facts"] = facts
    if outcome.status == "applied":
        update["failures"] = others
        update["done"] = {**known.done, outcome.verb: outcome.id}
        if intent.change.get("max_increase", "") is not None:
            update["last_paid"] = outcome.paid or known.last_paid
        if waits := dict(_held_off(outcome, intent)):
            update["facts"] = {**facts, **waits}
        expires = outcome.evidence.get("expires")
        update["expires"] = expires if isinstance(expires, str) else known.expires
        if intent.risk == MONEY and outcome.id not in known.applied:
            update["applied"] = (*known.applied, outcome.id)
    else:
        newest = list(others.items())[1 - FAILURES_KEPT :]
        update["failures"] = {**dict(newest), outcome.id: known.attempt(outcome.id)}
    return known.model_copy(update=update)


def _held_off(outcome: Outcome, intent: Intent) -> Iterator[tuple[str, str]]:
    """Yield until when other verbs wait, because this one took effect just now."""
    details = intent.change.get("details")
    holds_off = details.get("holds_off") if isinstance(details, dict) else None
    for verb, seconds in (holds_off if isinstance(holds_off, dict) else {}).items():
        if isinstance(seconds, int):
            until = outcome.time + timedelta(seconds=seconds)
            yield f"{WAITS}{verb}", until.isoformat()


def _used_up(read: Read, digest: str) -> Iterator[tuple[str, Document]]:
    known = read(layout.APPROVALS)
    if isinstance(known, Approvals) and digest in known.by:
        yield layout.APPROVALS, known.without(digest)
    glass = read(layout.GLASS)
    if isinstance(glass, Glass) and digest in glass.by:
        rest = {d: who for d, who in glass.by.items() if d != digest}
        yield layout.GLASS, glass.model_copy(update={"by": rest})


def _note(read: Read, note: Note, actor: str) -> Iterator[tuple[str, Document]]:
    data = note.data
    if note.event in {"approved", "withdrawn"}:
        yield layout.APPROVALS, _approvals(read, note, actor)
        if note.event == "withdrawn":
            yield from _mended(read, note, actor)
    elif note.event == "break-glass":
        yield layout.GLASS, _glass(read, note, actor)
    elif note.event == "base":
        yield layout.BASE, _base(read, note)
    facts = data.get("facts")
    if "kind" in data and "uid" in data and isinstance(facts, dict):
        kind, uid = str(data["kind"]), str(data["uid"])
        known = record(read, kind, uid)
        merged = {k: v for k, v in {**known.facts, **facts}.items() if v is not None}
        update: dict[str, object] = {"facts": merged}
        if isinstance(facts.get("expires"), str):
            update["expires"] = facts["expires"]
        yield layout.record_path(kind, uid), known.model_copy(update=update)


def _approvals(read: Read, note: Note, actor: str) -> Approvals:
    known = read(layout.APPROVALS)
    old = known if isinstance(known, Approvals) else Approvals()
    by, authors = dict(old.by), dict(old.authors)
    who = str(note.data.get("by") or actor)
    digests, wrote = note.data.get("digests"), note.data.get("authors")
    told = wrote if isinstance(wrote, dict) else {}
    for digest in map(str, digests if isinstance(digests, list) else []):
        others = tuple(p for p in by.pop(digest, ()) if p != who)
        if note.event == "approved":
            by[digest] = (*others, who)
        elif others:
            by[digest] = others
        new = told.get(digest)
        if isinstance(new, list):
            found = {*authors.get(digest, ()), *map(str, new)}
            authors[digest] = tuple(sorted(found))
    return Approvals(by=by, authors={d: a for d, a in authors.items() if d in by})


def _mended(read: Read, note: Note, actor: str) -> Iterator[tuple[str, Document]]:
    """Yield the glass without what its breaker takes back."""
    glass, who = read(layout.GLASS), str(note.data.get("by") or actor)
    listed = note.data.get("digests")
    gone = {*map(str, listed)} if isinstance(listed, list) else set()
    if isinstance(glass, Glass):
        kept = {d: by for d, by in glass.by.items() if by != who or d not in gone}
        if kept != glass.by:
            yield layout.GLASS, glass.model_copy(update={"by": kept})


def _glass(read: Read, note: Note, actor: str) -> Glass:
    known = read(layout.GLASS)
    old = known if isinstance(known, Glass) else Glass()
    who = str(note.data.get("by") or actor)
    listed = note.data.get("digests")
    digests = tuple(map(str, listed if isinstance(listed, list) else []))
    assert note.time is not None  # noqa: S101  (the writer gives every note a time)
    reason = str(note.data.get("reason") or "")
    use = GlassUse(by=who, at=note.time, reason=reason, digests=digests)
    return Glass(
        by={**old.by, **dict.fromkeys(digests, who)},
        uses=(*old.uses, use)[-USES_KEPT:],
    )


def base_note(old: Base, new: Base) -> Note:
    """Return the note that turns *old* into *new*; as long as what changed."""
    put = {k: v for k, v in new.exceptions.items() if old.exceptions.get(k, 0) != v}
    drop = sorted(old.exceptions.keys() - new.exceptions.keys())
    return Note(
        event="base",
        data={"commit": new.commit, "put": {**put}, "drop": [*drop]},
    )


def _base(read: Read, note: Note) -> Base:
    known = read(layout.BASE)
    old = known if isinstance(known, Base) else Base()
    put, drop = note.data.get("put"), note.data.get("drop")
    gone = drop if isinstance(drop, list) else []
    kept = {k: v for k, v in old.exceptions.items() if k not in gone}
    new = put if isinstance(put, dict) else {}
    commit = note.data.get("commit")
    return Base.model_validate({"commit": commit, "exceptions": {**kept, **new}})


def _head(read: Read, line: Line) -> Head:
    known = read(layout.HEAD)
    old = known if isinstance(known, Head) else None
    time = line.entry.time or (old.time if old else None)
    assert time is not None  # noqa: S101  (the writer gives every note a time)
    return Head(
        head=line.digest,
        lines=line.stamp.seq,
        fence=line.stamp.fence,
        run=line.stamp.run,
        time=time,
    )
