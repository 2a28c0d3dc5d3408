"""
A backup into an archive: every source a snapshot of its own, or no backup at all.

A slot's snapshot has an id of its own, so that a backup that was cut off is made whole
by the next run: what is there is not made again, and its receipt says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.backup import BackUp, Backup
from reconciler.model import Receipt, SecretRef
from reconciler.model.backing import Backing, Source
from reconciler.providers._archive import Archive
from reconciler.providers._archive_snap import Counted, Label, Snap
from reconciler.providers._archive_store import Gone
from reconciler.providers._archive_tree import Packer
from reconciler.providers._backup_hooks import Mask, hooked
from reconciler.providers._backup_scratch import private, swept
from reconciler.providers._dump import dumped
from reconciler.providers._panel_archive import newest

#: How long the dump of a database may take.
_DUMP: Final = 3600.0


class Making(NamedTuple):
    """
    One backup that is being made.

    Attributes:
        copy: The repository's name.
        secret: Resolves what a want names.
        mask: Takes secrets out of what a hook complains of.
    """

    archive: Archive
    want: Backup
    backing: Backing
    copy: str
    clock: Callable[[], datetime]
    secret: Callable[[SecretRef], str]
    mask: Mask

    def make(self, change: BackUp) -> Receipt:
        """
        Make what is not there yet, and say what is.

        Raises:
            Rejected: Something that had to be in it was not.
        """
        swept()
        slot, nonce = str(change.details["slot"]), str(change.details["nonce"])
        found = {
            name: self._found(name, slot, source)
            for name, source in self.backing.sources.items()
        }
        made = all(found.values())
        with hooked(self.backing.hooks, self.mask, made=made):
            for name, source in self.backing.sources.items():
                found[name] = found[name] or self._one(name, source, slot, nonce)
        snaps = {name: snap for name, snap in found.items() if snap is not None}
        self._shown(snaps)
        return Receipt(
            reference=f"{self.copy}/{slot}",
            details={
                "at": min(snap.label.at for snap in snaps.values()).isoformat(),
                "slot": slot,
                "copy": self.copy,
                "sources": {name: _row(snap) for name, snap in snaps.items()},
            },
        )

    def _label(self, name: str, slot: str, source: Source) -> Label:
        return Label(self.want.uid, name, slot, self.clock(), source.paths)

    def _found(self, name: str, slot: str, source: Source) -> Snap | None:
        """Return the snapshot that an earlier run made; its objects are all there."""
        try:
            label = self._label(name, slot, source)
            snap = self.archive.find(label.backup, label.id)
            self.archive.whole(snap)
        except Gone:
            return None
        return snap

    def _one(self, name: str, source: Source, slot: str, nonce: str) -> Snap:
        label = self._label(name, slot, source)
        before = [
            snap
            for snap in self.archive.snapshots(self.want.uid)
            if snap.label.source == name
        ]

        def approve(counted: Counted) -> None:
            _enough(name, source, counted)

        with self._contents(source) as pack:
            return self.archive.add(
                label,
                pack,
                approve,
                canary=nonce.encode() if source.canary else b"",
                before=before[-1] if before else None,
            )

    @contextmanager
    def _contents(self, source: Source) -> Iterator[Callable[[Packer], None]]:
        """Give what packs *source*; a dump is made first, and gone afterwards."""
        root = self._root(source)
        if source.type == "files":
            yield lambda packer: packer.tree(
                _needed(root), source.paths, source.exclude
            )
            return
        if source.type == "panel":
            found = newest(_needed(root))
            yield lambda packer: packer.tree(found.parent, (found.name,), ())
            return
        with private() as scratch:
            told = self.secret(source.connection) if source.connection else None
            file = dumped(source, root, scratch, told, _DUMP)
            yield lambda packer: packer.tree(scratch, (file.name,), ())

    def _root(self, source: Source) -> Path | None:
        """Return the folder that *source* is in."""
        parts = [one for one in (self.want.spec.root, source.root) if one]
        return Path(*parts) if parts else None

    def _shown(self, snaps: Mapping[str, Snap]) -> None:
        """See that a listing shows what was made."""
        listed = {snap.id for snap in self.archive.snapshots(self.want.uid)}
        for name, snap in snaps.items():
            if snap.id not in listed:
                raise Rejected(f"{name}: the snapshot is not in the listing")
            self.archive.whole(snap)


def _needed(root: Path | None) -> Path:
    if root is None:
        raise Rejected("there is no root: where are the paths?", hint="write root")
    return root


def _enough(name: str, source: Source, counted: Counted) -> None:
    """See that as much was backed up as has to be."""
    if counted.files < source.min_files:
        raise Rejected(f"{name}: {counted.files} files, minFiles is {source.min_files}")
    if source.min_bytes is not None and counted.size < source.min_bytes:
        raise Rejected(f"{name}: {counted.size} bytes, minBytes is {source.min_bytes}")


def _row(snap: Snap) -> dict[str, JsonValue]:
    """Return what a receipt says of one source."""
    return {
        "snapshot": snap.id,
        "files": snap.files,
        "bytes": snap.size,
        "manifest": snap.manifest,
        "canary": snap.canary,
    }
