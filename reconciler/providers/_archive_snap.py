"""A snapshot, as its index has it: whose it is, and what its objects are called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from reconciler.kinds.backup import Snapshot
from reconciler.providers._archive_bucket import Held
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._archive_tree import Entry


class Config(NamedTuple):
    """What a repository is."""

    id: str
    salt: bytes


class Label(NamedTuple):
    """
    Whose snapshot it is.

    Attributes:
        backup: The uid of the Backup.
        slot: The due time it is for.
        at: When it began, by our clock.
    """

    backup: str
    source: str
    slot: str
    at: datetime
    paths: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The snapshot's id."""
        text = f"{self.backup}\0{self.source}\0{self.slot}"
        return hashlib.sha256(text.encode()).hexdigest()[:40]


class Snap(NamedTuple):
    """
    One snapshot, as its index has it; the signature holds.

    Attributes:
        added: When, by the clock of whoever keeps it.
        manifest: SHA-256 over path, size and SHA-256 of every file.
        canary: SHA-256 of the canary; empty where there is none.
        size, packed: Bytes of the files, and of the object they are in.
        changed: Files that are new or other than in the one before.
        data, listing: The names of its objects.
    """

    id: str
    label: Label
    added: datetime
    files: int
    size: int
    packed: int
    changed: int | None
    manifest: str
    canary: str
    data: str
    listing: str
    original: str | None = None


class Counted:
    """What went into a snapshot; the digest of its manifest comes with it."""

    def __init__(self, before: frozenset[bytes] | None) -> None:
        self._before = before
        self._digest = hashlib.sha256()
        self.files = 0
        self.size = 0
        self.changed: int | None = None if before is None else 0

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        if entry.kind != "f":
            return
        line = line_of(entry)
        self._digest.update(line)
        self.files += 1
        self.size += entry.size
        if self._before is not None and self.changed is not None:
            self.changed += short(line) not in self._before

    @property
    def manifest(self) -> str:
        """The digest."""
        return self._digest.hexdigest()


def line_of(entry: Entry) -> bytes:
    """Return what the digest of a manifest has of one file."""
    text = f"{entry.path}\0{entry.size}\0{entry.sha256}\n"
    return text.encode("utf-8", "surrogateescape")


def short(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=16).digest()


def folder_of(backup: str) -> str:
    return hashlib.sha256(backup.encode()).hexdigest()[:16]


def index_of(backup: str, snapshot: str) -> str:
    return f"index/{folder_of(backup)}/{snapshot}.json"


def canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def signed_part(content: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    try:
        said = json.loads(content)
        return dict(said["signed"]), dict(said["is"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged("an index cannot be read") from None


def body_of(snap: Snap) -> dict[str, Any]:
    label = snap.label
    return {
        "id": snap.id,
        "backup": label.backup,
        "source": label.source,
        "slot": label.slot,
        "at": label.at.isoformat(),
        "paths": list(label.paths),
        "files": snap.files,
        "size": snap.size,
        "packed": snap.packed,
        "changed": snap.changed,
        "manifest": snap.manifest,
        "canary": snap.canary,
        "data": snap.data,
        "listing": snap.listing,
        "original": snap.original,
    }


def snap_of(body: Mapping[str, Any], added: datetime) -> Snap:
    try:
        label = Label(
            str(body["backup"]),
            str(body["source"]),
            str(body["slot"]),
            datetime.fromisoformat(body["at"]),
            tuple(map(str, body["paths"])),
        )
        names = Snap._fields
        rest = {name: body[name] for name in names if name not in {"label", "added"}}
    except (KeyError, TypeError, ValueError):
        raise Damaged("an index is not what is written here") from None
    return Snap(label=label, added=added, **rest)


def listed_as(snap: Snap, held: Held | None) -> Snapshot:
    """Return *snap* in our words; a whole archive is all new. *held*: its lock."""
    return Snapshot(
        id=snap.id,
        source=snap.label.source,
        at=snap.added,
        said=snap.label.at,
        host=snap.label.backup,
        paths=snap.label.paths,
        original=snap.original,
        files=snap.files,
        size=snap.size,
        added=snap.size,
        packed=snap.packed,
        changed=snap.changed,
        locked=held.until if held else None,
        governed=held is not None and not held.firm,
    )
