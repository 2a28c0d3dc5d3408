"""A journal in memory: for simulations, where nothing has to outlive the process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from reconciler.audit import layout, lock
from reconciler.audit.commit import Pen, prepare
from reconciler.audit.ledger import Ledger
from reconciler.audit.redact import redactor
from reconciler.audit.store import Batch, Lease, LockStatus, Run
from reconciler.errors import AuditError, LostLock


class _Files:
    """The documents as of one commit; later ones do not change them."""

    def __init__(self, store: MemoryStore, commit: str | None) -> None:
        self.commit = commit
        self._store = store

    def at(self, commit: str) -> _Files:
        """Return the documents of another commit."""
        return _Files(self._store, commit)

    def read(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the contents of those of *paths* that exist."""
        files = self._store.files
        return {path: files[path] for path in paths if path in files}

    def folder(self, folder: str) -> Mapping[str, bytes]:
        """Return all documents of one folder."""
        start = f"{folder.rstrip('/')}/"
        files = self._store.files
        return {path: raw for path, raw in files.items() if path.startswith(start)}


class MemoryStore:
    """
    A Store that keeps what GitStore would commit, line by line the same.

    Attributes:
        files: What is on the branch, by path.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.files: dict[str, bytes] = {}
        self._redact = redactor(secrets)
        self._commits = 0
        self._status: LockStatus | None = None
        self._oid = ""
        self._current = Ledger(_Files(self, None))

    def copy(self) -> MemoryStore:
        """Return one with the same past, which goes its own way."""
        found = MemoryStore()
        found.files = dict(self.files)
        found._redact, found._commits = self._redact, self._commits
        found._status, found._oid = self._status, self._oid
        found._current = self._current.over(_Files(found, self._current.tip))
        return found

    def read(self) -> Ledger:
        """Return what is recorded now; takes no lock."""
        return self._current

    def lock_status(self) -> LockStatus | None:
        """Return what the lock says; None where nobody ever took it."""
        return self._status

    def acquire(self, run: Run, *, now: datetime, lease: timedelta) -> Lease:
        """
        Take the lock for *lease*; an expired one is taken over.

        Raises:
            Locked: Another run holds it.
        """
        wanted = lock.taken(run, self._status, self._current.fence, now, lease)
        return self._hold(wanted)

    def renew(self, lease: Lease, now: datetime) -> Lease:
        """
        Hold the lock for another term.

        Raises:
            LostLock: It expired, or another run took it.
        """
        longer = lock.renewed(lease, now)
        self._still(lease)
        return self._hold(longer)

    def commit(
        self, lease: Lease, batch: Batch, *, now: datetime
    ) -> tuple[Ledger, Lease]:
        """
        Record *batch* and renew the lock, both or neither.

        Raises:
            LostLock: The lease is over, or another run took the lock.
            AuditError: An entry contradicts the journal.
        """
        longer = lock.renewed(lease, now)
        folder = layout.log_folder(lease.run.id, lease.run.started)
        used = {p.removeprefix(folder) for p in self.files if p.startswith(folder)}
        pen = Pen(now, self._redact)
        prepared = prepare(self._current, lease, batch, used, pen)
        self._still(lease)
        if prepared is not None:
            for path, raw in prepared.files.items():
                if raw is None:
                    self.files.pop(path, None)
                else:
                    self.files[path] = raw
            self._commits += 1
            tip = f"{self._commits:040x}"
            applied = prepared.applied or self._current.applied
            self._current = self._current.after(tip, prepared.changes, applied)
        return self._current, self._hold(longer)

    def release(self, lease: Lease) -> None:
        """Let others take the lock; harmless where it was lost."""
        if lease.oid == self._oid and self._status is not None:
            self._status = self._status._replace(released=True)
            self._oid = ""

    def break_lock(self, run: Run, *, now: datetime, reason: str) -> None:
        """Refuse: raises AuditError; nobody else can have a lock in memory."""
        raise AuditError(
            f"{run.id} at {now}: no lock in memory outlives its run ({reason})"
        )

    def _hold(self, lease: Lease) -> Lease:
        self._oid = f"{lease.fence}/{lease.beat}"
        self._status = LockStatus(
            lease.run.id,
            lease.holder,
            lease.fence,
            lease.acquired,
            lease.until,
            released=False,
        )
        return lease._replace(oid=self._oid)

    def _still(self, lease: Lease) -> None:
        if lease.oid != self._oid:
            raise LostLock(
                f"run {lease.run.id} no longer holds the lock (fence {lease.fence})"
            )
