"""What a listing cannot answer: asked once a day at most, and kept between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from reconciler.model import Account, sha256

DAY: Final = timedelta(hours=24)


class Details:
    """
    Answers about single things of one account; never anything secret.

    An answer is forgotten after half to all of its *longest* life (12 to 24 hours;
    by a hash of the name, so that not all are asked again in one run), when the
    listing shows another fingerprint, and when something was done to the thing.
    """

    def __init__(self, account: Account, endpoint: str) -> None:
        self._cache = account.cache
        self._clock = account.clock
        self._where = f"{endpoint}|{account.name}"

    def ask(
        self,
        what: str,
        name: str,
        fingerprint: JsonValue,
        read: Callable[[], JsonValue],
        longest: timedelta = DAY,
    ) -> JsonValue:
        """Return the kept answer to *what* about *name*, or *read* it now."""
        kept = self.kept(what, name, fingerprint)
        if kept is not None:
            return kept
        said = read()
        self.keep(what, name, fingerprint, said, longest)
        return said

    def keep(
        self,
        what: str,
        name: str,
        fingerprint: JsonValue,
        said: JsonValue,
        longest: timedelta = DAY,
    ) -> None:
        """Keep *said* as the answer to *what* about *name*, as ``ask`` does."""
        until = self._clock() + life(name, longest)
        entry: JsonValue = {
            "mark": sha256(fingerprint),
            "until": until.isoformat(),
            "said": said,
        }
        self._cache.put(self._key(what, name), entry, until)

    def kept(self, what: str, name: str, fingerprint: JsonValue) -> JsonValue:
        """Return the kept answer, or None."""
        match self._cache.get(self._key(what, name)):
            case {"mark": str() as mark, "until": str() as until, "said": said} if (
                mark == sha256(fingerprint)
                and self._clock() < datetime.fromisoformat(until)
            ):
                return said
        return None

    def forget(self, what: str, name: str) -> None:
        """Ask anew next time: something was, or may have been, done to *name*."""
        self._cache.put(self._key(what, name), None, self._clock() - DAY)

    def _key(self, what: str, name: str) -> str:
        return f"{self._where}|{what}|{name}"


def life(name: str, longest: timedelta) -> timedelta:
    """Return how long an answer about *name* is good: half to all of *longest*."""
    spread = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
    return longest * (1 + spread) / 2
