"""
The folder in which a drill restores: fresh, private, and gone when the drill is over.

Nothing in production is near it, and nothing but folders with our own marker, whose
drill is dead, is ever cleaned up. A drill holds a lock (flock) on its marker as long as
it lives: the kernel lets go of it when the drill is killed, and no process number that
is used again is taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from reconciler.errors import Transient

MARKER: Final = ".reconciler-drill"
PREFIX: Final = "drill-"
#: What has to be free besides three times what is restored: logs and system tables.
SPARE: Final = 1024**3
_TIMES: Final = 3
#: Others may pass through (a database server has a user of its own), and see nothing.
_THROUGH: Final = 0o711
_PRIVATE: Final = 0o700
_OTHERS: Final = 0o022

Free = Callable[[Path], int]


class Unfit(Transient):
    """The drill cannot be held here: that says nothing about any backup."""


def free(folder: Path) -> int:
    """Return how many bytes the volume of *folder* has left."""
    return shutil.disk_usage(folder).free


def within(base: Path, production: Iterable[Path]) -> Path | None:
    """Return what of production *base* is, has in it, or is in; None: nothing."""
    real = Path(os.path.realpath(base))
    for one in production:
        theirs = Path(os.path.realpath(one))
        if real == theirs or real in theirs.parents or theirs in real.parents:
            return one
    return None


def apart(base: Path, production: Iterable[Path]) -> None:
    """Raise Unfit where *base* is, has in it, or is in something of production."""
    one = within(base, production)
    if one is not None:
        raise Unfit(
            f"the scratch folder {base} and {one}, which is backed up, are one",
            hint="drills.scratch: a folder of its own, outside of all sources",
        )


def roomy(base: Path, size: int, most: int, left: Free = free) -> None:
    """Raise Unfit where *size* bytes are more than allowed, or than there is room."""
    if size > most:
        raise Unfit(
            f"{size} bytes would be restored, and drills.most is {most}",
            hint="raise drills.most, or drill a sample",
        )
    needed = _TIMES * size + SPARE
    if (here := left(base)) < needed:
        raise Unfit(f"{base} has {here} bytes left, and the drill needs {needed}")


def cleaned(base: Path) -> int:
    """Take away what drills left that were killed; return how many folders."""
    gone = 0
    for folder in sorted(base.glob(f"{PREFIX}*")):
        if folder.is_symlink() or not folder.is_dir():
            continue
        try:
            marker = os.open(folder / MARKER, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue  # not ours
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # it lives
        else:
            gone += destroyed(folder)
        finally:
            os.close(marker)
    return gone


def destroyed(folder: Path) -> bool:
    """Take *folder* away; return whether it is gone. The marker goes last."""
    for inner, _, _ in os.walk(folder):
        with suppress(OSError):
            Path(inner).chmod(_PRIVATE)
    for child in folder.iterdir():
        if child.name == MARKER:
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)
    if [one.name for one in folder.iterdir()] == [MARKER]:
        shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


class Scratch:
    """
    One drill's folder.

    Attributes:
        files: Where engines restore: nobody else can look into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"

    def room(self, name: str) -> Path:
        """Return a fresh private folder beside the files, for a server."""
        made = self.folder / name
        made.mkdir(mode=_PRIVATE)
        return made


class Kept(Protocol):
    """Who is told whether the folder is gone."""

    destroyed: bool | None


@contextmanager
def scratch(base: Path, kept: Kept) -> Iterator[Scratch]:
    """Make a fresh folder in *base*, held by a lock, and take it away again."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    marker = os.open(folder / MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    made = Scratch(folder)
    try:
        fcntl.flock(marker, fcntl.LOCK_EX)
        os.write(marker, json.dumps({"pid": os.getpid()}).encode())
        folder.chmod(_THROUGH)
        made.files.mkdir(mode=_PRIVATE)
        yield made
    finally:
        kept.destroyed = destroyed(folder)
        os.close(marker)


def prepared(base: Path) -> Path:
    """Return *base*, made where it is not there; raises Unfit where it cannot be."""
    try:
        base.mkdir(mode=_THROUGH, parents=True, exist_ok=True)
    except OSError as error:
        raise Unfit(f"{base}: {error.strerror}") from None
    told = base.lstat()
    if not stat.S_ISDIR(told.st_mode) or not os.access(base, os.W_OK | os.X_OK):
        raise Unfit(f"{base} is no folder that can be written to")
    if told.st_uid not in {0, os.geteuid()} or told.st_mode & _OTHERS:
        raise Unfit(
            f"{base} belongs to somebody else, or others can write to it",
            hint="drills.scratch: a folder that only this program's user writes to",
        )
    return base
