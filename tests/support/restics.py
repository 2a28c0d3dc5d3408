"""A repository of a real restic, and the driver that runs it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

from reconciler.model import Receipt
from reconciler.providers._restic import Repo
from reconciler.providers._restic_where import DRILL, repo_of
from reconciler.providers.restic_backup import ResticBackup
from tests.support.archives import ESCROW, PASSWORD, Place
from tests.support.restic_snapshots import Key, program

#: A guess at a password costs so little in here; what is real is another test's.
_CHEAP = {"n": 2, "r": 8, "p": 1}
#: Where restic cuts files: of a repository that it made.
_CHUNKS = "35d1a5cae88f95"


class ResticPlace(Place):
    """One repository, which the real restic keeps."""

    engine: ClassVar = "restic"
    made: ClassVar[Any] = ResticBackup

    def __init__(self, folder: Path, name: str = "near", **more: Any) -> None:
        program()  # without it, the test is skipped by name
        super().__init__(folder, name, **more)

    def ready(self) -> Self:
        """Make the repository as restic makes one, with keys that cost nothing."""
        secrets = self.account.secrets
        names = ("password", "escrowKey")
        made = self.folder.with_name(f"{self.folder.name}-made")
        write_new(made, *(secrets[one] for one in names if one in secrets))
        self.keep(made)
        shutil.rmtree(made)
        return self

    def keep(self, made: Path) -> None:
        """Take a repository that was made elsewhere."""
        shutil.copytree(made, self.folder)

    @property
    def repo(self) -> Repo:
        """What restic is run with."""
        return repo_of(self.account, DRILL)

    def run(self, *argv: str) -> str:
        """Run restic as a person would; return what it wrote."""
        return self.repo.run(*argv)

    def back_up(
        self, want: Any, slot: str = "2026-11-22T02:15", **more: Any
    ) -> Receipt:
        """Make a backup by a new driver, as a run does."""
        made: Receipt = self.again().apply(want, self.due(slot, **more), "k")
        return made

    def packs(self) -> list[Path]:
        """Return the packs, the largest first."""
        found = self.objects("data")
        return sorted(found, key=lambda one: -one.stat().st_size)


class ResticBucket(ResticPlace):
    """One repository in a folder of a bucket."""

    def __init__(
        self, s3: Any, url: str, bucket: str, folder: Path, **more: Any
    ) -> None:
        self.s3, self.bucket, self.below = s3, bucket, "below/site-a"
        super().__init__(folder, url=url, path="site-a", **more)

    def keep(self, made: Path) -> None:
        for path in made.rglob("*"):
            if path.is_file():
                key = f"{self.below}/{path.relative_to(made).as_posix()}"
                self.s3.put_object(
                    Bucket=self.bucket, Key=key, Body=path.read_bytes(),
                    ChecksumAlgorithm="SHA256",
                )  # fmt: skip


def write_new(folder: Path, *passwords: str) -> None:
    """
    Write a repository as ``restic init`` and ``restic key add`` do.

    Guessing a password costs nothing there; what is real is another test's.
    """
    for name in ("index", "keys", "locks", "snapshots"):
        (folder / name).mkdir(parents=True)
    for number in range(256):
        (folder / "data" / f"{number:02x}").mkdir(parents=True)
    key = Key(os.urandom(32), os.urandom(16), os.urandom(16))
    config = {"version": 2, "id": os.urandom(32).hex(), "chunker_polynomial": _CHUNKS}
    (folder / "config").write_bytes(key.sealed(json.dumps(config).encode()))
    told = {
        "mac": {"k": _text(key.mac_k), "r": _text(key.mac_r)},
        "encrypt": _text(key.encrypt),
    }
    for password in passwords:
        salt = os.urandom(64)
        made = hashlib.scrypt(password.encode(), salt=salt, dklen=64, **_CHEAP)
        row = {
            "created": "2026-11-22T09:00:00Z", "username": "x", "hostname": "x",
            "kdf": "scrypt", "N": _CHEAP["n"], "r": _CHEAP["r"], "p": _CHEAP["p"],
            "salt": _text(salt),
            "data": _text(Key.of(made).sealed(json.dumps(told).encode())),
        }  # fmt: skip
        content = json.dumps(row).encode()
        name = hashlib.sha256(content).hexdigest()
        (folder / "keys" / name).write_bytes(content)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def stand_in(folder: Path, deeds: str, version: str = "") -> str:
    """
    Put a program that is called restic into *folder*; return the PATH to it.

    Args:
        deeds: Of a shell's ``case "$1" in``; what is not named the real one does.
        version: What it says it is; empty: what the real one says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "restic"
    says = f'version) echo "restic {version} compiled"; exit 0;;' if version else ""
    path.write_text(
        f'#!/bin/sh\nreal={program()}\ncase "$1" in\n{says}\n{deeds}\nesac\n'
        'exec "$real" "$@"\n'
    )
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def locked(
    place: ResticPlace, host: str, pid: int, age: timedelta, *, alone: bool = True
) -> Path:
    """Lock a repository as a restic on *host* did, so long ago; return the lock."""
    key = Key.master(place.folder, place.account.secrets["password"])
    at = place.now - age
    told = {
        "time": at.isoformat(), "exclusive": alone, "hostname": host,
        "username": "x", "pid": pid,
    }  # fmt: skip
    sealed = key.sealed(json.dumps(told).encode())
    path = place.folder / "locks" / hashlib.sha256(sealed).hexdigest()
    path.write_bytes(sealed)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def ended() -> int:
    """Return the number of a process that has ended."""
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


__all__ = [
    "ESCROW",
    "PASSWORD",
    "ResticBucket",
    "ResticPlace",
    "ended",
    "locked",
    "stand_in",
    "write_new",
]
