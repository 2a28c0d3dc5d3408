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
from reconciler.kinds.backup.choosing import (
    best,
    chosen,
    lacking,
    moments,
    passed_over,
)
from reconciler.kinds.backup.facts import (
    RESTORES,
    Drilled,
    Received,
    drills,
    receipts,
    restores,
)
from reconciler.kinds.backup.offers import GONE, Offer, Record
from reconciler.kinds.backup.proof import proven
from reconciler.kinds.backup.spec import BackupSpec
from reconciler.kinds.backup.state import BACKUP, CopyState, Hiding, Snapshot

__all__ = [
    "BACKUP",
    "GONE",
    "RESTORES",
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
    "Offer",
    "PruneOld",
    "Received",
    "Record",
    "Rewind",
    "Snapshot",
    "best",
    "chosen",
    "drills",
    "lacking",
    "moments",
    "passed_over",
    "proven",
    "receipts",
    "restores",
]

KIND = Backup
