"""
What is foreseen of a resource, by our own books.

There is no vendor: ``usage probe`` measures and foresees, and keeps both. A forecast
that is too old proves nothing; where nobody ever probed there is nothing to believe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Final

from reconciler.errors import ReconcilerError
from reconciler.model import (
    Account,
    AnyResource,
    Change,
    Observation,
    Observed,
    Unknown,
    Witness,
)
from reconciler.model.usage import STALE

_AMBIGUOUS: Final = Unknown(why="two kinds have something of this name: rename one")


class UsageOutlook(Witness[AnyResource]):
    """Our own forecasts, as they were kept."""

    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"UsageOutlook({self._account.name})"

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report the last forecast about each; of two of one name nothing."""
        many = Counter(want.name for want in wants)
        return Observation(
            {
                want.name: self._seen(want) if many[want.name] == 1 else _AMBIGUOUS
                for want in wants
            }
        )

    def _seen(self, want: AnyResource) -> Observed:
        book = self._account.usage
        if book is None:
            return Unknown(why="nobody keeps what is used here", later=True)
        try:
            found = book.outlook(want.ref)
        except ReconcilerError as error:
            return Unknown(why=error.what)
        if found is None:
            return Unknown(why="nobody measured and foresaw it yet", later=True)
        if self._account.clock() - found.at > STALE:
            when = f"{found.at:%Y-%m-%d %H:%M}"
            return Unknown(why=f"the last forecast is of {when} UTC: nobody probes")
        return found

    def touched(self, want: AnyResource, change: Change | None) -> None:
        """Nothing is remembered between runs but what is in the books."""


DRIVER = UsageOutlook
