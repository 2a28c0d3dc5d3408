"""
Keys in files: one document for each certificate, which only its owner can read.

A document is written beside its place, brought to the disk and then renamed over the
old one: after a crash there is the old one or the new one. Whoever writes holds a lock
of the operating system on the folder and compares what is there, so that a run never
takes back what another one put there. What a killed run left half-written is removed
by the next one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from reconciler.errors import Ambiguous, Rejected
from reconciler.providers._keys_document import Found, moved_on

_ENDING: Final = ".json"
_HALF: Final = ".half-"
_OTHERS: Final = 0o077


class Files:
    """
    A folder of documents.

    Args:
        exposed: What line of a .gitignore would keep git off a folder; None where git
            does not take it. None (for what is encrypted): git may.
        ending: Of each file.
    """

    def __init__(
        self,
        folder: Path,
        exposed: Callable[[Path], str | None] | None,
        ending: str = _ENDING,
    ) -> None:
        self._folder = folder
        self._exposed = exposed
        self._ending = ending
        self._writing = Lock()  # a lock of the system does not part threads
        self._hidden = False

    def __repr__(self) -> str:
        return f"Files({self._folder})"

    def read(self, name: str) -> Found | None:
        """Return the document; raises Rejected where others could read it as well."""
        if not self._folder.exists():
            return None
        self._guarded()
        raw = self._content(name)
        return None if raw is None else Found(raw, sha256(raw).hexdigest())

    def write(self, name: str, raw: bytes, version: str) -> str:
        """Keep *raw* durably; see ``Store.write``."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused("made", error) from None
        self._guarded()
        with self._writing, self._locked():
            old = self._content(name)
            if version != ("" if old is None else sha256(old).hexdigest()):
                raise moved_on(name)
            self._replace(name, raw)
        return sha256(raw).hexdigest()

    def close(self) -> None:
        """Nothing is held open."""

    def _replace(self, name: str, raw: bytes) -> None:
        """Put *raw* in the place of the old one, whole or not at all."""
        half = self._folder / f"{_HALF}{name}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            half.unlink(missing_ok=True)  # of a run that was killed
            with os.fdopen(os.open(half, flags, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                half.unlink()
            raise self._refused("written", error) from None
        try:
            half.replace(self._path(name))
            with self._opened() as folder:
                os.fsync(folder)
        except OSError as error:
            why = f"nobody knows whether {self._folder.name} has it: {_why(error)}"
            raise Ambiguous(why) from None

    def _content(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if self._exposed is not None and mode & _OTHERS:
                    raise Rejected(
                        f"others can read {path.name}, which has a private key",
                        hint=f"chmod 600 {path}, and have the certificate renewed if "
                        "anybody else was there",
                    )
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused("read", error) from None

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{self._ending}"

    def _guarded(self) -> None:
        """Make sure that neither git nor other users have the folder."""
        if self._exposed is None or self._hidden:
            return
        mode = self._folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            raise Rejected(f"{self._folder} is no folder")
        if mode & _OTHERS:
            hint = f"chmod 700 {self._folder}"
            raise Rejected(f"{self._folder} is open to other users", hint=hint)
        if (line := self._exposed(self._folder)) is not None:
            raise Rejected(
                f"git would take the keys in {self._folder}: it never forgets them",
                hint=f"add the line {line} to .gitignore, and take out what is in git",
            )
        self._hidden = True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        found = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield found
        finally:
            os.close(found)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock on the folder; it ends with this process at the latest."""
        import fcntl  # noqa: PLC0415  (not everywhere)

        with self._opened() as folder:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
            except OSError as error:
                raise self._refused("locked", error) from None
            yield

    def _refused(self, what: str, error: OSError) -> Rejected:
        return Rejected(f"{self._folder} cannot be {what}: {_why(error)}")


def _why(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else type(error).__name__
