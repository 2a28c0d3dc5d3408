"""The backup of one thing: its copies, its receipts, and its drills."""

from reconciler.kinds.backup.backup import Backup
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
from reconciler.kinds.backup.facts import Drilled, Received, drills, receipts
from reconciler.kinds.backup.proof import proven
from reconciler.kinds.backup.spec import BackupSpec
from reconciler.kinds.backup.state import BACKUP, CopyState, Hiding, Snapshot

__all__ = [
    "BACKUP",
    "BackUp",
    "Backup",
    "BackupChange",
    "BackupSpec",
    "Check",
    "CopyOver",
    "CopyState",
    "DrillIt",
    "Drilled",
    "ExtendLock",
    "Hiding",
    "PruneOld",
    "Received",
    "Rewind",
    "Snapshot",
    "drills",
    "proven",
    "receipts",
]

KIND = Backup
