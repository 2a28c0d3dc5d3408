"""
What goes out and what comes in, day by day: reserved with an intent, then settled.

Money that customers pay is no cost and pays for none: the two are kept side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from typing import NamedTuple

from reconciler.audit import layout
from reconciler.audit.books import Booked, Document, Month, OpenIntent
from reconciler.audit.entries import Intent, Outcome

Read = Callable[[str], Document | None]
MONEY = "money"


class Amounts(NamedTuple):
    """What goes out and what comes in, each as in ``10.42 USD``."""

    cost: str | None
    charge: str | None


def month_of(intent: Intent) -> str:
    """Return the month whose budget *intent* is counted in."""
    return f"{intent.time.astimezone(UTC):%Y-%m}"


def reserved(intent: Intent) -> Amounts:
    """
    Return what *intent* costs us at most, and what a customer pays by it.

    The price of the day may rise as far as the ceiling; a charge is exact. Where a
    customer pays, and where nothing costs, the ceiling is none of our cost.
    """
    if intent.charge or not (intent.cost or _spends(intent)):
        return Amounts(intent.cost, intent.charge)
    return Amounts(intent.ceiling or intent.cost, None)


def _spends(intent: Intent) -> bool:
    """Say whether *intent* may cost something although it names no price."""
    return intent.risk == MONEY and not intent.change.get("charge")


def reserve(read: Read, begun: OpenIntent) -> Iterator[tuple[str, Document]]:
    """Yield the books with what *begun* may come to."""
    yield from _book(read, begun, reserved(begun.intent), 1)


def settle(
    read: Read, begun: OpenIntent, outcome: Outcome
) -> Iterator[tuple[str, Document]]:
    """Yield the books with what it came to in place of what was reserved."""
    held = reserved(begun.intent)
    released = dict(_book(read, begun, held, -1))
    yield from released.items()
    if outcome.status == "applied":
        paid = outcome.paid or outcome.cost or begun.intent.cost or held.cost
        final = Amounts(paid, outcome.charged)
        yield from _book(lambda path: released.get(path) or read(path), begun, final, 1)


def _book(
    read: Read, begun: OpenIntent, amounts: Amounts, sign: int
) -> Iterator[tuple[str, Document]]:
    intent = begun.intent
    month = month_of(intent)
    path = layout.spend_path(month)
    known = read(path)
    book = known if isinstance(known, Month) else Month(month=month)
    day = f"{intent.time.astimezone(UTC):%Y-%m-%d}"
    where = (day, begun.reserved_by, intent.provider)
    found = book
    if amounts.cost is not None:
        found = found.plus(_item(where, amounts.cost, sign), "cost")
    if amounts.charge is not None:
        found = found.plus(_item(where, amounts.charge, sign), "charge")
    if found is not book:
        yield path, found


def _item(where: tuple[str, str, str], money: str, sign: int) -> Booked:
    amount, currency = money.split()
    return Booked(*where, currency, sign * Decimal(amount))
