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

    Implements ``reconciler.model.Cache``. Threads may share it. What is good is
    read once, at the first question, because a plan asks for thousands; what is put
    is written when it is closed, so that processes never wait for each other long.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._good: dict[str, str] | None = None
        self._new: dict[str, tuple[str, str]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._db = _opened(path)

    def get(self, key: str) -> JsonValue:
        """Return what was kept under *key*, if it was good when this was opened."""
        with self._lock:
            if self._good is None:
                self._good = self._read()
            text = self._good.get(key)
        if text is None:
            return None
        kept: JsonValue = json.loads(text)
        return kept

    def _read(self) -> dict[str, str]:
        try:
            rows = self._db.execute(
                "SELECT key, value FROM answer WHERE until > ?", (self._now(),)
            ).fetchall()
        except sqlite3.DatabaseError:
            rows = []
        put = {key: text for key, (text, _) in self._new.items()}
        return {**dict(rows), **put}

    def put(self, key: str, value: JsonValue, until: datetime) -> None:
        """Keep *value* until then; a time in the past forgets, and at once."""
        text = json.dumps(value, separators=(",", ":"))
        gone = until <= self._clock()
        with self._lock:
            if gone:
                self._forget(key)
                return
            self._new[key] = (text, until.astimezone(UTC).isoformat())
            if self._good is not None:
                self._good[key] = text

    def _forget(self, key: str) -> None:
        """What is forgotten before an action must not survive a crash."""
        self._new.pop(key, None)
        if self._good is None:
            self._good = self._read()
        self._good.pop(key, None)
        with contextlib.suppress(sqlite3.OperationalError), self._db:
            self._db.execute("DELETE FROM answer WHERE key = ?", (key,))

    def close(self) -> None:
        """Write everything and drop what is stale; another writer may win."""
        now = self._now()
        with self._lock, contextlib.suppress(sqlite3.OperationalError):
            with self._db:
                self._db.execute("DELETE FROM answer WHERE until <= ?", (now,))
                self._db.executemany(
                    "REPLACE INTO answer VALUES (?, ?, ?)",
                    ((key, *row) for key, row in self._new.items()),
                )
            self._new.clear()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat()


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False, timeout=5)
    with db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS answer"
            " (key TEXT PRIMARY KEY, value TEXT NOT NULL, until TEXT NOT NULL)"
            " WITHOUT ROWID"
        )
    return db
