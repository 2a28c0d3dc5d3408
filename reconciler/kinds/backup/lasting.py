"""
What has to stay locked, and when the first lock of that ends. Pure.

A lock that is renewed for what no rule keeps any more never ends, and what is locked
cannot go: with renewed locks nothing would ever be pruned.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.pruning import needed


def lasting(case: Case, copy: str) -> list[str] | None:
    """Return the snapshots whose locks are renewed; None where that is all of them."""
    listed = {one.id for one in case.snapshots(copy)}
    found = needed(case, copy) & listed
    return None if found == listed else sorted(found)


def first_end(case: Case, copy: str) -> datetime | None:
    """
    Return when the first lock of what is needed ends; None where nothing is locked.

    What opens the repository is needed as long as anything is: where its lock ends
    before that of any snapshot, it is the first one.
    """
    state = case.state(copy)
    if state is None or state.locked is None:
        return None
    kept = needed(case, copy)
    rows = [(one.locked, one.id in kept) for one in state.snapshots if one.locked]
    ends = [at for at, mine in rows if mine]
    if not rows or state.locked < min(at for at, _ in rows):
        ends.append(state.locked)
    return min(ends, default=None)


def newest_end(case: Case, copy: str) -> datetime | None:
    """Return when the lock of the newest snapshot with a receipt ends, if ever."""
    known = case.vouched.get(copy, {})
    mine = [one for one in case.snapshots(copy) if one.id in known]
    newest = max(mine, key=lambda one: one.at, default=None)
    return newest.locked if newest else None
