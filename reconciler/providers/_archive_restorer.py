"""What a drill asks of an archive: its list, what is in it, and all of it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.errors import Rejected, Transient
from reconciler.kinds.backup import Snapshot
from reconciler.providers._archive import Archive
from reconciler.providers._archive_open import Hostile
from reconciler.providers._archive_seal import Damaged, Keys, WrongKey
from reconciler.providers._archive_snap import Snap, listed_as
from reconciler.providers._archive_store import Gone, Store
from reconciler.providers._drill_port import Entry, Key, Restored

ENGINE: Final = "archive 1"


@contextmanager
def believed(what: str) -> Iterator[None]:
    """Say as a driver does that what is kept does not give what it has to."""
    try:
        yield
    except Gone as gone:
        raise Rejected(f"{what}: {gone} is gone") from None
    except (Damaged, WrongKey, Hostile) as error:
        raise Rejected(f"{what}: {error}") from None


class ArchiveRestorer:
    """
    One copy of one backup.

    Args:
        store: Where it is; read with the key that only reads.
        keys: The passwords; a drill uses one of them as if the other was lost.
        backup: The uid of the Backup.
    """

    streams = True

    def __init__(self, store: Store, keys: Keys, backup: str) -> None:
        self._store = store
        self._keys = keys
        self._backup = backup
        self._archives: dict[Key, Archive] = {}

    def snapshots(self, key: Key) -> Sequence[Snapshot]:
        """Return what there is of the backup; what is not signed by us is left out."""
        with believed("listing"):
            found = self._opened(key).snapshots(self._backup)
        return [listed_as(one, None) for one in found]

    def listing(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return all files of a snapshot."""
        return self.manifest(source, snapshot, key)

    def manifest(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        """Return all files, as they were when they were backed up."""
        with believed(snapshot[:12]):
            archive = self._opened(key)
            found = archive.manifest(self._snap(archive, source, snapshot))
            files = (one for one in found if one.kind == "f")
            return [Entry(one.path, one.size, one.sha256) for one in files]

    def links(self, source: str, snapshot: str, key: Key) -> Sequence[str]:
        """Return the path of every symbolic link."""
        with believed(snapshot[:12]):
            archive = self._opened(key)
            found = archive.manifest(self._snap(archive, source, snapshot))
            return [one.path for one in found if one.kind == "l"]

    def restore(
        self,
        snapshots: Mapping[str, str],
        into: Path,
        files: Mapping[str, Sequence[str]] | None,
        key: Key,
        seconds: float,
    ) -> Restored:
        """Restore each source into a folder of its own, as long as there is time."""
        begun = time.monotonic()
        archive = self._opened(key)
        with believed("listing"):
            snaps = {
                source: self._snap(archive, source, snapshot)
                for source, snapshot in snapshots.items()
            }
        listed = time.monotonic()
        many = size = 0
        for source, snap in snaps.items():
            target = into / source
            target.mkdir(mode=0o700)
            with believed(source):
                wanted = None if files is None else files.get(source, ())
                done = archive.restore(snap, target, wanted, _until(begun + seconds))
            many, size = many + done.files, size + done.size
        ended = time.monotonic()
        return Restored(many, size, listed - begun, ended - listed, ENGINE)

    def _opened(self, key: Key) -> Archive:
        """Return it as one key opens it: to make a key of a password takes a while."""
        if key not in self._archives:
            keys = self._keys.only("escrow" if key == "escrow" else "password")
            if not keys.slots:
                raise Rejected("the repository has no escrowKey")
            self._archives[key] = Archive(self._store, keys)
        return self._archives[key]

    def _snap(self, archive: Archive, source: str, snapshot: str) -> Snap:
        snap = archive.find(self._backup, snapshot)
        if snap.label.source != source:
            raise Damaged(f"is of {snap.label.source}, not of {source}")
        return snap


def _until(ends: float) -> Callable[[], None]:
    """Return what stops a restore that takes too long."""

    def look() -> None:
        if time.monotonic() > ends:
            raise Transient("restoring took too long")

    return look
