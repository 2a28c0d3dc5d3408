"""The books of one run: the store, the lease on it, and what it says by now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from reconciler.audit import Batch, Lease, Ledger, Run, Store
from reconciler.errors import LostLock

LEASE = timedelta(minutes=30)


class Journal:
    """
    Holds the lock from ``with`` to its end; every record renews the lease.

    Attributes:
        ledger: What is recorded, as of the last record.

    Raises:
        Locked: Another run holds the lock.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        clock: Callable[[], datetime],
        lease: timedelta = LEASE,
    ) -> None:
        self.clock = clock
        self._store = store
        self._lease: Lease = store.acquire(run, now=clock(), lease=lease)
        self.ledger: Ledger = store.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A run that lost the lock has nothing to release, and must not try.
        if not isinstance(error, LostLock):
            self._store.release(self._lease)

    @property
    def run(self) -> str:
        """The id of this run."""
        return self._lease.run.id

    @property
    def fence(self) -> int:
        """The fencing token of this run."""
        return self._lease.fence

    @property
    def left(self) -> timedelta:
        """How long the lease still lasts."""
        return self._lease.until - self.clock()

    def record(self, batch: Batch) -> None:
        """
        Commit *batch* and renew the lease, both or neither.

        Raises:
            LostLock: Another run took the lock; nothing was recorded.
        """
        self.ledger, self._lease = self._store.commit(
            self._lease, batch, now=self.clock()
        )
