"""Days and amounts as people write them, by language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from reconciler.kinds.subscription import DAYS

#: The placeholders that are amounts.
AMOUNTS: Final = frozenset({"amount", "total"})
_MONTHS: Final = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "nl": (
        *("januari", "februari", "maart", "april", "mei", "juni", "juli"),
        *("augustus", "september", "oktober", "november", "december"),
    ),
}
#: Languages that write 12,10.
_COMMAS: Final = frozenset({"nl", "de", "fr", "es", "it", "pt", "da", "fi", "nb", "sv"})


def spelled(values: Mapping[str, str], language: str) -> dict[str, str]:
    """Return *values* as a text in *language* says them."""
    base = language.partition("-")[0]
    return {
        name: _day(value, base)
        if name in DAYS and value
        else _amount(value, base)
        if name in AMOUNTS
        else value
        for name, value in values.items()
    }


def _day(value: str, language: str) -> str:
    months = _MONTHS.get(language)
    if months is None:
        return value  # as ISO 8601 writes it, which is read everywhere
    day = date.fromisoformat(value)
    return f"{day.day} {months[day.month - 1]} {day.year}"


def _amount(value: str, language: str) -> str:
    return value.replace(".", ",") if language in _COMMAS else value
