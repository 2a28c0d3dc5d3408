"""The journal: its lock, its head, what is open, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.audit import LockStatus, verify
from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.cli.doctor.clock import now
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.project import Project

ABOUT = "audit"
#: A longer log is not read again here; `audit verify` does.
QUICK = 5000


def checks(project: Project) -> Iterator[Check]:
    """Yield what is so with the books of this environment."""
    if project.git.folder is None:
        return
    try:
        yield from _books(project)
    except ReconcilerError as error:
        yield mend(ABOUT, error.what, error.hint or "reconciler audit verify")


def _books(project: Project) -> Iterator[Check]:
    store = project.store
    ledger = store.read()
    if (status := store.lock_status()) is not None:
        yield lock(status, now(project))
    if ledger.tip is None:
        yield note(ABOUT, "nothing was ever recorded")
        return
    if ledger.open:
        said = f"{len(ledger.open)} actions were begun and have no known end"
        fix = "reconciler apply; what stays is settled by a person (docs/runbooks)"
        yield mend(ABOUT, said, fix)
    if ledger.lines > QUICK:
        yield note(ABOUT, f"{ledger.lines} lines: `reconciler audit verify` reads them")
        return
    problems = verify(store)
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        fix = "docs/audit.md; reconciler audit verify lists all"
        yield mend(ABOUT, f"is not what was written: {problems[0]}{more}", fix)
    else:
        yield ok(ABOUT, f"{ledger.lines} lines, the chain is whole")


def lock(status: LockStatus, at: datetime) -> Check:
    """Say whether the lock is held, and whether it is in the way."""
    if status.released:
        return ok("lock", "is free")
    until = f"{status.until:%Y-%m-%d %H:%M} UTC"
    if status.held(at):
        return note(
            "lock", f"{status.holder} holds it in run {status.run} until {until}"
        )
    return mend(
        "lock",
        f"run {status.run} died with it ({until}); the next run takes it over",
        "look at what that run did: reconciler audit show " + status.run,
    )
