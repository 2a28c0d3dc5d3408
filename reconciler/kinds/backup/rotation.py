"""What whoever made a backup elsewhere may have forgotten by its own rule. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import VOUCHED, Received, fact
from reconciler.kinds.backup.state import Snapshot
from reconciler.model.backing import Keep
from reconciler.model.retention import Kept, retained

#: Copy -> the snapshots with a receipt that a timer or a panel has made.
THEIRS: Final = "theirs"


def expected(case: Case, copy: str) -> set[str]:
    """
    Return the snapshots with a receipt that *copy* has to list still.

    Of what is made and pruned from here that is all. Where somebody else prunes: what
    would have stayed by its rule, given all that it has made since.
    """
    known = case.vouched.get(copy, {})
    ruled = _ruled(case, copy)
    found = set(known) - ruled
    for source, line in _lines(case, copy, ruled).items():
        added = [Kept(one.id, one.at) for one in _added(case, copy, source)]
        stay = retained([*line, *added], _keep(case, copy), case.now, oldest=False)
        found |= stay & ruled
    return found


def rotated(case: Case, copy: str) -> set[str]:
    """Return what somebody else has forgotten, as its rule has it: nothing is lost."""
    ruled = _ruled(case, copy)
    gone = ruled - {one.id for one in case.snapshots(copy)} if ruled else ruled
    return gone - expected(case, copy) if gone else gone


def settled(
    case: Case,
    told: Mapping[str, JsonValue],
    made: Received | None,
    calm: Callable[[str], bool],
) -> dict[str, JsonValue]:
    """
    Return the record of who made what, without what was rotated away.

    Args:
        case: What was known before.
        told: By copy, what has a receipt by now.
        made: The receipt of what somebody else has made, as far as it is new.
        calm: Whether a copy is there, and nothing in it is strange.
    """
    rows, whose = dict(told), fact(case.recorded, THEIRS)
    theirs = dict(whose)
    for copy in told:
        over = rotated(case, copy)
        left = fact(told, copy)
        if over and calm(copy):
            left = {name: row for name, row in left.items() if name not in over}
        mine = _theirs(case, copy) | _anew(case, copy, made)
        if mine or copy in theirs:
            theirs[copy] = list[JsonValue](sorted(mine & left.keys()))
        rows[copy] = left
    news = ((VOUCHED, rows), (THEIRS, theirs))
    return {name: row for name, row in news if row != fact(case.recorded, name)}


def _anew(case: Case, copy: str, made: Received | None) -> set[str]:
    """Return what has its first receipt in *made*, and was not made from here."""
    if made is None or made.copy != copy:
        return set()
    state = case.state(copy)
    ours = state.ours if state else ()
    return {*made.snapshots.values()} - case.vouched.get(copy, {}).keys() - {*ours}


def _ruled(case: Case, copy: str) -> set[str]:
    """Return the snapshots with a receipt that somebody else prunes by its rule."""
    if case.makes or case.panel(copy):
        return _theirs(case, copy)
    return set(case.vouched.get(copy, {}))


def _theirs(case: Case, copy: str) -> set[str]:
    """
    Return what a timer or a panel has made, of what has a receipt.

    Where no record tells yet, and there are receipts of theirs, all is that has none of
    ours: the record has few receipts, and knows of more.
    """
    known = set(case.vouched.get(copy, {}))
    told = fact(case.recorded, THEIRS).get(copy)
    if isinstance(told, list):
        return known & set(map(str, told))
    receipts = case.receipts(copy)
    if all(one.slot for one in receipts):
        return set()
    ours = (one.snapshots.values() for one in receipts if one.slot)
    return known - {one for snapshots in ours for one in snapshots}


def _lines(case: Case, copy: str, ruled: set[str]) -> dict[str, list[Kept]]:
    """Return by source what somebody else has made, and has a receipt."""
    found: dict[str, list[Kept]] = defaultdict(list)
    for id_, (source, at) in case.vouched.get(copy, {}).items():
        if id_ in ruled:
            found[source].append(Kept(id_, at))
    return found


def _added(case: Case, copy: str, source: str) -> Iterator[Snapshot]:
    """
    Yield what is listed without a receipt, and not made from here: it rotates too.

    It counts when the server got it, which nobody forges who has but the key; and one
    for each turn of the schedule, or whoever adds many in an hour would have pushed out
    what is proven. The schedule of a panel is its own, and counts days anyway.
    """
    state = case.state(copy)
    ours = {*case.vouched.get(copy, {}), *(state.ours if state else ())}
    fresh = [
        one
        for one in case.snapshots(copy)
        if one.source == source and one.id not in ours
    ]
    if case.panel(copy):
        yield from fresh
        return
    schedule = case.backing.schedule
    turns: dict[datetime, Snapshot] = {}
    for one in sorted(fresh, key=lambda one: one.at):
        turns[schedule.cron.before(one.at, schedule.time_zone)] = one
    yield from turns.values()


def _keep(case: Case, copy: str) -> Keep:
    """Return what whoever prunes *copy* keeps at least."""
    place = case.repository(copy)
    if not case.panel(copy) or place is None:
        return case.backing.keep
    told = place.panel.model_dump(exclude_none=True) if place.panel else {"last": 1}
    none = {"daily": 0, "weekly": 0, "monthly": 0, "within": timedelta(0), "least": 1}
    return Keep.model_validate(none | told)
