"""The observation cache: answers worth keeping between runs, safe to lose."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue


class FileCache:
    """
    A SQLite file of dated answers; a damaged file is started anew.

    Implements ``reconciler.model.Cache``. Threads may share it; what is put is
    written when it is closed, so that processes never wait for each other long.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._new: dict[str, tuple[str, str]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._db = _opened(path)

    def get(self, key: str) -> JsonValue:
        """Return what was kept under *key* and has not gone stale."""
        with self._lock:
            row = self._new.get(key) or self._read(key)
        if row is None or datetime.fromisoformat(row[1]) <= self._clock():
            return None
        kept: JsonValue = json.loads(row[0])
        return kept

    def _read(self, key: str) -> tuple[str, str] | None:
        found: tuple[str, str] | None = self._db.execute(
            "SELECT value, until FROM answer WHERE key = ?", (key,)
        ).fetchone()
        return found

    def put(self, key: str, value: JsonValue, until: datetime) -> None:
        """Keep *value* until then; a time in the past forgets, and at once."""
        text = json.dumps(value, separators=(",", ":"))
        row = (text, until.astimezone(UTC).isoformat())
        gone = until <= self._clock()
        with self._lock:
            self._new[key] = row
            if gone:  # what is forgotten before an action must not survive a crash
                with contextlib.suppress(sqlite3.OperationalError), self._db:
                    self._db.execute("DELETE FROM answer WHERE key = ?", (key,))

    def close(self) -> None:
        """Write everything and drop what is stale; another writer may win."""
        now = self._clock().astimezone(UTC).isoformat()
        with self._lock, contextlib.suppress(sqlite3.OperationalError):
            with self._db:
                self._db.execute("DELETE FROM answer WHERE until <= ?", (now,))
                self._db.executemany(
                    "REPLACE INTO answer VALUES (?, ?, ?)",
                    ((key, *row) for key, row in self._new.items()),
                )
            self._new.clear()


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, timeout=5)
    with db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS answer"
            " (key TEXT PRIMARY KEY, value TEXT NOT NULL, until TEXT NOT NULL)"
            " WITHOUT ROWID"
        )
    return db
