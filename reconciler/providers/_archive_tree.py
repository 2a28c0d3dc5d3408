"""
A tree of files on its way into an archive: what is in it, and what is left out.

Sources: POSIX (``openat`` with ``O_NOFOLLOW``), tar as POSIX.1-2001 has it (pax),
restic's manual ("Excluding files": a pattern matches anywhere in a path, ``**`` any
number of folders). What follows:

* The tree belongs to somebody else, who may change it while it is read: folders are
  opened one below the other, so that nobody swaps one for a link to ``/etc``.
* A file is stored with the size that it had when it was opened. One that grows is cut
  there, as a log is; one that shrinks makes the backup fail: nothing is padded.
* What is gone since it was listed is left out, as if it had gone before. What cannot
  be read is a failure. Sockets, pipes and devices have no content and are left out,
  but where one of them, or a link, is all that was named: then that is a failure.
* A canary that lies among what is backed up came with a restore: it is left out, for
  ours has its name.
* Names go in in one order, each after the one before: what changes its kind while it is
  read would be in there twice, or in another order than its manifest's digest has.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, Self

from reconciler.errors import Rejected, Transient
from reconciler.model.paths import ROOT, apart
from reconciler.providers._drill_port import CANARY

_BUFFER: Final = 1 << 18
_LOOK: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Nonblocking: what became a pipe since it was listed must not stop us.
_OPEN: Final = _LOOK | os.O_NONBLOCK


class Entry(NamedTuple):
    """
    What an archive has of one path.

    Attributes:
        path: Relative, with slashes; names that are no UTF-8 have surrogates.
        kind: File, directory, symbolic link, or (never in our own) hard link.
        mtime: Seconds.
        sha256: Of a file.
        target: Of a link.
    """

    path: str
    kind: Literal["f", "d", "l", "h"]
    size: int = 0
    mode: int = 0o644
    mtime: int = 0
    sha256: str = ""
    target: str = ""


class Out(io.RawIOBase):
    """A file that only takes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Hand on *data*."""
        self._write(data)
        return len(data)


class Packer:
    """
    Writes a tar, and tells of each thing that went in.

    Args:
        out: Takes the bytes.
        told: Is called with each entry.
    """

    def __init__(self, out: IO[bytes], told: Callable[[Entry], object]) -> None:
        self._tar = tarfile.open(  # noqa: SIM115  (leaving closes it)
            fileobj=out,
            mode="w|",
            bufsize=_BUFFER,
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
        )
        self._told = told
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the end of the archive; of one that failed there is none."""
        if kind is not None:
            stream: Any = self._tar.fileobj
            stream.closed = True  # or it would write an end
            return
        self._tar.close()

    def content(self, name: str, content: bytes, mtime: int) -> None:
        """Add a file that is on no disk; it is in no manifest."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), mtime, 0o600
        self._tar.addfile(info, BytesIO(content))

    def tree(self, root: Path, paths: Sequence[str], exclude: Sequence[str]) -> None:
        """
        Add *paths* below *root*, in the order of their names.

        Raises:
            Rejected: One of them is not there, or a link; or something cannot be read.
            Transient: A file shrank, or became something else, while it was read.
        """
        out = excluded(exclude)
        try:
            base = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Rejected(f"{root}: {error.strerror}") from None
        try:
            for path in sorted(apart(paths), key=lambda one: _placed(root, one)):
                self._path(base, path, out)
        except RecursionError:
            raise Rejected(f"{root}: folders lie too deep in each other") from None
        finally:
            os.close(base)

    def _path(self, base: int, path: str, out: Callable[[str], bool]) -> None:
        """Add one path; its folders are opened one by one."""
        if path == ROOT:
            self._folder(base, ROOT, "", os.fstat(base), out)
            return
        if path == CANARY:
            return
        *above, name = path.split("/")
        opened = [base]
        try:
            for part in above:
                opened.append(os.open(part, _LOOK | os.O_DIRECTORY, dir_fd=opened[-1]))
            about = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
            _something(path, about)
            self._any(opened[-1], name, path, about, out)
        except OSError as error:
            raise Rejected(f"{path}: {error.strerror}") from None
        finally:
            for handle in opened[1:]:
                os.close(handle)

    def _any(
        self,
        at: int,
        name: str,
        path: str,
        about: os.stat_result,
        out: Callable[[str], bool],
    ) -> None:
        if stat.S_ISDIR(about.st_mode):
            self._folder(at, name, path, about, out)
        elif stat.S_ISREG(about.st_mode):
            self._file(at, name, path)
        elif stat.S_ISLNK(about.st_mode):
            self._link(path, about, os.readlink(name, dir_fd=at))

    def _folder(
        self,
        at: int,
        name: str,
        path: str,
        about: os.stat_result,
        out: Callable[[str], bool],
    ) -> None:
        """Add a folder and what is in it; the root itself has no path and no entry."""
        handle = os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=at)
        try:
            if path:
                self._add(_info(path, about, tarfile.DIRTYPE))
                self._told(_entry(path, "d", about))
            for below in _listed(handle):
                inner = f"{path}/{below}" if path else below
                if out(inner) or inner == CANARY:
                    continue
                try:
                    found = os.stat(below, dir_fd=handle, follow_symlinks=False)
                    self._any(handle, below, inner, found, out)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise Rejected(f"{inner}: {error.strerror}") from None
        finally:
            os.close(handle)

    def _file(self, at: int, name: str, path: str) -> None:
        with os.fdopen(os.open(name, _OPEN, dir_fd=at), "rb", buffering=0) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                return
            reader = Hashing(file, about.st_size, path)
            self._add(_info(path, about, tarfile.REGTYPE), reader)
        entry = _entry(path, "f", about)
        self._told(entry._replace(size=about.st_size, sha256=reader.sha256))

    def _link(self, path: str, about: os.stat_result, target: str) -> None:
        info = _info(path, about, tarfile.SYMTYPE)
        info.linkname = target
        self._add(info)
        self._told(_entry(path, "l", about)._replace(target=target))

    def _add(self, info: tarfile.TarInfo, content: Hashing | None = None) -> None:
        place = f"{info.name}/" if info.isdir() else info.name
        if place <= self._last:
            raise Transient(f"{info.name} became something else while it was read")
        self._last = place
        self._tar.addfile(info, content)
        # It remembers every member for a listing that nobody asks for.
        self._tar.members = []  # type: ignore[attr-defined]


class Hashing:
    """
    Reads *size* bytes of *file*, and hashes them.

    Raises:
        Transient: There are fewer by now.
    """

    def __init__(self, file: IO[bytes], size: int, path: str) -> None:
        self._file = file
        self._left = size
        self._path = path
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return up to *size* bytes."""
        many = self._left if size < 0 else min(size, self._left)
        parts = []
        while many > 0:
            part = self._file.read(many)
            if not part:
                raise Transient(f"{self._path} shrank while it was read")
            self._hash.update(part)
            parts.append(part)
            many -= len(part)
            self._left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def sha256(self) -> str:
        """Of what was read."""
        return self._hash.hexdigest()


def _info(path: str, about: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.type = kind
    info.mode = stat.S_IMODE(about.st_mode)
    info.mtime = int(about.st_mtime)
    info.uid, info.gid = about.st_uid, about.st_gid
    info.size = about.st_size if kind == tarfile.REGTYPE else 0
    return info


def _entry(path: str, kind: Literal["f", "d", "l"], about: os.stat_result) -> Entry:
    mode, mtime = stat.S_IMODE(about.st_mode), int(about.st_mtime)
    return Entry(path, kind, mode=mode, mtime=mtime)


def _listed(handle: int) -> list[str]:
    """Return the names in a folder, so that all paths come in order."""
    with os.scandir(handle) as found:
        names = [(f"{one.name}/" if _is_folder(one) else one.name) for one in found]
    return [name.removesuffix("/") for name in sorted(names)]


def _is_folder(one: os.DirEntry[str]) -> bool:
    return one.is_dir(follow_symlinks=False)


def _something(path: str, about: os.stat_result) -> None:
    """Refuse what was named and has no content: nothing would be backed up of it."""
    if stat.S_ISLNK(about.st_mode):
        raise Rejected(f"{path}: a link leads to it")
    if not stat.S_ISDIR(about.st_mode) and not stat.S_ISREG(about.st_mode):
        raise Rejected(f"{path}: is neither a file nor a folder")


def _placed(root: Path, path: str) -> str:
    """Return where *path* comes among its like: what is in it comes after its name."""
    return f"{path}/" if (root / path).is_dir() else path


def excluded(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return what says whether a path is left out, and with it what is below it."""
    if not patterns:
        return lambda _: False
    found = re.compile("|".join(f"(?:{_expression(one)})" for one in patterns))
    return lambda path: found.fullmatch(path) is not None


def _expression(pattern: str) -> str:
    """Return *pattern* as an expression; one that begins with ``/`` is of the root."""
    start = "" if pattern.startswith("/") else "(?:.*/)?"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return start + "".join(words.get(part) or re.escape(part) for part in parts)
