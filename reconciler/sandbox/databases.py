"""
A real PostgreSQL and a real MariaDB with something in them, on sockets of their own.

They are made as a drill makes its own, and thrown away like those: whoever has them
installed need not run them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from reconciler.errors import ReconcilerError
from reconciler.providers._drill_cage import PLACES, Cage, Deadline
from reconciler.providers._drill_mariadb import MariaDb
from reconciler.providers._drill_postgres import Postgres

#: What the one database of each server is called.
NAME: Final = "drill"
_MOST: Final = 1 << 30
_PATIENCE: Final = 600.0
#: Whose programs lie where only the package's own scripts look.
_VERSIONS: Final = Path("/usr/lib/postgresql")


def missing() -> list[str]:
    """Return the Debian packages of those programs that are not installed here."""
    found = {
        "postgresql": bool(sorted(_VERSIONS.glob("*/bin/initdb")) or _there("initdb")),
        "postgresql-client": _there("pg_dump"),
        "mariadb-server": _there("mariadbd"),
        "mariadb-client": _there("mariadb") and _there("mariadb-dump"),
    }
    return [package for package, there in found.items() if not there]


def _there(program: str) -> bool:
    return shutil.which(program, path=PLACES) is not None


class Databases:
    """
    Both servers; a context manager.

    Args:
        seeds: ``postgres`` and ``mysql`` -> the statements that fill its database.

    Attributes:
        folder: A private folder with a short path, which is gone afterwards.
        connections: By the same names, how a dump reaches them.
    """

    def __init__(self, seeds: Mapping[str, str]) -> None:
        self._seeds = seeds
        self._running = ExitStack()
        self.connections: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start both; raise ReconcilerError where one does not come up."""
        # The path of a socket must be short, and that of a demo's folder may be long.
        made = tempfile.TemporaryDirectory(prefix="reconciler-db-")
        self.folder = Path(self._running.enter_context(made))
        self.folder.chmod(0o711)  # a server has a user of its own
        try:
            self._started("postgres", Postgres)
            self._started("mysql", MariaDb)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    def _started(self, name: str, server: type[Postgres | MariaDb]) -> None:
        room = self.folder / name
        room.mkdir(mode=0o700)
        made = server(Cage(room, _MOST, Deadline(_PATIENCE), time.sleep))
        self._running.callback(made.close)
        seed = self.folder / f"{name}.sql"
        seed.write_text(self._seeds[name], encoding="utf-8")
        if wrong := made.load(seed):
            raise ReconcilerError(f"{made.engine} takes no example: {wrong}")
        self.connections[name] = made.connection
