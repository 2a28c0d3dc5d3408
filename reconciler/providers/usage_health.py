"""
What health checks have found, by our own books.

There is no vendor, and nobody looks here: ``health check`` looks, and keeps what it
saw. A plan reads that, so that it says what is down while it is being read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from reconciler.errors import ReconcilerError
from reconciler.kinds.health_check import HealthCheck
from reconciler.model import Account, Change, Observation, Observed, Unknown, Witness


class UsageHealth(Witness[HealthCheck]):
    """The last word about each check, as it is kept."""

    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"UsageHealth({self._account.name})"

    def observe(self, wants: Sequence[HealthCheck]) -> Observation:
        """Report what is kept about each."""
        return Observation({want.name: self._seen(want) for want in wants})

    def _seen(self, want: HealthCheck) -> Observed:
        book = self._account.usage
        if book is None:
            return Unknown(why="nobody keeps what is checked here", later=True)
        try:
            found = book.health(want.ref)
        except ReconcilerError as error:
            return Unknown(why=error.what)
        if found is None:
            why = "nobody looked yet: `reconciler health check`"
            return Unknown(why=why, later=True)
        return found

    def touched(self, want: HealthCheck, change: Change | None) -> None:
        """Do nothing: what is kept is another's to change."""


DRIVER = UsageHealth
