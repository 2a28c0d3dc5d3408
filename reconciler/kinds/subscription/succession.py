"""What was billed under another name, and is not billed again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from reconciler.kinds.subscription.changes import Invoice, SubscriptionChange, Void
from reconciler.kinds.subscription.facts import COVERS, Books, Facts, Invoiced

#: How the fact ends that something was made to be paid.
_MADE: Final = "/invoice"


def named(facts: Facts) -> set[str]:
    """Return what a record ever said was paid for; of many records, so quickly."""
    told = [facts.get(COVERS)]
    told += (facts[key] for key in facts if key[:5] == "bill/" and key[-8:] == _MADE)
    found: set[str] = set()
    for fact in told:
        if isinstance(fact, dict):
            names = fact.get("names") or fact.get("covers")
            found.update(map(str, names if isinstance(names, list) else ()))
    return found


class Billed(NamedTuple):
    """One thing that was made to be paid, and what it is for."""

    one: Invoiced
    covers: frozenset[str]


def billed(facts: Facts) -> Iterator[Billed]:
    """Yield what the record with *facts* was ever billed, unless it was made void."""
    books = Books(facts)
    for one in books.invoiced():
        if books.voided(one.of):
            continue
        fact = books.fact(f"{one.of.fact}/invoice")
        covers = fact.get("covers") or books.fact(COVERS).get("names")
        names = covers if isinstance(covers, list) else ()
        yield Billed(one, frozenset(map(str, names)))


def repeats(
    change: SubscriptionChange, covers: Sequence[str], own: Books, other: Facts
) -> str | None:
    """
    Say which days *change* would have paid for twice, by the record of another.

    Args:
        change: A step of one period.
        covers: What is paid for.
        own: The record of who pays now.
        other: The facts of the other's record.
    """
    days = _days(change, own)
    if isinstance(change, Void) or days is None:
        return None
    begins, ends = days
    for one, names in billed(other):
        overlaps = one.begins < ends and begins < one.ends
        if overlaps and one.of.purpose == change.of.purpose and names & set(covers):
            return f"{one.begins} to {one.ends}"
    return None


def _days(change: SubscriptionChange, own: Books) -> tuple[date, date] | None:
    if isinstance(change, Invoice):
        return (
            date.fromisoformat(change.text("begins")),
            date.fromisoformat(change.text("ends")),
        )
    period, purpose = change.of.period, change.of.purpose
    for one in own.invoiced():
        if (one.of.period, one.of.purpose) == (period, purpose):
            return one.begins, one.ends
    return None
