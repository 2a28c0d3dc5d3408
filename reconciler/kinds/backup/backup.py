"""The backup of one thing: what is due, what proves it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from reconciler.kinds.backup.changes import (
    BackUp,
    BackupChange,
    Check,
    CopyOver,
    DrillIt,
    ExtendLock,
    PruneOld,
    Rewind,
)
from reconciler.kinds.backup.spec import BackupSpec
from reconciler.kinds.backup.state import BACKUP, CopyState
from reconciler.model import Share, State
from reconciler.model.resource import Resource


class Backup(Resource[BackupChange]):
    """The copies of one thing, and the drills that prove them."""

    kind: ClassVar[str] = "Backup"
    changes: ClassVar[tuple[type[BackupChange], ...]] = (
        BackUp,
        CopyOver,
        DrillIt,
        Check,
        PruneOld,
        ExtendLock,
        Rewind,
    )
    states: ClassVar[Mapping[str, type[State]]] = {BACKUP: CopyState}
    recalls: ClassVar[bool] = True
    spec: BackupSpec

    def shares(self) -> tuple[Share, ...]:
        """Return every repository that has a copy."""
        backing = self.makings.backing
        copies = backing.copies if backing else ()
        return tuple(Share(one.repository, BACKUP) for one in copies)


KIND = Backup
