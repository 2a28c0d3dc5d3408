"""What should be in a repository and is not, or is and should not be. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import SKEW, fact, moment, short
from reconciler.kinds.backup.locks import shorter
from reconciler.kinds.backup.rotation import expected
from reconciler.kinds.backup.state import CopyState, Hiding

#: What a prune of ours hides is hidden so soon after it was recorded, or before.
_OURS: Final = timedelta(days=1)
PRUNED: Final = "pruned"
LOCKED: Final = "locked"
IDENTITY: Final = "identity"


def tampered(case: Case, copy: str) -> Iterator[str]:
    """Yield what somebody did to *copy* that nobody does by accident."""
    state = case.state(copy)
    if state is None:
        return
    yield from _another(case, copy, state)
    if lost := missing(case, copy):
        many = (
            f"{len(lost)} snapshots" if len(lost) > 1 else f"snapshot {short(lost[0])}"
        )
        yield f"{many} with a receipt that nobody pruned from here: gone"
    foreign = [one for one in state.foreign if one.id not in case.accepted]
    if foreign:
        hosts = ", ".join(sorted({one.host or "?" for one in foreign}))
        yield f"{len(foreign)} snapshots by another host or of other paths ({hosts})"
    ahead = [
        short(one.id)
        for one in state.snapshots
        if one.said > min(one.at, case.now) + SKEW and one.id not in case.accepted
    ]
    if ahead:
        yield f"dated after they arrived: {', '.join(ahead)}"
    yield from _weakened(case, copy, state)


def missing(case: Case, copy: str) -> list[str]:
    """
    Return the snapshots with a receipt that *copy* lists no more.

    Where somebody else prunes: those that would have stayed by the policy, or of a
    panel by its own schedule, as far as that is declared. What was made from here
    nobody but us takes from a panel.
    """
    known = case.vouched.get(copy, {})
    gone = known.keys() - {one.id for one in case.snapshots(copy)} - case.accepted
    lost = gone & expected(case, copy) if gone else set()
    return sorted(lost, key=lambda one: (known[one][1], one))


def _another(case: Case, copy: str, state: CopyState) -> Iterator[str]:
    known = fact(case.recorded, IDENTITY).get(copy)
    if known and state.identity and known != state.identity:
        yield "it is another repository than before, in the same place"


def _weakened(case: Case, copy: str, state: CopyState) -> Iterator[str]:
    """Yield what protects the copy less than it did."""
    place = case.repository(copy)
    if place is not None and place.immutability.locks:
        if state.versioned is False:
            yield "versioning of its bucket is suspended"
        whole = list(_shortened(case, copy, state, place.immutability.lasts))
        yield from whole or shorter(case, copy)
    for one in hidden(case, copy):
        since = f"{one.since:%Y-%m-%d %H:%M}"
        yield f"{one.objects} objects are hidden since {since}, and not by a prune"


def _shortened(
    case: Case, copy: str, state: CopyState, lasts: timedelta
) -> Iterator[str]:
    """
    Yield that locks end earlier than was seen before.

    The first end moves back by itself only where something new was locked since, for
    as long as is written now.
    """
    row = fact(case.recorded, LOCKED).get(copy)
    if not isinstance(row, dict):
        return
    until, seen = moment(row.get("until")), moment(row.get("seen"))
    if until is None or seen is None or until <= case.now:
        return
    if state.locked is None:
        yield f"what was locked until {until:%Y-%m-%d} is not locked"
    elif state.locked < until - SKEW:
        began = state.locked - lasts
        if not seen - SKEW <= began <= case.now + SKEW:
            yield f"locks end {state.locked:%Y-%m-%d}, and ended {until:%Y-%m-%d}"


def hidden(case: Case, copy: str) -> list[Hiding]:
    """
    Return what was hidden by no prune and no rewind of ours, deed by deed.

    Where a snapshot with a receipt is gone that no deed of others explains, the last
    one was not ours alone.
    """
    state = case.state(copy)
    if state is None or not state.hidden or state.hidden_since is None:
        return []
    whole = Hiding(
        since=state.hidden_since, until=state.hidden_since, objects=state.hidden
    )
    deeds = list(state.hidings) or [whole]
    pruned = fact(case.recorded, PRUNED).get(copy)
    ours = [moment(one) for one in pruned] if isinstance(pruned, list) else []
    found = [
        one
        for one in deeds
        if one.opens
        or not any(at and at - _OURS <= one.since <= at + _OURS for at in ours)
    ]
    return found or (deeds[-1:] if missing(case, copy) else [])


def rewind_to(case: Case, copy: str) -> datetime | None:
    """Return a moment at which nothing was hidden yet; None where nothing is."""
    found = hidden(case, copy)
    return found[0].since - timedelta(seconds=1) if found else None
