"""
The private folder that a backup makes dumps and canaries in, gone when it is made.

A dump is all of a database, and the password it is made with lies beside it: what a
run left that was killed is taken away by the next one, whatever engine it is of.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.providers._process import is_gone

#: What follows is the number of the process that made it.
PREFIX: Final = "reconciler-backup-"


@contextmanager
def private() -> Iterator[Path]:
    """Give a fresh folder that nobody else can look into; those of the dead go."""
    swept()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def swept() -> None:
    """Take away what killed runs of ours left."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        with suppress(OSError, ValueError):
            pid = int(path.name.removeprefix(PREFIX).partition("-")[0])
            about = path.lstat()
            ours = about.st_uid == os.geteuid() and stat.S_ISDIR(about.st_mode)
            if ours and is_gone(pid):
                shutil.rmtree(path, ignore_errors=True)
