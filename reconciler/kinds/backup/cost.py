"""What the copies of one backup cost in a month, as far as anybody can tell. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from reconciler.kinds.backup.case import Case
from reconciler.model.money import Money

#: What a price of a repository is for.
_TIB: Final = Decimal(1024**4)


def monthly(case: Case, currency: str) -> Money | str:
    """
    Return what all copies cost in one month, in *currency*; or why nobody can tell.

    Each snapshot counts with what it added, as its engine packed it: what is shared
    with other backups in the same place is paid by whichever came first.
    """
    whole = Decimal(0)
    for copy in dict.fromkeys(one.repository for one in case.copies):
        place, state = case.repository(copy), case.state(copy)
        if place is None or place.price is None:
            return f"{copy} has no price"
        month = place.price.over(1)
        if month.currency != currency:
            return f"{copy} is paid in {month.currency}"
        if state is None:
            return f"{copy} could not be read"
        sizes = [
            one.size if one.packed is None else one.packed for one in state.snapshots
        ]
        if None in sizes:
            return f"{copy} does not tell how much it has"
        whole += month.amount * sum(filter(None, sizes)) / _TIB
    return Money(amount=Decimal(1), currency=currency).times(whole)
