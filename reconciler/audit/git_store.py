"""The journal on an orphan branch, and the lock on a ref beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from reconciler.audit import layout, lock
from reconciler.audit.commit import Pen, Prepared, prepare
from reconciler.audit.entries import Note
from reconciler.audit.git import TIMEOUT, Git
from reconciler.audit.ledger import Ledger
from reconciler.audit.objects import Snapshot, list_folder, read_names
from reconciler.audit.origin import Local, Move, Origin, Refs, Remote
from reconciler.audit.redact import redactor
from reconciler.audit.store import Batch, Lease, LockStatus, Run
from reconciler.audit.writer import Author, Draft, write, write_alone
from reconciler.errors import AuditError, LostLock, Tampered

#: So often a lock that moved while it was asked for is asked for again.
_TRIES = 5


class _Written(NamedTuple):
    """Which files the log folder of one run has, as of a commit of this store."""

    tip: str
    run: str
    names: frozenset[str]


class GitStore:
    """
    A Store in git: in this repository, or compared and swapped on a remote.

    Args:
        root: Anywhere in the inventory's repository, which also keeps the objects.
        remote: The name or address of the remote; None keeps everything local.
        author: The reconciler's own name and e-mail address.
        environ: What the git program may see of the environment.
        sleep: How to wait between two tries, in seconds.
        secrets: Values that are masked in everything that is written.
        timeout: Seconds that one git command may take.
        known: A ledger that was read before: what has not changed is not read again.
        git: What reads this repository already; a new one where it is left out.

    Raises:
        AuditError: *env* cannot be part of a ref.
    """

    def __init__(  # noqa: PLR0913  (all that the composition root knows)
        self,
        root: Path,
        env: str,
        remote: str | None,
        author: tuple[str, str],
        *,
        environ: Mapping[str, str],
        sleep: Callable[[float], None],
        secrets: Iterable[str] = (),
        timeout: float = TIMEOUT,
        known: Ledger | None = None,
        git: Git | None = None,
    ) -> None:
        self.root, self.env, self.remote = root, env, remote
        self.git = git or Git(root, environ, timeout)
        self.names = layout.names(env)
        self.origin: Origin = (
            Local(self.git, self.names)
            if remote is None
            else Remote(self.git, remote, self.names, env, sleep)
        )
        self.author = Author(*author)
        self.pause = sleep
        self.redact = redactor(secrets)
        self._current: Ledger | None = None
        self._known = known
        self._written: _Written | None = None

    def read(self) -> Ledger:
        """Return what is recorded now; takes no lock."""
        self._current = self._known = self._ledger(self.origin.read())
        return self._current

    def remembered(self) -> Ledger:
        """Return what was recorded when this clone saw it last; asks nobody."""
        return self._ledger(self.origin.seen())

    def lock_status(self) -> LockStatus | None:
        """Return what the lock says; None where nobody ever took it."""
        return self._status(self.origin.read().lock)

    def acquire(self, run: Run, *, now: datetime, lease: timedelta) -> Lease:
        """
        Take the lock for *lease*; an expired one is taken over.

        Raises:
            Locked: Another run holds it.
        """
        run = run._replace(actor=self.redact(run.actor))
        for _ in range(_TRIES):
            refs = self.origin.read()
            fence = self._fence(refs)
            before = self._status(refs.lock)
            wanted = lock.taken(run, before, fence, now, lease)
            oid = self._says(lock.draft(wanted), now, like=refs.lock)
            if self.origin.move([Move(self.names.lock, refs.lock, oid)]):
                # Until here the last holder could still record something.
                self._current = None
                return wanted._replace(oid=oid)
        raise AuditError(
            "the lock changed hands again and again", hint="try again in a minute"
        )

    def renew(self, lease: Lease, now: datetime) -> Lease:
        """
        Hold the lock for another term.

        Raises:
            LostLock: It expired, or another run took it.
        """
        longer = lock.renewed(lease, now)
        oid = self._says(lock.draft(longer), now, like=lease.oid)
        if not self.origin.move([Move(self.names.lock, lease.oid, oid)]):
            raise self._lost(lease)
        return longer._replace(oid=oid)

    def commit(
        self, lease: Lease, batch: Batch, *, now: datetime
    ) -> tuple[Ledger, Lease]:
        """
        Record *batch* and renew the lock, both or neither.

        Raises:
            LostLock: The lease is over, or another run took the lock.
            AuditError: An entry contradicts the journal, or the remote failed.
        """
        lock.renewed(lease, now)
        ledger = self._current or self.read()
        used = self._used(ledger, lease)
        prepared = prepare(ledger, lease, batch, used, Pen(now, self.redact))
        if prepared is None:
            return ledger, self.renew(lease, now)
        lease = self.record(lease, prepared, now=now)
        return self._current or self.read(), lease

    def record(self, lease: Lease, prepared: Prepared, *, now: datetime) -> Lease:
        """
        Put a prepared commit on the branch and renew the lock, both or neither.

        Raises:
            LostLock: The lease is over, or another run took the lock.
        """
        longer = lock.renewed(lease, now)
        tip, oid = self._push(lease, prepared, lock.draft(longer), now)
        applied = prepared.applied or prepared.ledger.applied
        self._current = prepared.ledger.after(tip, prepared.changes, applied)
        self._known = self._current
        folder = layout.log_folder(lease.run.id, lease.run.started)
        mine = {p.removeprefix(folder) for p in prepared.files if p.startswith(folder)}
        used = self._used(prepared.ledger, lease) | mine
        self._written = _Written(tip, lease.run.id, used)
        return longer._replace(oid=oid)

    def close(self) -> None:
        """Let go of what is kept to read with; reading on begins anew."""
        self.git.close()

    def release(self, lease: Lease) -> None:
        """Let others take the lock; harmless where it was lost."""
        last = lease._replace(beat=lease.beat + 1)
        beat = lease.until - lease.term
        draft = lock.draft(last, released=True)
        oid = self._says(draft, beat, like=lease.oid)
        self.origin.move([Move(self.names.lock, lease.oid, oid)])
        self.close()

    def break_lock(self, run: Run, *, now: datetime, reason: str) -> None:
        """
        Release an expired lock of another run, and record why.

        Raises:
            Locked: It has not expired.
            AuditError: Nobody holds it.
        """
        run = run._replace(actor=self.redact(run.actor))
        refs = self.origin.read()
        before = self._status(refs.lock)
        if before is None or before.released or refs.lock is None:
            raise AuditError("nobody holds the lock", hint="there is nothing to break")
        ledger = self._ledger(refs)
        ours = lock.taken(run, before, ledger.fence, now, timedelta())
        lease = ours._replace(oid=refs.lock)
        note = Note(
            event="lock-broken",
            data={
                "reason": reason,
                "run": before.run,
                "holder": before.holder,
                "until": before.until.isoformat(),
            },
        )
        used = self._used(ledger, lease)
        prepared = prepare(ledger, lease, Batch([note]), used, Pen(now, self.redact))
        assert prepared is not None  # noqa: S101  (there is a note)
        self._push(lease, prepared, lock.draft(ours, released=True), now)
        self._current = None

    def _says(self, draft: Draft, now: datetime, *, like: str | None) -> str:
        """Make the commit that says who has the lock; *like* is the one before it."""
        if like is None:
            (oid,) = write(self.git, self.author, now, [draft])
            return oid
        return write_alone(self.git, self.author, now, draft.message, like=like)

    def _push(
        self, lease: Lease, prepared: Prepared, says: Draft, now: datetime
    ) -> tuple[str, str]:
        ledger = prepared.ledger
        draft = Draft(prepared.message, ledger.tip, prepared.files)
        tip, oid = write(self.git, self.author, now, [draft, says])
        moves = [
            Move(self.names.audit, ledger.tip, tip),
            Move(self.names.lock, lease.oid, oid),
        ]
        if prepared.applied:
            moves.append(Move(self.names.applied, ledger.applied, prepared.applied))
        if not self.origin.move(moves):
            raise self._lost(lease)
        return tip, oid

    def _ledger(self, refs: Refs) -> Ledger:
        # The same commit says the same, whoever held the lock meanwhile.
        known = self._known
        if known and (known.tip, known.applied) == (refs.audit, refs.applied):
            return known
        return Ledger(Snapshot(self.git, refs.audit), applied=refs.applied)

    def _fence(self, refs: Refs) -> int:
        try:
            return self._ledger(refs).fence
        except Tampered:
            # The lock ref itself carries one; a rebuild has to get past this.
            return 0

    def _used(self, ledger: Ledger, lease: Lease) -> frozenset[str]:
        folder = layout.log_folder(lease.run.id, lease.run.started)
        if ledger.tip is None:
            return frozenset()
        if self._written and self._written[:2] == (ledger.tip, lease.run.id):
            return self._written.names
        return frozenset(list_folder(self.git, ledger.tip, folder))

    def _status(self, oid: str | None) -> LockStatus | None:
        if oid is None:
            return None
        raw = read_names(self.git, [oid]).get(oid)
        if raw is None:
            raise Tampered("the lock ref points to nothing that can be read")
        return lock.status(raw.partition(b"\n\n")[2])

    def _lost(self, lease: Lease) -> LostLock:
        self._current = None
        return LostLock(
            f"run {lease.run.id} no longer holds the lock (fence {lease.fence})",
            hint="nothing was recorded; what is open is looked at by the next run",
        )
