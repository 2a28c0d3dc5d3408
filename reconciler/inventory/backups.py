"""
What is wrong with how things are backed up, which only several documents show. Pure.

A promise that the schedule cannot keep, a second copy that burns with the first one,
and a drill that restores over what it has to protect are worse than no backup: somebody
relies on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from reconciler.inventory.backup_folders import misplaced
from reconciler.inventory.complaint import Complaint
from reconciler.inventory.loaded import Loaded
from reconciler.model import Ref
from reconciler.model.repository import (
    PANELS,
    FailureDomain,
    lost_together,
    whereabouts,
)

if TYPE_CHECKING:
    from reconciler.model.backing import Backing, Schedule

REPOSITORY: Final = "BackupRepository"
POLICY: Final = "BackupPolicy"
BACKUP: Final = "Backup"
#: A year that begins in neither half of the world when clocks change: for rare crons.
_YEAR: Final = datetime(2026, 1, 15, tzinfo=UTC)
_DAYS: Final = 366
_MINUTES: Final = 24 * 60
#: What a Backup may say otherwise, of what is looked at here.
_RULED: Final = frozenset({"objectives", "schedule", "copies", "keep"})
#: What says which source is kept where.
_WHERE: Final = frozenset({"copies", "sources"})


class _Backed(NamedTuple):
    """One document that says how things are backed up, and all that follows."""

    row: int
    ref: Ref
    backing: Backing
    own: frozenset[str]


def complaints(loaded: Loaded) -> Iterator[Complaint]:
    """Yield what cannot be kept, or would do harm."""
    rows = _rows(loaded)
    if not rows:
        return
    backed = list(_backed(loaded, rows))
    for one in backed:
        if one.ref.kind == POLICY or one.own & _RULED:
            yield from _too_rare(loaded, one)
            yield from _copies(loaded, one, rows)
        elif "sources" in one.own:
            first = rows.get(Ref(REPOSITORY, one.backing.copies[0].repository))
            if first is not None:
                yield from _by_a_panel(loaded, one, loaded.spec(first))
    drilled = [
        (one.ref, one.row, one.backing)
        for one in backed
        if one.ref.kind == POLICY or "drills" in one.own
    ]
    yield from misplaced(loaded, drilled, rows)
    yield from _buckets(loaded, rows)


def warnings(loaded: Loaded) -> Iterator[Complaint]:
    """Yield databases of which nothing is asked, and prunes that are mostly held."""
    rows = _rows(loaded)
    if not rows:
        return
    for one in _backed(loaded, rows):
        if one.ref.kind == POLICY or one.own & {"drills", "prune"}:
            yield from _mostly_held(loaded, one)
    for ref, row in rows.items():
        if ref.kind not in {POLICY, BACKUP}:
            continue
        for name, source in (loaded.spec(row).get("sources") or {}).items():
            if source.get("type", "files") == "files" or _asked(source):
                continue
            what = f"{ref}: spec.sources.{name}: a dump with nothing in it would do"
            at = loaded.locate(ref, f"spec.sources.{name}")
            yield Complaint("W180", at or loaded.location(row), what)


def _mostly_held(loaded: Loaded, one: _Backed) -> Iterator[Complaint]:
    """Yield that no drill comes as often as a prune wants one to have passed."""
    drills, verified = one.backing.drills, one.backing.prune.verified
    often = [each.every for each in (drills.sample, drills.full) if each is not None]
    if one.backing.schedule.by == "panel" or not often or min(often) <= verified:
        return
    own = one.ref.kind == POLICY or "prune" in one.own
    field = "spec.prune.verified" if own else "spec.drills"
    what = f"{_hours(verified)} is less than the {_hours(min(often))} between two drills: nothing is pruned most of the time"  # noqa: E501
    hint = f"write verified: {_hours(2 * min(often))} or more, or a drill more often"
    yield _at(loaded, one, "W181", field, what, hint)


def _asked(source: dict[str, Any]) -> bool:
    """Say whether something is asked of what is in the database of *source*."""
    expect = source.get("expect") or ()
    named = source["type"] != "panel" or source.get("database")
    return any(one.get("sql") for one in expect) if named else bool(expect)


def _rows(loaded: Loaded) -> dict[Ref, int]:
    """Return where everything about backups is; empty for most inventories."""
    index, kinds = loaded.index, {REPOSITORY, POLICY, BACKUP}
    return {
        index.refs[row]: row for row, kind in enumerate(index.kinds) if kind in kinds
    }


def _backed(loaded: Loaded, rows: dict[Ref, int]) -> Iterator[_Backed]:
    """Yield every policy, and every Backup with what it says otherwise."""
    from reconciler.kinds.backup import BackupSpec  # noqa: PLC0415
    from reconciler.model.backing import Backing  # noqa: PLC0415

    policies: dict[str, Backing] = {}
    for ref, row in rows.items():
        if ref.kind == POLICY:
            backing = policies[ref.name] = Backing.model_validate(loaded.spec(row))
            yield _Backed(row, ref, backing, frozenset())
    for ref, row in rows.items():
        if ref.kind != BACKUP:
            continue
        written = loaded.spec(row)
        if not written.keys() & {*_RULED, "sources", "drills", "prune"}:
            continue  # all of it is its policy's, and most say nothing else
        spec = BackupSpec.model_validate(written)
        policy = policies.get(spec.policy)
        if policy is not None:
            own = frozenset(spec.model_fields_set)
            yield _Backed(row, ref, spec.over(policy), own)


def _at(loaded: Loaded, one: _Backed, code: str, field: str, *said: str) -> Complaint:
    """Return a complaint about *field*: what is wrong, and how to mend it."""
    what, hint = said
    at = loaded.locate(one.ref, field) or loaded.location(one.row)
    return Complaint(code, at, f"{one.ref}: {field}: {what}", hint)


def _too_rare(loaded: Loaded, one: _Backed) -> Iterator[Complaint]:
    """Yield an RPO that is missed by the schedule alone."""
    rpo, schedule = one.backing.objectives.rpo, one.backing.schedule
    gap = longest(schedule)
    if rpo < gap:
        field = "spec.objectives.rpo"
        if one.ref.kind == BACKUP and "objectives" not in one.own:
            field = "spec.schedule"
        what = f"{_hours(rpo)} is less than the {_hours(gap)} between two backups"
        hint = f"write rpo: {_hours(gap + timedelta(hours=1))} or more, or a cron that is due more often"  # noqa: E501
        yield _at(loaded, one, "E180", field, what, hint)


def longest(schedule: Schedule) -> timedelta:
    """Return the longest time between two backups, when clocks go back too."""
    cron, zone = schedule.cron, schedule.time_zone
    starts = [_YEAR, *(at - timedelta(days=1) for at in set_back(zone))]
    spans = (cron.after(at, zone) - cron.before(at, zone) for at in set_back(zone))
    return max(*(cron.longest(start, zone) for start in starts), *spans, timedelta(0))


@lru_cache(maxsize=256)
def set_back(zone: str) -> tuple[datetime, ...]:
    """Return when the clocks of *zone* go back in a year, in UTC: a day is longer."""
    where, found = ZoneInfo(zone), []
    for day in range(_DAYS):
        at = _YEAR + timedelta(days=day)
        if _offset(at + timedelta(days=1), where) >= _offset(at, where):
            continue
        low, high = 0, _MINUTES
        while high - low > 1:
            middle = (low + high) // 2
            earlier = _offset(at + timedelta(minutes=middle), where)
            if earlier == _offset(at, where):
                low = middle
            else:
                high = middle
        found.append(at + timedelta(minutes=high))
    return tuple(found)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _copies(loaded: Loaded, one: _Backed, rows: dict[Ref, int]) -> Iterator[Complaint]:
    """Yield copies that are none: twice in one place, or lost with the first."""
    field = "spec.copies"
    names = [each.repository for each in one.backing.copies]
    for name in sorted({name for name in names if names.count(name) > 1}):
        what = f"{name} has it twice: that is one copy"
        yield _at(loaded, one, "E181", field, what, f"write {name} once")
    places = {
        name: loaded.spec(rows[Ref(REPOSITORY, name)])
        for name in names
        if Ref(REPOSITORY, name) in rows
    }
    if len(places) < len(set(names)):
        return  # what is not there is told as a reference
    first = places[names[0]]
    yield from _by_a_panel(loaded, one, first)
    if (twice := _same(places)) is not None:
        what = f"{' and '.join(twice)} are one place: that is one copy"
        hint = "name another place, or one of them: what destroys it destroys both"
        yield _at(loaded, one, "E181", field, what, hint)
        return
    for each in one.backing.copies:
        there = places[each.repository]
        if each.repository != names[0] and there["engine"] != first["engine"]:
            what = f"{each.repository} is of {there['engine']}, and {names[0]} of {first['engine']}"  # noqa: E501
            hint = "copies are made from the first one: name repositories of one engine"
            yield _at(loaded, one, "E182", field, what, hint)
        if each.off_site and (why := _lost_together(first, there)):
            what = f"{each.repository} is called offSite, and {why} {names[0]}"
            hint = "give both a failureDomain, and them another provider or region"
            yield _at(loaded, one, "E183", field, what, hint)
        if _unkept(one.backing, there):
            what = f"{each.repository} only appends: who adds snapshots pushes ours out"
            hint = "write keep: {within: 14d} or more: what is younger always stays"
            yield _at(loaded, one, "E186", "spec.keep.within", what, hint)


def _same(places: dict[str, dict[str, Any]]) -> tuple[str, str] | None:
    """Return two repositories that are one place, whatever they say of it; or None."""
    seen: dict[str, str] = {}
    for name, spec in places.items():
        where = whereabouts(spec["engine"], str(spec.get("url")), spec.get("path"))
        other = seen.setdefault(where, name)
        if other != name:
            return other, name
    return None


def _by_a_panel(
    loaded: Loaded, one: _Backed, first: dict[str, Any]
) -> Iterator[Complaint]:
    """Yield what is asked of a panel that it does not do."""
    engine, name = first["engine"], one.backing.copies[0].repository
    if engine not in PANELS:
        for source, each in one.backing.sources.items():
            if each.type == "panel" and (one.ref.kind == POLICY or one.own & _WHERE):
                what = f"{name} is of {engine}, and no panel puts anything there"
                hint = "name a repository of the panel (engine: whm, engine: plesk) in copies, or write files, and the paths of the folder that it is in"  # noqa: E501
                own = loaded.locate(one.ref, f"spec.sources.{source}")
                field = f"spec.sources.{source}" if own else "spec.copies"
                yield _at(loaded, one, "E188", field, what, hint)
        return
    if [each.type for each in one.backing.sources.values()] != ["panel"]:
        what = f"{name} is a panel, which makes one archive of everything"
        hint = "write sources: {account: {type: panel}}, and nothing else"
        yield _at(loaded, one, "E185", "spec.sources", what, hint)
    by = one.backing.schedule.by
    if by == "host":
        what = f"{name} makes backups by its own schedule, or when it is asked"
        hint = "write by: panel, or by: reconciler"
        yield _at(loaded, one, "E185", "spec.schedule", what, hint)
    if engine == "whm" and by == "reconciler" and not first.get("path"):
        what = f"{name} has no path: what is asked of it cannot be seen from here"
        hint = f"add path to it (where its backup folder is mounted), or by: panel to {one.ref}"  # noqa: E501
        yield _at(loaded, one, "E185", "spec.schedule", what, hint)


def _lost_together(first: dict[str, Any], there: dict[str, Any]) -> str | None:
    """Return how the one is lost with the other; None where it is not."""
    if first is there:
        return "is itself"
    mine, theirs = _domain(first), _domain(there)
    if mine is None or theirs is None:
        return "nobody says what is lost with"
    if not lost_together(mine, theirs):
        return None
    return "is lost with" if mine.region and theirs.region else "may be lost with"


def _domain(spec: dict[str, Any]) -> FailureDomain | None:
    told = spec.get("failureDomain")
    return FailureDomain.model_validate(told) if told else None


def _unkept(backing: Backing, there: dict[str, Any]) -> bool:
    mode = (there.get("immutability") or {}).get("mode")
    return mode == "append-only" and not backing.keep.within


def _buckets(loaded: Loaded, rows: dict[Ref, int]) -> Iterator[Complaint]:
    """Yield the buckets that two repositories want to be set up otherwise."""
    asked: dict[tuple[str, str], tuple[object, Ref]] = {}
    for ref, row in sorted(rows.items()):
        spec = loaded.spec(row)
        url = urlsplit(str(spec.get("url") or "").removeprefix("s3:"))
        if ref.kind != REPOSITORY or spec.get("provider") is None or not url.netloc:
            continue
        bucket = f"{url.netloc}/{url.path.strip('/').partition('/')[0]}"
        for field, value in _set_up(spec):
            other = asked.setdefault((bucket, field), (value, ref))
            if other[0] != value:
                said = str(other[0]).lower() if isinstance(value, bool) else other[0]
                what = (
                    f"{ref}: {field}: {other[1]} is in the same bucket, and says {said}"
                )
                at = loaded.locate(ref, field) or loaded.location(row)
                hint = "a bucket has one setting: say the same, or name another bucket"
                yield Complaint("E187", at, what, hint)


def _set_up(spec: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what a repository says of all of its bucket: field, value."""
    for name, value in (spec.get("bucket") or {}).items():
        if name != "expire" and value is not None:  # a rule of each folder
            yield f"spec.bucket.{name}", value
    rule = spec.get("immutability") or {}
    if rule.get("mode") in {"governance", "compliance"}:
        yield "spec.immutability.mode", rule["mode"]
        yield "spec.immutability.for", rule.get("for", "35d")


def _hours(span: timedelta) -> str:
    hours, rest = divmod(int(span.total_seconds()), 3600)
    return f"{hours}h" if not rest else f"{hours * 60 + rest // 60}m"
