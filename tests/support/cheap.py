"""
A folder in which nothing costs much: guessing passwords, and what disks are slow at.

It is in memory where there is some: on a disk, most of the time goes into the 256
folders that restic makes in each repository, and into taking them away again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from reconciler.providers import _archive_seal

_MEMORY = Path("/dev/shm")  # noqa: S108  (its folders are private)
_OURS = "sabotage-"
#: Drills want a GiB for themselves.
_ENOUGH = 4 * 1024**3


@contextmanager
def cheap() -> Iterator[Path]:
    """Give such a folder; what is made as temporary is in there too."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH
    base = _MEMORY if roomy else None
    with (
        patch.dict(_archive_seal._COST, n=16),
        tempfile.TemporaryDirectory(prefix=f"{_OURS}{os.getpid()}-", dir=base) as made,
        patch.object(tempfile, "tempdir", made),
        patch.dict(os.environ, TMPDIR=made),
    ):
        Path(made).chmod(0o711)  # a database's server has a user of its own
        yield Path(made)


def swept() -> None:
    """Take away what runs that were killed have left in memory."""
    for folder in _MEMORY.glob(f"{_OURS}*"):
        number = folder.name.removeprefix(_OURS).split("-")[0]
        if not Path("/proc", number).exists():
            shutil.rmtree(folder, ignore_errors=True)
