"""Hands on a repository of one engine: what anybody with a disk and a key can do."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from reconciler.providers._archive import Archive
from reconciler.providers._archive_seal import Keys
from reconciler.providers._archive_snap import Label
from reconciler.providers._archive_store import Folder
from tests.support.guarded import ESCROW_OF, SECRETS, UID, Guarded, files
from tests.support.restics import ResticPlace


class Vandal(Protocol):
    """What can be done to a repository, and how its files are called."""

    folder: Path
    config: Path

    def flip(self, path: Path) -> None:
        """Flip one bit of a file."""

    def packs(self) -> list[Path]:
        """Return what has the content."""

    def indexes(self) -> list[Path]:
        """Return what says where content is."""

    def listings(self) -> list[Path]:
        """Return what says which files a snapshot has."""

    def keys(self) -> list[Path]:
        """Return what passwords open."""

    def ids(self) -> list[str]:
        """Return the snapshots, the oldest first."""

    def newest(self) -> list[str]:
        """Return the newest snapshot of each source."""

    def forget(self, ids: Collection[str]) -> None:
        """Take snapshots away for good."""

    def verify(self) -> None:
        """Read all that is listed to its end; raise where it is not what it was."""

    def add(self, source: str, host: str, at: datetime) -> None:
        """Add a snapshot with our tag; *host* empty: as ours."""

    def anew(self) -> None:
        """Make another repository in the same place, with the same passwords."""


def vandal(world: Guarded, name: str) -> Vandal:
    """Return hands on one copy of *world*."""
    kind = ResticHands if world.engine == "restic" else ArchiveHands
    return kind(world, name)


class _Hands:
    """What is the same whatever the engine is."""

    def __init__(self, world: Guarded, name: str) -> None:
        self.world, self.name = world, name
        self.folder = world.base / name
        self.passwords = {
            "password": SECRETS[name.upper()],
            "escrowKey": SECRETS[ESCROW_OF[name]],
        }

    def flip(self, path: Path) -> None:
        body = bytearray(path.read_bytes())
        body[self.world.draw.randrange(len(body))] ^= 1 << self.world.draw.randrange(8)
        path.chmod(0o600)
        path.write_bytes(body)


class ResticHands(_Hands):
    """Restic itself, with the password."""

    def __init__(self, world: Guarded, name: str) -> None:
        super().__init__(world, name)
        self.config = self.folder / "config"
        self.place = ResticPlace(self.folder, name, secrets=self.passwords, escrow=None)

    def packs(self) -> list[Path]:
        return files(self.folder / "data")

    def indexes(self) -> list[Path]:
        return files(self.folder / "index")

    def listings(self) -> list[Path]:
        return files(self.folder / "snapshots")

    def keys(self) -> list[Path]:
        return files(self.folder / "keys")

    def _rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.place.run("snapshots", "--json"))
        return sorted(found, key=lambda one: (one["time"], one["id"]))

    def ids(self) -> list[str]:
        return [one["id"] for one in self._rows()]

    def newest(self) -> list[str]:
        found = {_source(one["tags"]): one["id"] for one in self._rows()}
        return sorted(found.values())

    def forget(self, ids: Collection[str]) -> None:
        self.place.run("forget", "--prune", *sorted(ids))

    def verify(self) -> None:
        self.place.run("check", "--read-data", "--no-lock")

    def add(self, source: str, host: str, at: datetime) -> None:
        self.place.run(
            "backup", "--quiet", "--host", host or UID,
            "--time", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "--tag", f"backup={UID}", "--tag", f"source={source}",
            str(self.world.home / "mail"),
        )  # fmt: skip

    def anew(self) -> None:
        self.place.run("init")
        self.place.repo.run(
            "key", "add", "--new-password-file", "/dev/fd/0",
            given=self.passwords["escrowKey"].encode() + b"\n",
        )  # fmt: skip


def _source(tags: Sequence[str]) -> str:
    return next(one for one in tags if one.startswith("source="))


class ArchiveHands(_Hands):
    """The built-in engine's own library, with the passwords."""

    def __init__(self, world: Guarded, name: str) -> None:
        super().__init__(world, name)
        self.config = self.folder / "archive.json"

    @property
    def _archive(self) -> Archive:
        words = {
            "password": self.passwords["password"],
            "escrow": self.passwords["escrowKey"],
        }
        return Archive(Folder(self.folder), Keys(words))

    def packs(self) -> list[Path]:
        return files(self.folder / "data")

    def indexes(self) -> list[Path]:
        return files(self.folder / "index")

    def listings(self) -> list[Path]:
        return files(self.folder / "manifest")

    def keys(self) -> list[Path]:
        return [self.config]

    def ids(self) -> list[str]:
        found = self._archive.snapshots(UID)
        return [one.id for one in sorted(found, key=lambda one: (one.label.at, one.id))]

    def newest(self) -> list[str]:
        found = sorted(self._archive.snapshots(UID), key=lambda one: one.label.at)
        return sorted({one.label.source: one.id for one in found}.values())

    def forget(self, ids: Collection[str]) -> None:
        archive = self._archive
        for one in ids:
            archive.remove(archive.find(UID, one))

    def verify(self) -> None:
        archive = self._archive
        for snap in archive.snapshots(UID):
            archive.verify(snap)

    def add(self, source: str, host: str, at: datetime) -> None:
        label = Label(UID, source, f"{at.isoformat()}/{host}", at, ("mail",))
        self._archive.add(
            label,
            lambda packer: packer.tree(self.world.home, ("mail",), ()),
            lambda counted: None,
        )

    def anew(self) -> None:
        self._archive.init()
