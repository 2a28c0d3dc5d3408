"""Making the derived documents again from the log alone."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.audit import layout
from reconciler.audit.commit import Pen, prepare, stored
from reconciler.audit.entries import Note
from reconciler.audit.git_store import GitStore
from reconciler.audit.ledger import Ledger
from reconciler.audit.objects import Snapshot
from reconciler.audit.store import Batch, Lease, Run
from reconciler.audit.verify import audit, differing
from reconciler.errors import Tampered


def rebuild(
    store: GitStore, run: Run, *, now: datetime, lease: timedelta
) -> tuple[str, ...]:
    """
    Make the derived documents again, in one commit, under the lock.

    Returns the paths that were mended; nothing is committed where there are none.

    Raises:
        Locked: Another run holds the lock.
        Tampered: The log itself is damaged, and nothing can be made from it.
    """
    store.origin.deepen()
    held = store.acquire(run, now=now, lease=lease)
    try:
        paths, held = _mend(store, held, now)
    finally:
        store.release(held)
    return paths


def _mend(store: GitStore, held: Lease, now: datetime) -> tuple[tuple[str, ...], Lease]:
    refs = store.origin.read()
    audited = audit(store, refs.audit)
    if audited.problems:
        raise Tampered(
            f"the log is damaged: {audited.problems[0]}",
            hint="find the commits that changed it; nothing can be rebuilt from it",
        )
    paths = tuple(differing(store, refs.audit, audited))
    if not paths:
        return (), held
    ledger = Ledger(
        Snapshot(store.git, refs.audit),
        applied=refs.applied,
        known=audited.documents,
        whole=layout.FOLDERS,
    )
    note = Note(event="rebuilt", data={"paths": [*paths]})
    pen = Pen(now, store.redact)
    prepared = prepare(ledger, held, Batch([note], phase="rebuilt"), (), pen)
    assert prepared is not None  # noqa: S101  (there is a note)
    mended = {
        path: stored(audited.documents[path]) if path in audited.documents else None
        for path in paths
    }
    whole = prepared._replace(files={**mended, **prepared.files})
    return paths, store.record(held, whole, now=now)
