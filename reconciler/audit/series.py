"""Numbers of our own, of which none is missing and none is there twice."""

from __future__ import annotations

import re
from typing import Final

from reconciler.audit.entries import Intent
from reconciler.model import Frozen

#: The series of our invoices; what every number of it begins with.
INVOICES: Final = "INV"
_DIGITS: Final = 6
_NAME: Final = re.compile(r"[A-Z]{1,12}")


class Series(Frozen):
    """
    One series: 1, 2, 3 ... for ever, whatever year it is.

    A number belongs to an intent from its commit on. Where the intent ends without
    effect its number comes back, and is given again before a new one is; where it is
    never known how it ended, it keeps its number.

    Attributes:
        last: The highest number that was ever given.
        begun: The numbers of open intents.
        back: The numbers that came back, by the intent that had them last: it gets the
            same again if it is first.
    """

    last: int = 0
    begun: dict[str, int] = {}
    back: dict[str, int] = {}

    def next(self, intent: str) -> int:
        """Return the only number that *intent* can have now."""
        for known in (self.begun, self.back):
            if intent in known:
                return known[intent]
        return min(self.back.values(), default=self.last + 1)

    def given(self, intent: str) -> Series:
        """Return the series after *intent* got its number."""
        number = self.next(intent)
        return Series(
            last=max(self.last, number),
            begun={**self.begun, intent: number},
            back={i: n for i, n in self.back.items() if n != number},
        )

    def ended(self, intent: str, *, applied: bool) -> Series:
        """Return the series after *intent* ended: its number is used, or back."""
        number = self.begun.get(intent)
        if number is None:
            return self
        rest = {i: n for i, n in self.begun.items() if i != intent}
        back = self.back if applied else {**self.back, intent: number}
        return Series(last=self.last, begun=rest, back=back)


def number_text(series: str, number: int) -> str:
    """Return *number* as documents show it, as in ``INV-000123``."""
    return f"{series}-{number:0{_DIGITS}d}"


def series_of(intent: Intent) -> str | None:
    """Return the series that *intent* has a number of."""
    details = intent.change.get("details")
    name = details.get("series") if isinstance(details, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def misnumbered(series: Series, name: str, intent: Intent) -> str | None:
    """Say why the number of *intent* is not the one that it must have. Pure."""
    details = intent.change["details"]
    assert isinstance(details, dict)  # noqa: S101  (series_of found it there)
    must = number_text(name, series.next(intent.id))
    if details.get("number") != must:
        return f"{intent.id} has the number {details.get('number')}, must be {must}"
    return None
