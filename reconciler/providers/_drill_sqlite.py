"""
A SQLite database that came back: whole, and with what the policy expects of it.

The file may be hostile: it is opened for reading, its schema is not trusted, nothing is
attached and nothing loaded (SQLite, "Defense Against The Dark Arts").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from reconciler.providers._drill_cage import Deadline, Late

#: So many steps of its machine lie between two looks at the time.
_STEPS: Final = 10_000
_DENIED: Final = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


class Sqlite:
    """One database file, opened for reading."""

    def __init__(self, file: Path, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline

    @property
    def engine(self) -> str:
        """Its name and version."""
        return f"SQLite {sqlite3.sqlite_version}"

    def whole(self) -> str:
        """Return what is wrong with the file or its references; empty: nothing."""
        said, wrong = self.ask("PRAGMA integrity_check(1)")
        if wrong or said != "ok":
            return wrong or "the integrity check fails"
        said, wrong = self.ask("SELECT count(*) FROM pragma_foreign_key_check")
        if wrong or said != "0":
            return wrong or f"{said} rows point to nothing"
        said, wrong = self.ask("SELECT count(*) FROM sqlite_schema WHERE type='table'")
        return wrong or ("it has no table" if said == "0" else "")

    def ask(self, query: str) -> tuple[str, str]:
        """Return the one value of *query*, or what was wrong."""
        try:
            with self._opened() as database:
                row = database.execute(query).fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise Late("the database was not read within drills.timeout") from None
            return "", f"SQLite: {error.sqlite_errorname}"
        except (sqlite3.Error, UnicodeDecodeError):
            return "", "SQLite cannot read it"
        return ("" if row is None or row[0] is None else str(row[0])), ""

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(self._file))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            database.set_authorizer(_allowed)
            database.set_progress_handler(self._over, _STEPS)
            yield database

    def _over(self) -> int:
        try:
            return int(self._deadline.left <= 0)
        except Late:
            return 1


def _allowed(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action in _DENIED else sqlite3.SQLITE_OK
