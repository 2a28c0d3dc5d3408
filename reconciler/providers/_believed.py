"""
What opening a repository told, for as long as its listing shows that it is as it was.

Kept in the cache, which may be lost: it has what plans show, and neither a secret nor
what any could be guessed from. So nothing in it tells whether the password is still the
right one: that shows when the repository is opened, by each action, and at last when
this is not believed any more. That is half a day to a day, and differs by repository,
so that a thousand are not opened in the same run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.model import Account
from reconciler.providers._archive_store import Stored

#: Another one where what is kept has another form.
_FORMAT: Final = 1
_MOST: Final = timedelta(hours=24)
_LEAST: Final = timedelta(hours=12)


class Believed:
    """What is believed of the repository of *account*; *engine* says what it is of."""

    def __init__(self, account: Account, engine: str) -> None:
        self._account = account
        told = [account.settings.get("url"), account.settings.get("path")]
        digest = hashlib.sha256(json.dumps(told).encode())
        self._key = f"{engine}/{_FORMAT}|{digest.hexdigest()}"
        part = int.from_bytes(digest.digest()[:2], "big") / 0xFFFF
        self._span = _LEAST + (_MOST - _LEAST) * part

    def get(self, what: str) -> Any:
        """Return what was kept as *what*, and is still believed; else None."""
        known = self._account.cache.get(f"{self._key}|{what}")
        if not isinstance(known, dict):
            return None
        now, since = self._account.clock(), datetime.fromisoformat(str(known["at"]))
        return known["is"] if now - self._span <= since <= now else None

    def keep(self, what: str, value: Any) -> None:
        """Keep what was found just now."""
        now = self._account.clock()
        row = {"at": now.isoformat(), "is": value}
        self._account.cache.put(f"{self._key}|{what}", row, now + self._span)


def print_of(one: Stored) -> str:
    """Return what tells an object from what else was there under its name."""
    return f"{one.size} {one.at.isoformat()} {one.mark}"


def digest_of(kept: Iterable[Stored]) -> str:
    """Return what tells these objects from all others."""
    told = [[one.name, print_of(one)] for one in kept]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
