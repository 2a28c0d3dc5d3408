"""What came of a patch: from how the site looks, and from what its checks say. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from reconciler.model.patch_record import (
    KNOWN,
    STOP,
    Entry,
    entries,
    facts,
    known,
)
from reconciler.model.patching import Patching
from reconciler.model.updates import (
    FrontState,
    Look,
    Patch,
    RollBack,
    TroubleState,
)

if TYPE_CHECKING:
    from reconciler.model.follow import Ended
    from reconciler.model.patch_rules import Case


def verdict(
    entry: Entry,
    rules: Patching,
    front: FrontState | None,
    trouble: TroubleState | None,
    now: datetime,
) -> Entry:
    """Return *entry* with what is known of it at *now*."""
    if entry.result in {"broke", "left"}:
        return _healed(entry, rules, front, trouble)
    if entry.result != "watched":
        return entry
    over = entry.at + rules.watch
    if trouble is not None and trouble.since is not None:
        if entry.at <= trouble.since <= over:
            return entry._replace(result="broke", why=trouble.why or "its check failed")
        if trouble.since < entry.at:
            return entry  # it was ill before: nobody can tell
    seen = _seen(entry, front)
    worse = entry.front.worse(seen) if entry.front and seen else None
    if worse:
        return entry._replace(result="broke", why=worse)
    if rules.check is not None:
        passed = trouble is not None and (trouble.seen or entry.at) >= over
    else:
        passed = front is not None and seen is not None and front.seen >= over
        if now >= over and not passed and not _can_be_seen(entry):
            return entry._replace(result="unseen", ended=now)
    return entry._replace(result="good", ended=now) if passed else entry


def _can_be_seen(entry: Entry) -> bool:
    return entry.front is not None


def _seen(entry: Entry, front: FrontState | None) -> Look | None:
    """Return how the site looked after the patch; None where nobody looked since."""
    if front is None or front.seen < entry.at:
        return None
    return front.looks.get(entry.site)


def _healed(
    entry: Entry,
    rules: Patching,
    front: FrontState | None,
    trouble: TroubleState | None,
) -> Entry:
    """Return *entry* as mended, where everybody who can look finds nothing wrong."""
    at = entry.ended or entry.at
    if trouble is not None and trouble.since is not None:
        return entry
    looked = front is not None and front.seen > at
    seen = _seen(entry, front) if looked else None
    if entry.front is not None:
        if seen is None or entry.front.worse(seen):
            return entry
    elif rules.check is None:
        return entry
    if rules.check is not None and not (trouble and trouble.seen and trouble.seen > at):
        return entry
    return entry._replace(result="mended")


def remembered(
    change: Patch | RollBack, ended: Ended, case: Case
) -> dict[str, JsonValue]:
    """Return what the record keeps of how *change* ended."""
    past = entries(case.recorded)
    if isinstance(change, RollBack):
        return _put_back(change, ended, case, past)
    if ended.status != "applied":
        return {}
    details = change.details
    front = details.get("front")
    entry = Entry(
        at=ended.at,
        id=str(details["id"]),
        site=str(details["site"]),
        was=str(details["from"]),
        to=str(details["to"]),
        sort=str(details["sort"]),
        result="watched",
        front=Look.model_validate(front) if front else None,
    )
    look = case.look(entry.site) if entry.site else None
    worse = entry.front.worse(look) if entry.front and look else None
    if worse:
        entry = entry._replace(result="broke", why=worse, ended=ended.at)
    return facts((*past, entry), _stop(entry, case, look))


def _stop(entry: Entry, case: Case, look: Look | None) -> str:
    """Say why nothing else is patched after *entry*; empty where something may be."""
    if entry.result == "broke":
        return f"{entry.said} broke it: {entry.why}"
    check = case.rules.check
    if check is not None:
        return f"HealthCheck/{check} has not seen it since {entry.said}"
    if entry.front is not None and look is None:
        return f"nobody has seen it since {entry.said}"
    return ""


def _put_back(
    change: RollBack, ended: Ended, case: Case, past: tuple[Entry, ...]
) -> dict[str, JsonValue]:
    which = [e for e in past if e.at.isoformat() == change.details.get("at")]
    if not which or ended.status == "not_applied":
        return {}
    (entry,) = which[:1]
    broke = case.last if case.last and case.last.at == entry.at else entry
    look = case.look(entry.site) if entry.site else None
    why = broke.why or entry.why or "it broke"
    if ended.status != "applied":
        new = entry._replace(result="left", why=why, ended=ended.at)
        stop = f"{entry.said} broke it, and could not be put back"
    elif entry.front is not None and (look is None or entry.front.worse(look)):
        new = entry._replace(result="left", why=why, ended=ended.at)
        stop = f"{entry.said} broke it, and what was put back did not mend it"
    else:
        new = entry._replace(result="put-back", why=why, ended=ended.at)
        check = case.rules.check
        stop = f"HealthCheck/{check} has not seen it since it was put back"
        stop = stop if check else ""
    return facts((new if e.at == entry.at else e for e in past), stop)


def noticed(case: Case) -> dict[str, JsonValue]:
    """Return what a look alone has shown: what is new, and what a patch led to."""
    return {**_news(case), **_watched(case)}


def _news(case: Case) -> dict[str, JsonValue]:
    """Return when each update that waits was first seen, where that is news."""
    if case.state is None:
        return {}
    before = known(case.recorded)
    marks = [
        one.mark
        for one in case.state.components
        if one.target and one.since is None and one.id not in case.rules.exclude
    ]
    now = {mark: before.get(mark, case.now) for mark in marks}
    if now == before:
        return {}
    return {KNOWN: {mark: at.isoformat() for mark, at in sorted(now.items())}}


def _watched(case: Case) -> dict[str, JsonValue]:
    past = entries(case.recorded)
    if not past or (last := case.last) is None:
        return {}
    stop = str(case.recorded.get(STOP) or "")
    new = stop
    if last.result == "broke" and not stop.startswith(last.said):
        new = f"{last.said} broke it: {last.why}"
    elif last.result not in {"broke", "left"} and stop and _looked(last, case):
        new = ""
    if last == past[-1] and new == stop:
        return {}
    return facts((*past[:-1], last), new)


def _looked(last: Entry, case: Case) -> bool:
    """Say whether somebody has looked since, and found nothing wrong."""
    if last.result in {"good", "mended", "unseen"}:
        return True
    at, trouble = last.ended or last.at, case.trouble
    if case.rules.check is None:
        return case.look(last.site) is not None
    if trouble is None or trouble.seen is None or trouble.since is not None:
        return False
    return trouble.seen > at
