"""What one repository has of one backup."""

from __future__ import annotations

from typing import Final

from pydantic import AwareDatetime

from reconciler.model import State
from reconciler.model.base import Frozen

#: The family of what repositories keep; the account is the BackupRepository.
BACKUP: Final = "backup"


class Snapshot(Frozen):
    """
    One snapshot of one source, as a repository lists it.

    Attributes:
        source: The name of the source in the policy, of its tag.
        at: When it was added, by the clock of the server where that is told; else what
            the client said.
        said: What the client said, which anybody can forge.
        host: Whose it says it is.
        original: Of a copy: the snapshot it is a copy of.
        files, size: What it has; None where the engine does not tell unopened.
        added, packed: Bytes that were new, before and after they were compressed.
        changed: Files that are new or changed.
        locked: Until when it cannot be deleted.
        governed: Who may bypass that can do it nevertheless: it is no compliance.
    """

    id: str
    source: str
    at: AwareDatetime
    said: AwareDatetime
    host: str = ""
    paths: tuple[str, ...] = ()
    original: str | None = None
    files: int | None = None
    size: int | None = None
    added: int | None = None
    packed: int | None = None
    changed: int | None = None
    locked: AwareDatetime | None = None
    governed: bool = False


class Hiding(Frozen):
    """
    What was hidden, or overwritten, by one deed.

    Attributes:
        since, until: When the first and the last of it was.
        opens: What says what the repository is, is among it: no prune hides that, and
            no rewind.
    """

    since: AwareDatetime
    until: AwareDatetime
    objects: int
    opens: bool = False


class CopyState(State):
    """
    What one repository has of one backup (family ``backup``).

    Attributes:
        snapshots: Those with its tag, the oldest first.
        foreign: Snapshots with its tag and another host or other paths: not ours.
        identity: Of the repository.
        locks: What locks the repository, each with since when and by whom.
        locked: The first lock of an object that ends, of what is still needed.
        exposed: What opens the repository has no lock, or a weaker one than is wanted.
        hidden: Objects that are hidden by delete markers, or overwritten, and since
            when the first; of what a prune of ours forgot some are: whoever reads this
            compares.
        hidings: The same, deed by deed, the oldest first.
        versioned: Whether the bucket keeps old versions; None where it is no bucket.
        size: Bytes of the whole repository.
        ours: Of a panel: the snapshots that were made from here, which nobody but us
            takes away.
    """

    snapshots: tuple[Snapshot, ...] = ()
    foreign: tuple[Snapshot, ...] = ()
    identity: str = ""
    locks: tuple[str, ...] = ()
    locked: AwareDatetime | None = None
    exposed: bool = False
    hidden: int = 0
    hidden_since: AwareDatetime | None = None
    hidings: tuple[Hiding, ...] = ()
    versioned: bool | None = None
    size: int | None = None
    ours: tuple[str, ...] = ()
