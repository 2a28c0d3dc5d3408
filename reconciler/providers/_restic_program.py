"""
Which restic this machine has, and what differs by version.

Sources: restic's changelog and manual ("Scripting": exit codes, JSON), and what 0.14.0
(Debian 12), 0.18.0 (Debian 13) and 0.19.1 did here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from reconciler.errors import Rejected

OLDEST: Final = (0, 14)
HINT: Final = "apt-get install restic, or brew install restic: 0.14 or later"
_VERSION: Final = re.compile(r"restic (\d+)\.(\d+)(?:\.(\d+))?")


class Quirks(NamedTuple):
    """
    What differs by version, as far as it matters here.

    Attributes:
        codes: 10, 11 and 12 say: no repository, locked, wrong password.
        figures: A backup says how small it became, and a listing how large it is;
            before, every file is listed while it goes in, and counted here.
        missing: A path that is missing ends with 3; before, with 0.
        refused: So does a ``forget`` that the server refused.
    """

    since: tuple[int, int]
    codes: bool
    figures: bool
    missing: bool
    refused: bool


QUIRKS: Final = (
    Quirks((0, 19), codes=True, figures=True, missing=True, refused=True),
    Quirks((0, 17), codes=True, figures=True, missing=False, refused=False),
    Quirks(OLDEST, codes=False, figures=False, missing=False, refused=False),
)


class Program(NamedTuple):
    """A restic of this machine."""

    path: str
    version: tuple[int, int, int]

    @property
    def name(self) -> str:
        """What a receipt calls it."""
        return f"restic {'.'.join(map(str, self.version))}"

    @property
    def quirks(self) -> Quirks:
        """What is so with this version."""
        return next(one for one in QUIRKS if self.version[:2] >= one.since)


def program() -> Program:
    """
    Return the restic on this machine's PATH.

    Raises:
        Rejected: There is none, or it is older than all that is known here.
    """
    path = shutil.which("restic")
    if path is None:
        raise Rejected("restic is not installed on this machine", hint=HINT)
    about = Path(path).stat()
    version = _version(path, about.st_mtime_ns, about.st_size)
    if version[:2] < OLDEST:
        text = ".".join(map(str, version))
        raise Rejected(f"restic {text} is too old", hint=HINT)
    return Program(path, version)


@lru_cache(maxsize=8)
def _version(path: str, changed: int, size: int) -> tuple[int, int, int]:
    """Return the version of a program, which is asked once."""
    del changed, size
    try:
        done = subprocess.run(
            [path, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
            env={"LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        raise Rejected("restic does not run on this machine", hint=HINT) from None
    found = _VERSION.match(done.stdout.decode("utf-8", "replace"))
    if found is None:
        raise Rejected("restic does not say which version it is", hint=HINT)
    return (int(found[1]), int(found[2]), int(found[3] or 0))
