"""What is dated ahead: a clock was wrong when it was done, or is wrong now. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from reconciler.kinds.backup.case import Case
from reconciler.kinds.backup.facts import drills

#: So many snapshots are named.
_NAMED: Final = 4


def ahead(case: Case) -> Iterator[tuple[str, str]]:
    """
    Yield the copies whose receipts, or whose last drill, are yet to come; and why.

    None of it counts until then (``Case.ahead``). A backup is told of until somebody
    accepts it, a drill until the next one is held.
    """
    for copy in dict.fromkeys(one.repository for one in case.copies):
        found = [one for one in case.receipts(copy) if case.ahead(one.at)]
        left = [
            one for one in found if not case.accepted.issuperset(one.snapshots.values())
        ]
        if left:
            ids = [name for one in left for name in one.snapshots.values()]
            more = ", ..." if len(ids) > _NAMED else ""
            what = f"{len(left)} backups are" if len(left) > 1 else "a backup is"
            named = f"accept: [{', '.join(ids[:_NAMED])}{more}]"
            told = f"{what} {_dated(case, left[-1].at)}"
            yield copy, f"{copy}: {told}; {named} says that somebody has looked"
    for one in list(drills(case.recorded))[-1:]:
        if case.ahead(one.at):
            yield one.copy, f"{one.copy}: a drill is {_dated(case, one.at)}"


def _dated(case: Case, at: datetime) -> str:
    return (
        f"dated {at:%Y-%m-%d %H:%M}, and it is {case.now:%Y-%m-%d %H:%M}: a clock was "
        "ahead then, or is behind now, and it counts for nothing"
    )
