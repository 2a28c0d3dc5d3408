"""A repository of a real restic, and the driver that runs it."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
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
#: Passwords -> a new repository that they open: making one costs seconds.
_MADE: dict[tuple[str, ...], Path] = {}


class ResticPlace(Place):
    """One repository, which the real restic keeps."""

    engine: ClassVar = "restic"
    made: ClassVar[Any] = ResticBackup

    def __init__(self, folder: Path, name: str = "near", **more: Any) -> None:
        program()  # without it, the test is skipped by name
        super().__init__(folder, name, **more)

    def ready(self) -> Self:
        """Make the repository: the first of its passwords, and copies of that one."""
        names = ("password", "escrowKey")
        told = tuple(self.account.secrets.get(one, "") for one in names)
        if told not in _MADE:
            folder = Path(tempfile.mkdtemp(prefix="restic-made-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            mine = {n: v for n, v in zip(names, told, strict=True) if v}
            first = ResticPlace(folder / "r", secrets=mine, escrow=None)
            Place.ready(first)
            cheapen(first.folder, *filter(None, told))
            _MADE[told] = first.folder
        self.keep(_MADE[told])
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


def cheapen(folder: Path, *passwords: str) -> None:
    """Wrap the keys of a repository again, so that opening it costs nothing."""
    for path in (folder / "keys").iterdir():
        kept = json.loads(path.read_text())
        plain = next(one for p in passwords if (one := _opened(kept, p)) is not None)
        password, inner = plain
        salt = base64.b64decode(kept["salt"])
        made = Key.of(hashlib.scrypt(password.encode(), salt=salt, dklen=64, **_CHEAP))
        kept |= {name.upper() if name == "n" else name: v for name, v in _CHEAP.items()}
        kept["data"] = base64.b64encode(made.sealed(inner)).decode()
        content = json.dumps(kept).encode()
        path.chmod(0o600)
        path.unlink()
        path.with_name(hashlib.sha256(content).hexdigest()).write_bytes(content)


def _opened(kept: dict[str, Any], password: str) -> tuple[str, bytes] | None:
    salt, cost = base64.b64decode(kept["salt"]), (kept["N"], kept["r"], kept["p"])
    n, r, p = cost
    made = hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=r, p=p, dklen=64, maxmem=1 << 28
    )
    try:
        return password, Key.of(made).opened(base64.b64decode(kept["data"]))
    except AssertionError:
        return None


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


def locked(place: ResticPlace, host: str, pid: int, age: timedelta) -> Path:
    """Lock a repository as a restic on *host* did, so long ago; return the lock."""
    key = Key.master(place.folder, place.account.secrets["password"])
    at = place.now - age
    told = {
        "time": at.isoformat(), "exclusive": True, "hostname": host,
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
    "cheapen",
    "ended",
    "locked",
    "stand_in",
]
