"""
What was read of a zone, kept while its serial stands still.

A zone is read again when its serial moves, and after 12 to 24 hours whatever it says:
an edit in the server's own database is invisible in the serial.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic import JsonValue

from reconciler.errors import Transient
from reconciler.model import Account

_FORM = 1
_HALF_DAY = 12 * 3600
_WRAP = 1 << 32


class Reading(NamedTuple):
    """
    A zone, in our words.

    Attributes:
        records: ``name/TYPE`` -> (ttl, canonical values ...).
        foreign: What must be left alone, and why.
    """

    records: Mapping[str, tuple[str, ...]]
    foreign: Mapping[str, str]
    nameservers: frozenset[str]


class Kept:
    """The readings of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def _key(self, zone: str) -> str:
        return f"{self._account.name}/dns/{zone}"

    def get(self, zone: str, serial: int | None) -> Reading | None:
        """
        Return what was read at *serial*, if that is the last that was seen.

        Raises:
            Transient: The serial is lower than the last: the answer is stale.
        """
        if serial is None:
            return None
        found = self._account.cache.get(self._key(zone))
        if not isinstance(found, dict) or found.get("form") != _FORM:
            return None
        if self._account.clock() >= datetime.fromisoformat(str(found["until"])):
            return None
        last = found["serial"]
        assert isinstance(last, int)  # noqa: S101  (written below alone)
        if last == serial:
            return _reading(found)
        if before(serial, last):
            raise Transient(
                f"{zone} has serial {serial}, it was at {last} before: a stale answer"
            )
        return None

    def put(self, zone: str, serial: int, reading: Reading) -> None:
        """Keep what was read at *serial*."""
        until = self._account.clock() + spread(zone)
        value: dict[str, JsonValue] = {
            "form": _FORM,
            "until": until.isoformat(),
            "serial": serial,
            "records": {key: list(row) for key, row in reading.records.items()},
            "foreign": dict(reading.foreign),
            "nameservers": [*sorted(reading.nameservers)],
        }
        self._account.cache.put(self._key(zone), value, until)


def _reading(found: Mapping[str, Any]) -> Reading:
    return Reading(
        {key: tuple(row) for key, row in found["records"].items()},
        found["foreign"],
        frozenset(found["nameservers"]),
    )


def before(serial: int, last: int) -> bool:
    """Say whether *serial* comes before *last*, in serial arithmetic (RFC 1982)."""
    return 0 < (last - serial) % _WRAP < _WRAP // 2


def spread(name: str) -> timedelta:
    """Return 12 to 24 hours, always the same for one name."""
    seed = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
    return timedelta(seconds=_HALF_DAY + seed % _HALF_DAY)
