"""Readings that are not on their branch yet: what a killed run leaves is not lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from reconciler.audit.usage_fold import NOW, opened, places

_HALF: Final = ".half"


class Spool:
    """
    Files of readings on this machine, until a branch has taken them.

    A file is there whole or not at all: it gets its name when its bytes are on the
    disk. Its name is the hash of its bytes, so that what is taken twice is one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, files: Mapping[str, bytes]) -> None:
        """Keep *files*, by their names on the branch."""
        for name, data in files.items():
            there = self._folder / name.replace("/", "_")
            if there.exists():
                continue
            self._folder.mkdir(parents=True, exist_ok=True)
            half = there.with_name(f"{there.name}.{os.getpid()}{_HALF}")
            with half.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(there)

    def waiting(self) -> dict[str, bytes]:
        """
        Return what no branch has taken yet.

        Raises:
            AuditError: A file is not what its name says.
        """
        found = {}
        for path in sorted(self._folder.glob(f"{NOW}_*.txt")):
            name = path.name.replace("_", "/", 2)
            data = path.read_bytes()
            opened(name, places([name])[name], data).table()
            found[name] = data
        return found

    def taken(self, names: Iterable[str]) -> None:
        """Forget what a branch has."""
        for name in names:
            (self._folder / name.replace("/", "_")).unlink(missing_ok=True)
