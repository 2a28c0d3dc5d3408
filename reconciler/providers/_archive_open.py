"""
What comes out of a tar, where nobody knows who wrote it.

Sources: PEP 706 (tarfile's filter ``data``), CVE-2007-4559.
What follows: absolute paths, ways out by ``..``, devices and pipes are
refused and not skipped; nothing is written through a link, because links are made
last, and none that lies behind another; of what is not signed by us, those that lead
out (a panel's homes have some) are not made at all; no name is written twice; what
grows beyond its caps ends there. Modes lose what lets others write and what lets
programs be somebody else.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple

import zstandard

from reconciler.model.paths import above
from reconciler.providers._archive_heads import Heads, passed
from reconciler.providers._archive_seal import Damaged
from reconciler.providers._archive_tree import Entry

_BLOCK: Final = 1 << 16
_ZEROS: Final = bytes(_BLOCK)
_BUFFER: Final = 1 << 18
#: Folders in each other: more are not packed here, and hard to take away again.
_DEEPEST: Final = 500
_BROKEN: Final = (
    tarfile.TarError,
    zstandard.ZstdError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
)


class Hostile(Exception):
    """Something in it would be written where nothing belongs, or has no end."""


class TooMuch(Hostile):
    """More would come out than may: perhaps it is only large."""


class Caps(NamedTuple):
    """The most that may come out."""

    files: int = 5_000_000
    size: int = 1 << 40


#: Of what is signed by us.
WIDE: Final = Caps()


class Member(NamedTuple):
    """One thing in a tar; ``content`` of a file is read once, before the next one."""

    entry: Entry
    content: IO[bytes] | None


@contextmanager
def members(
    stream: IO[bytes], form: Literal["tar", "zst", "gz"], caps: Caps = WIDE
) -> Iterator[Iterator[Member]]:
    """
    Give what is in *stream*, to its end.

    Raises:
        Damaged: It is cut short, or no archive.
        Hostile: A path, a device or the size of something.
    """
    source: IO[bytes] = stream
    if form == "gz":  # and not by tarfile, which does not compare checksums
        source = gzip.GzipFile(fileobj=stream, mode="rb")  # type: ignore[assignment]
    if form == "zst":
        opened = zstandard.ZstdDecompressor().stream_reader(stream, closefd=False)
        source = io.BufferedReader(opened, _BUFFER)
    heads = Heads(source, _BUFFER)
    try:
        with heads.opened() as tar:
            yield _each(heads, tar, caps)
            _to_the_end(source, stream)
    except _BROKEN as error:
        raise Damaged(f"is no whole archive: {type(error).__name__}") from None


def _each(heads: Heads, tar: tarfile.TarFile, caps: Caps) -> Iterator[Member]:
    files = size = 0
    while (info := heads.following(tar)) is not None:
        files, size = files + 1, size + info.size
        if files > caps.files or size > caps.size:
            raise TooMuch(f"more than {caps.files} files or {caps.size} bytes")
        yield Member(_entry(info), tar.extractfile(info) if info.isreg() else None)
        passed(tar)


def _entry(info: tarfile.TarInfo) -> Entry:
    """Return what *info* is about, if it may be."""
    path = _inside(info.name)
    mode, mtime = info.mode & 0o7777, int(info.mtime)
    if info.isreg():
        return Entry(path, "f", info.size, mode, mtime)
    if info.isdir():
        return Entry(path, "d", 0, mode, mtime)
    if info.issym():
        if not info.linkname or "\0" in info.linkname:
            raise Hostile(f"{path[:64]!r} leads nowhere")
        return Entry(path, "l", 0, mode, mtime, target=info.linkname)
    if info.islnk():
        return Entry(path, "h", 0, mode, mtime, target=_inside(info.linkname))
    raise Hostile(f"{path[:64]!r} is a device or a pipe")


def _inside(name: str) -> str:
    """Return the path without what means nothing."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise Hostile(f"{name[:64]!r} leads out")
    if len(parts) > _DEEPEST:
        raise Hostile(f"{name[:64]!r} lies too deep")
    return "/".join(parts)


def _to_the_end(*streams: IO[bytes]) -> None:
    """Read what follows the tar's end: what was cut off there is seen there."""
    for stream in streams:
        while stream.read(_BUFFER):
            pass


class Unpacker:
    """
    Writes members below a folder that nobody else writes to.

    Args:
        into: It is there, and empty.
        ours: It is signed by us: links come back as they were, wherever they lead.

    Attributes:
        size: Bytes that were written.
        files: How many files were.
        left_out: How many links were not made, because they lead elsewhere.
    """

    def __init__(self, into: Path, *, ours: bool = False) -> None:
        self._into = into
        self._ours = ours
        self._links: list[Entry] = []
        self._folders: list[Entry] = []
        self.size = 0
        self.files = 0
        self.left_out = 0

    def add(self, member: Member) -> str:
        """
        Write one member; return the SHA-256 of a file.

        Raises:
            Hostile: There is something of this name.
            OSError: It cannot be written.
        """
        if member.entry.kind == "l":
            self._links.append(member.entry)
            return ""
        with self._named(member.entry):
            return self._add(member)

    @contextmanager
    def _named(self, entry: Entry) -> Iterator[None]:
        """A name that no disk takes says something of who made it, and not of ours."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG and not self._ours:
                raise Hostile(f"{entry.path[:64]!r} is too long a name") from None
            raise

    def _add(self, member: Member) -> str:
        entry, path = member.entry, self._into / member.entry.path
        if entry.kind == "h":
            _folder(path.parent)
            self._again(entry, path)
            return ""
        if entry.kind == "d":
            _folder(path)
            self._folders.append(entry)
            return ""
        _folder(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            handle = os.open(path, flags, 0o600)
        except (FileExistsError, NotADirectoryError):
            if self._ours and path.is_file():
                # As paths were packed that overlapped: whoever compares says whether
                # the first one is what the manifest has.
                return hashed(member)
            raise Hostile(f"{entry.path[:64]!r} is in it twice") from None
        with os.fdopen(handle, "wb", buffering=0) as file:
            digest = _poured(member.content, file, entry.size)
            os.fchmod(file.fileno(), _tame(entry.mode))
            os.utime(file.fileno(), (entry.mtime, entry.mtime))
        self.size += entry.size
        self.files += 1
        return digest

    def _again(self, entry: Entry, path: Path) -> None:
        """Give a file that was written before another name."""
        try:
            os.link(self._into / entry.target, path, follow_symlinks=False)
        except OSError:
            raise Hostile(f"{entry.path[:64]!r} is no second name") from None
        self.files += 1

    def left(self, caps: Caps) -> Caps:
        """Return what may still come out of others, where this was one of them."""
        return Caps(caps.files - self.files, caps.size - self.size)

    def finish(self) -> None:
        """
        Make the links, and give folders their modes.

        Raises:
            Hostile: Something would be written through a link; none was made.
        """
        paths = {one.path for one in self._links}
        for entry in self._links:
            if not paths.isdisjoint(above(entry.path)):
                raise Hostile(f"{entry.path[:64]!r} lies behind a link")
        kept = [one for one in self._links if self._ours or not _absolute(one.target)]
        self.left_out += len(self._links) - len(kept)
        for entry in kept:  # while there is no link yet that it could go through
            with self._named(entry):
                _folder((self._into / entry.path).parent)
        made = [self._linked(one) for one in kept]
        if not self._ours:
            self.left_out += kept_inside(self._into, made)
        for entry in reversed(self._folders):
            path = self._into / entry.path
            path.chmod(_tame(entry.mode) | 0o700)
            os.utime(path, (entry.mtime, entry.mtime))

    def _linked(self, entry: Entry) -> Path:
        path = self._into / entry.path
        try:
            with self._named(entry):
                path.symlink_to(entry.target)
        except FileExistsError:
            raise Hostile(f"{entry.path[:64]!r} is in it twice") from None
        return path


def kept_inside(root: Path, links: Iterable[Path]) -> int:
    """Take away *links* that lead out of *root*; return how many."""
    made, top, gone = [*links], os.path.realpath(root), 0
    # What one link leads to hangs on the others: until none of them leads out.
    while out := [one for one in made if not _within(os.path.realpath(one), top)]:
        for path in out:
            path.unlink()
            made.remove(path)
        gone += len(out)
    return gone


def _folder(path: Path) -> None:
    """Make a folder and those above it; raise Hostile where there is something else."""
    wanted = [path]
    while wanted:
        try:
            wanted[-1].mkdir(mode=0o700)
        except FileNotFoundError:
            wanted.append(wanted[-1].parent)
            continue
        except FileExistsError:
            if not stat.S_ISDIR(wanted[-1].lstat().st_mode):
                raise Hostile(f"{path.name[:64]!r} is in it twice") from None
        except NotADirectoryError:
            raise Hostile(f"{path.name[:64]!r} is in it twice") from None
        wanted.pop()


def _absolute(target: str) -> bool:
    return target.startswith("/")


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)


def _tame(mode: int) -> int:
    """Return *mode* as the filter ``data`` has it: its owner reads and writes."""
    return (mode & 0o755) | 0o600


def _poured(content: IO[bytes] | None, file: IO[bytes], size: int) -> str:
    """Copy *content*; blocks of zeros stay holes."""
    digest = hashlib.sha256()
    while content is not None and (block := content.read(_BLOCK)):
        digest.update(block)
        if block == _ZEROS:
            file.seek(_BLOCK, os.SEEK_CUR)
        else:
            _all(file.write, block)
    file.truncate(size)
    return digest.hexdigest()


def _all(write: Callable[[bytes], int | None], block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[write(view) or 0 :]  # type: ignore[arg-type]


def hashed(member: Member) -> str:
    """Return the SHA-256 of a file without writing it."""
    digest = hashlib.sha256()
    while member.content is not None and (block := member.content.read(_BUFFER)):
        digest.update(block)
    return digest.hexdigest()
