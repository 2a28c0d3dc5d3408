"""The port to the journal and its lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from reconciler.audit.books import Base
from reconciler.audit.entries import Entry
from reconciler.audit.ledger import Ledger


class Run(NamedTuple):
    """
    One run of the reconciler.

    Attributes:
        id: Sortable and unique: ``20261122T060000Z-<8 random hex digits>``.
        actor: Who runs it, as in ``ci:deploy/4711`` or ``alice``.
        commit: The inventory commit it works from.
    """

    id: str
    env: str
    actor: str
    commit: str | None
    started: datetime


class Lease(NamedTuple):
    """
    The lock, held until a moment unless it is renewed.

    Attributes:
        fence: Greater than that of every earlier holder.
        until: From here on nothing may be recorded or done under it.
        oid: What the lock ref points to while this lease is good.
        beat: How often it was renewed; makes every renewal another object.
        term: How far a renewal reaches.
        taken_from: The run whose expired lease was taken over.
    """

    run: Run
    holder: str
    fence: int
    until: datetime
    oid: str
    acquired: datetime
    term: timedelta
    beat: int = 0
    taken_from: str | None = None


class LockStatus(NamedTuple):
    """What the lock ref says."""

    run: str
    holder: str
    fence: int
    acquired: datetime
    until: datetime
    released: bool

    def held(self, now: datetime) -> bool:
        """Say whether somebody may act at *now*."""
        return not self.released and now < self.until


class Batch(NamedTuple):
    """
    What one commit records.

    Attributes:
        base: The new base; None leaves it as it is.
        plan: The plan of this run, kept beside its log, redacted by the caller.
        phase: Names the file: ``intents``, ``outcomes``, ``notes`` ...
    """

    entries: Sequence[Entry] = ()
    base: Base | None = None
    plan: Mapping[str, JsonValue] | None = None
    phase: str = "notes"


class Store(Protocol):
    """
    An append-only journal with one lock.

    Every method raises AuditError where the store cannot be reached.
    """

    def read(self) -> Ledger:
        """Return what is recorded now; takes no lock."""

    def acquire(self, run: Run, *, now: datetime, lease: timedelta) -> Lease:
        """
        Take the lock for *lease*; an expired one is taken over.

        Raises Locked where another run holds it.
        """

    def renew(self, lease: Lease, now: datetime) -> Lease:
        """Hold the lock for another term; raises LostLock."""

    def commit(
        self, lease: Lease, batch: Batch, *, now: datetime
    ) -> tuple[Ledger, Lease]:
        """
        Record *batch* and renew the lock, both or neither.

        An empty batch only renews. Raises LostLock where the lease is over or
        another run took the lock, AuditError where an entry contradicts the
        journal; nothing is recorded then.
        """

    def release(self, lease: Lease) -> None:
        """Let others take the lock; harmless where it was lost."""

    def break_lock(self, run: Run, *, now: datetime, reason: str) -> None:
        """Release an expired lock of another run, and record why; raises Locked."""

    def lock_status(self) -> LockStatus | None:
        """Return what the lock says; None where nobody ever took it."""
