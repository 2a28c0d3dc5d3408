"""
Writing a few objects as git does, each into a file of its own, without git.

A record of a run is a dozen small objects. ``git fast-import`` makes a pack of them,
has another process take it apart again, and waits for the disk a dozen times, one
after the other. The files here are the same to the byte, and are waited for together.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from reconciler.errors import AuditError

_HASHES: Final = {40: "sha1", 64: "sha256"}
#: What git takes for loose objects: they are small, and packed later all the same.
_LEVEL: Final = 1
#: So many files are waited for at once: a journal of a disk takes them in one go.
_AT_ONCE: Final = 6
_READ: Final = 0o444
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
#: How git names what it has not finished: where we die, it gathers that up.
_TEMPORARY: Final = "tmp_obj_"
_NUMBERS: Final = count()


class Loose:
    """
    Objects to be written, by their ids.

    Args:
        size: How many digits an id has here: 40 (SHA-1) or 64 (SHA-256).
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.made: dict[str, bytes] = {}

    def add(self, kind: str, data: bytes) -> str:
        """Put *data* to the rest, as a *kind* of object; return its id."""
        whole = b"%s %d\0%s" % (kind.encode(), len(data), data)
        name = hashlib.new(_HASHES[self.size], whole, usedforsecurity=False).hexdigest()
        self.made[name] = whole
        return name


def write(folder: Path, objects: Mapping[str, bytes]) -> None:
    """
    Write *objects* below *folder*, the ``objects`` of a repository, through to disk.

    Nothing has its name before everything is on the disk. What is there already is
    written anew: a power failure may have left half of it.

    Raises:
        AuditError: It cannot be written; what was, is found by no one.
    """
    opened: list[tuple[int, str, str]] = []
    above = str(folder)
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
        for name, whole in objects.items():
            beside = f"{above}/{name[:2]}"
            number, temporary = _opened(beside, mode)
            opened.append((number, temporary, f"{beside}/{name[2:]}"))
            os.fchmod(number, mode & _READ)
            _all(number, zlib.compress(whole, _LEVEL))
        _through([number for number, _, _ in opened])
        for _, temporary, final in opened:
            os.replace(temporary, final)  # noqa: PTH105  (hundreds in a run)
    except OSError as error:
        for _, temporary, _ in opened:
            with suppress(OSError):
                Path(temporary).unlink()
        raise AuditError(
            f"the audit objects cannot be written: {error.strerror}"
        ) from None
    finally:
        for number, _, _ in opened:
            os.close(number)


def _opened(folder: str, mode: int) -> tuple[int, str]:
    """Begin a file in *folder*, which is made where it is not there yet."""
    while True:
        name = f"{folder}/{_TEMPORARY}{os.getpid()}_{next(_NUMBERS)}"
        try:
            return os.open(name, _NEW, _READ), name
        except FileNotFoundError:
            Path(folder).mkdir(exist_ok=True)
            Path(folder).chmod(mode)  # as open to others as the one above it
        except FileExistsError:
            continue


def _all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]


def _through(numbers: Sequence[int]) -> None:
    """Wait until all files are on the disk."""
    if len(numbers) == 1:
        os.fsync(numbers[0])
        return
    with ThreadPoolExecutor(min(len(numbers), _AT_ONCE)) as pool:
        list(pool.map(os.fsync, numbers))
