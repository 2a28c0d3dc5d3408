"""The lock: a commit whose message says who holds it, and until when."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from pydantic import AwareDatetime, ValidationError

from reconciler.audit.lines import canonical
from reconciler.audit.store import Lease, LockStatus, Run
from reconciler.audit.writer import Draft
from reconciler.errors import Locked, LostLock, Tampered
from reconciler.model import Frozen


class _Message(Frozen):
    run: str
    holder: str
    fence: int
    acquired: AwareDatetime
    until: AwareDatetime
    released: bool
    beat: int


def draft(lease: Lease, *, released: bool = False) -> Draft:
    """Return the commit that says *lease*; no two renewals make the same one."""
    message = _Message(
        run=lease.run.id,
        holder=lease.holder,
        fence=lease.fence,
        acquired=lease.acquired,
        until=lease.until,
        released=released,
        beat=lease.beat,
    )
    return Draft(canonical(message.model_dump(mode="json")).decode())


def status(message: bytes) -> LockStatus:
    """
    Read a lock commit's message.

    Raises:
        Tampered: It is none.
    """
    try:
        said = _Message.model_validate(json.loads(message))
    except (ValueError, ValidationError):
        raise Tampered(
            "the lock ref does not point to a lock",
            hint="look who pushed to it; then delete the ref",
        ) from None
    return LockStatus(
        said.run, said.holder, said.fence, said.acquired, said.until, said.released
    )


def taken(
    run: Run, before: LockStatus | None, fence: int, now: datetime, term: timedelta
) -> Lease:
    """
    Return the lease that *run* may ask for; its ``oid`` comes with the commit.

    The highest token in the journal is *fence*: a lost lock ref starts no lower.

    Raises:
        Locked: Somebody holds the lock at *now*.
    """
    if before and before.held(now):
        raise locked(before)
    highest = max(fence, before.fence if before else 0)
    expired = before is not None and not before.released
    return Lease(
        run=run,
        holder=run.actor,
        fence=highest + 1,
        until=now + term,
        oid="",
        acquired=now,
        term=term,
        taken_from=before.run if before and expired else None,
    )


def renewed(lease: Lease, now: datetime) -> Lease:
    """
    Return the lease for another term from *now* on.

    Raises:
        LostLock: It is over; somebody else may hold the lock by now.
    """
    if now >= lease.until:
        raise LostLock(
            f"the lock of run {lease.run.id} expired at {lease.until.isoformat()}",
            hint="run again; give a longer lease if one wave takes this long",
        )
    return lease._replace(until=now + lease.term, beat=lease.beat + 1)


def locked(status: LockStatus) -> Locked:
    """Return the error that says who holds the lock."""
    return Locked(
        f"{status.holder} holds the lock in run {status.run} "
        f"until {status.until.isoformat()}",
        hint="wait for it; once it has expired it is taken over by the next run",
    )
