"""
The headers of a tar that anybody may have made: no longer than they have to be.

Sources: POSIX.1-2001 (pax: ``x``, ``g``), GNU tar's manual (``L``, ``K``, sparse
files), CVE-2024-6232; ``tarfile``, which reads a header to its end whatever length it
claims, takes numbers as they come, and takes what cannot be read, and what is cut off
between two members, for the end of the archive. What follows: what is read between one
member's content and the next one's is capped, whatever sort of header it is; what makes
no sense there is damage; and an archive has an end.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, Self

from reconciler.providers._archive_seal import Damaged

#: Of one member: the longest path has 4 KiB, attributes and lists of holes have more.
MOST: Final = 1 << 20
#: What holds for all that follow: a few words.
_MOST_SHARED: Final = 100
#: Longer than any path: what looks for a number in it takes the square of its length.
_DIGITS: Final = re.compile(rb"[0-9]{4096}")
_SENSELESS: Final = (ValueError, OverflowError, RecursionError, LookupError, TypeError)
#: What two blocks of zeros are; no part of tarfile that is written down.
_END: Final = "EOFHeaderError"
#: The last time that this system's clocks know, in either direction.
_LAST: Final = (1 << 63) - 1


class Heads:
    """
    Reads *source*, a tar, of which a header may be so long and no longer.

    Args:
        ahead: So much is read at once: a header's end is not known before.
    """

    def __init__(self, source: IO[bytes], ahead: int) -> None:
        self._source = source
        self._ahead = ahead
        self._left: int | None = None

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; raises Damaged in a header without an end."""
        data = self._source.read(size)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise Damaged(f"a header is longer than {MOST} bytes")
        return data

    @contextmanager
    def _head(self) -> Iterator[None]:
        """Read one header in here; raises Damaged where it makes no sense."""
        self._left = MOST + self._ahead
        try:
            yield
        except _SENSELESS as error:
            raise Damaged(f"a header makes no sense: {type(error).__name__}") from None
        finally:
            self._left = None

    def opened(self) -> tarfile.TarFile:
        """Return the tar; its first header is read."""
        with self._head():
            stream: Any = self
            return tarfile.open(
                fileobj=stream,
                mode="r|",
                bufsize=self._ahead,
                encoding="utf-8",
                errors="surrogateescape",
                tarinfo=_Info,
            )

    def following(self, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Return the next member; None where the tar has its end."""
        with self._head():
            found = tar.next()
            if found is not None and (found.size < 0 or abs(int(found.mtime)) > _LAST):
                raise ValueError
        # It remembers every member for a listing that nobody asks for.
        tar.members = []  # type: ignore[attr-defined]
        shared = tar.pax_headers
        if len(shared) > _MOST_SHARED or sum(map(len, shared.values())) > MOST:
            raise Damaged("its headers have no end")
        return found


def passed(tar: tarfile.TarFile) -> None:
    """Go on to where the next header is, whatever was read of the last member."""
    stream: Any = tar.fileobj
    if stream.tell() < tar.offset:
        stream.seek(tar.offset - 1)


class _Info(tarfile.TarInfo):
    """A header; one that cannot be read is no end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            if type(error).__name__ == _END:
                raise
            raise Damaged(f"is no whole archive: {error}") from None

    def _proc_pax(self, tar: tarfile.TarFile) -> Self:
        tar.fileobj = _Looked(tar)  # type: ignore[assignment]
        return super()._proc_pax(tar)  # type: ignore[misc,no-any-return]


class _Looked:
    """Reads what a pax header says, and sees that looking for numbers in it ends."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._stream: Any = tar.fileobj

    def read(self, size: int) -> bytes:
        self._tar.fileobj = self._stream
        said: bytes = self._stream.read(size)
        if _DIGITS.search(said):
            raise Damaged("a header makes no sense: a number without an end")
        return said
