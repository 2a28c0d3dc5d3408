"""
Where an archive's objects are: a folder of this machine.

Sources: POSIX (``link`` fails where the name is taken, and is atomic; nothing is
durable before ``fsync`` of the file and of its folder). What follows: an object is
written under another name, made durable, and then gets its name, or does not where
somebody else was faster. A run that is killed leaves only files in ``tmp``.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol

from reconciler.errors import Rejected, Transient
from reconciler.providers._archive_seal import Damaged

_UNFINISHED: Final = "tmp"
#: What a disk says of a block that it cannot read, and a file system of what is wrong.
_LOST: Final = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})


class Stored(NamedTuple):
    """
    One object, as a listing shows it.

    Attributes:
        at: When it was written, by the clock of whoever keeps it.
        mark: Another one where the content is another; empty where nobody looked.
    """

    name: str
    size: int
    at: datetime
    mark: str = ""


class Gone(Exception):
    """There is no such object."""


class Unreadable(Damaged):
    """It is there, and what keeps it cannot read it any more."""


class Writing(Protocol):
    """An object that is being written; it is there once the block has ended well."""

    def write(self, data: bytes) -> object:
        """Take more of it."""


class Store(Protocol):
    """
    What an archive asks of the place it is in.

    All of it raises Transient where the place does not answer and nothing happened,
    Rejected where it refuses, Ambiguous where nobody knows.
    """

    def there(self) -> bool:
        """Say whether the place itself is there, and can be read."""

    def names(self, prefix: str) -> list[Stored]:
        """Return every object whose name begins so, in order: all of them, or raise."""

    def about(self, name: str) -> Stored:
        """Return what a listing shows of one object. Raises Gone."""

    def read(self, name: str) -> AbstractContextManager[BinaryIO]:
        """
        Open an object.

        Raises:
            Gone: There is none; while reading Unreadable: it is lost where it is.
        """

    def writing(self, name: str) -> AbstractContextManager[Writing]:
        """Write an object whose name nobody else has."""

    def put(self, name: str, content: bytes) -> bool:
        """Write a small object at once; False where there is one of that name."""

    def remove(self, name: str) -> None:
        """Take an object away; it may be gone already."""

    def tidy(self, older_than: datetime) -> None:
        """Remove what killed runs left."""


class Folder:
    """
    A folder of this machine.

    Args:
        root: It is made if its parent is there: what is not mounted is not made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def there(self) -> bool:
        """Say whether the folder is there; raise where its parent is not."""
        with _told(self._root):
            if self._root.is_dir():
                next(self._root.iterdir(), None)
                return True
        if not self._root.parent.is_dir():
            raise Transient(f"{self._root.parent} is not there: is it mounted?")
        return False

    def names(self, prefix: str) -> list[Stored]:
        """Return every file below the folder that *prefix* names."""
        found = []
        with _told(self._root):
            for folder, _, files in os.walk(self._root / prefix, onerror=_loud):
                for file in files:
                    path = Path(folder, file)
                    with suppress(FileNotFoundError):  # removed since it was listed
                        found.append(self._stored(path))
        return sorted(found)

    def about(self, name: str) -> Stored:
        """Return what is so with one file."""
        with _told(self._root):
            try:
                return self._stored(self._root / name)
            except FileNotFoundError:
                raise Gone(name) from None

    def _stored(self, path: Path) -> Stored:
        about = path.stat()
        at = datetime.fromtimestamp(about.st_mtime, UTC)
        return Stored(path.relative_to(self._root).as_posix(), about.st_size, at)

    @contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """Open a file."""
        with _told(self._root):
            try:
                file = _Reading(self._root / name)
            except FileNotFoundError:
                raise Gone(name) from None
        with io.BufferedReader(file) as buffered:
            yield buffered

    @contextmanager
    def writing(self, name: str) -> Iterator[Writing]:
        """Write a file under another name; it gets its own at the end."""
        with self._unfinished() as (path, file):
            yield file
            if not self._named(path, file, name):
                raise Rejected(f"{name} is there already")

    def put(self, name: str, content: bytes) -> bool:
        """Write a small file."""
        with self._unfinished() as (path, file):
            file.write(content)
            return self._named(path, file, name)

    @contextmanager
    def _unfinished(self) -> Iterator[tuple[Path, BinaryIO]]:
        path = self._root / _UNFINISHED / secrets.token_hex(16)
        with _told(self._root):
            self._folder(path.parent)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file, _told(self._root):
                yield path, file
        finally:
            path.unlink(missing_ok=True)

    def _folder(self, folder: Path) -> None:
        """Make a folder below the root, and the root itself; nobody else reads them."""
        if not folder.is_dir():
            if folder != self._root:
                self._folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)

    def _named(self, path: Path, file: BinaryIO, name: str) -> bool:
        file.flush()
        os.fsync(file.fileno())
        target = self._root / name
        self._folder(target.parent)
        try:
            os.link(path, target)
        except FileExistsError:
            return False
        _durable(target.parent)
        return True

    def remove(self, name: str) -> None:
        """Remove a file."""
        with _told(self._root):
            (self._root / name).unlink(missing_ok=True)
            if (self._root / name).parent.is_dir():
                _durable((self._root / name).parent)

    def tidy(self, older_than: datetime) -> None:
        """Remove files that were never finished."""
        for one in self.names(_UNFINISHED):
            if one.at < older_than:
                self.remove(one.name)

    def free(self) -> int:
        """Return how many bytes there is room for."""
        return shutil.disk_usage(self._root).free


class _Reading(io.FileIO):
    """A file whose disk may fail: that is damage, and not being reached is not."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill *buffer*."""
        with self._said():
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Return all that is left."""
        with self._said():
            return super().readall()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{self.name}: {error.strerror}"
            if error.errno in _LOST:
                raise Unreadable(what) from None
            raise Transient(what) from None


#: An upload may take long; what is older than this was left by a run that was killed.
ABANDONED: Final = timedelta(days=1)


def _durable(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _loud(error: OSError) -> None:
    """Refuse half a listing; what is not there has nothing in it."""
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _told(root: Path) -> Iterator[None]:
    """Say in our words what the system refused."""
    try:
        yield
    except OSError as error:
        raise Transient(f"{root}: {error.strerror}") from None
