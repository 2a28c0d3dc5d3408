"""
What restic could not read of what it was told to back up: it is gone, or it is missed.

Sources: restic's manual ("JSON output", "Exit codes"), and what 0.14.0, 0.18.0 and
0.19.1 wrote: a line for each thing, once when all is counted (``scan``), once when it
is kept (``archival``). 0.14 says of an error its number, and of some nothing.

A site is in use while it is read. What was listed and is not there any more (a session,
a lock, a cache) is left out as if it had gone before; what is there and was not read
makes no backup of any of it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.providers._odd_names import ODD

_NOT_THERE: Final = "no such file or directory"


class Unread:
    """
    What could not be read, as restic tells it.

    Attributes:
        gone: How much of it was not there any more.
        missed: The first one that is there, and why it was not read; empty: none is.
    """

    def __init__(self) -> None:
        self.gone = 0
        self.missed = ""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one line, as it comes: it is looked at once whether that is gone."""
        if row.get("message_type") != "error" or row.get("during") == "scan":
            return
        path, error = row.get("item"), row.get("error")
        told = error if isinstance(error, dict) else {"message": str(error)}
        if isinstance(path, str) and _says_gone(told) and _is_gone(path):
            self.gone += 1
        elif not self.missed:
            self.missed = f"{path}: {_why(told)}"

    @property
    def harmless(self) -> bool:
        """Whether something could not be read, and all of that is gone."""
        return bool(self.gone) and not self.missed


def _says_gone(error: Mapping[str, Any]) -> bool:
    """Say whether that is the error, or might be: of some 0.14 says nothing."""
    if not error:
        return True
    return error.get("Err") == errno.ENOENT or _why(error).endswith(_NOT_THERE)


def _is_gone(path: str) -> bool:
    """Say whether there is nothing; not so where that cannot be seen."""
    if ODD in path or not path.startswith("/"):
        return False
    try:
        Path(path).lstat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _why(error: Mapping[str, Any]) -> str:
    number = error.get("Err")
    if isinstance(number, int) and number in errno.errorcode:
        return os.strerror(number)
    return str(error.get("message") or "it cannot be read")
