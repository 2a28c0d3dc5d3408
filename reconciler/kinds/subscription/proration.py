"""
What a change of the price within a period makes up. Pure.

A rise is a line of the next invoice, counted in days. What becomes cheaper is credit,
which is proposed to a person and never given by itself. Each change counts once: in the
first invoice that is made after it was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from reconciler.kinds.subscription.case import Case, Span
from reconciler.kinds.subscription.facts import Invoiced, Priced
from reconciler.model import Money
from reconciler.model.money import MINOR_DIGITS

#: What the line of a rise is about; documents have a word for it.
NEW_PRICE: Final = "Price"


class Part(NamedTuple):
    """
    What one change makes up in one period that was invoiced before it.

    Attributes:
        cents: In the least coin of the currency; less than nothing is credit.
        since: The first day it counts for.
    """

    since: date
    before: Money
    after: Money
    cents: int

    def line(self) -> dict[str, JsonValue]:
        """Return the line of an invoice that charges it."""
        amount = Money.of_minor(self.cents, self.after.currency)
        return {
            "text": f"from {self.before} to {self.after} since {self.since}",
            "amount": str(amount),
            "about": [f"{NEW_PRICE}/{self.since}"],
        }


def price_fact(case: Case, now: datetime) -> dict[str, JsonValue]:
    """Return that another price holds from *now* on, where it is news."""
    last = case.books.prices()[-1:]
    terms = case.terms
    if last and (last[0].price, last[0].months) == (terms.price, terms.term.months):
        return {}
    day = now.astimezone(ZoneInfo(terms.time_zone)).date()
    fact: dict[str, JsonValue] = {
        "at": now.isoformat(),
        "price": str(terms.price),
        "months": terms.term.months,
    }
    return {f"price/{day}": fact}


def lines(case: Case, span: Span) -> list[JsonValue]:
    """Return the lines of the invoice of *span*; none where it is its price alone."""
    rises = [part.line() for part in _netted(case) if part.cents > 0]
    if not rises:
        return []
    own: dict[str, JsonValue] = {
        "text": f"{span.begins} to {span.ends}",
        "amount": str(case.terms.price),
        "about": [*case.spec.covers],
    }
    return [own, *rises]


def total(listed: list[JsonValue], price: Money) -> Money:
    """Return what lines come to; *price* where there are none."""
    amounts = [
        Money.model_validate(line["amount"])
        for line in listed
        if isinstance(line, dict)
    ]
    return sum(amounts[1:], amounts[0]) if amounts else price


def credit(case: Case) -> Money | None:
    """Return what became cheaper, as far as no invoice has been made since."""
    cents = sum(part.cents for part in _netted(case) if part.cents < 0)
    return Money.of_minor(-cents, case.terms.price.currency) if cents else None


def _netted(case: Case) -> list[Part]:
    """
    Return the changes; as one where prices rose and fell.

    A price that was a mistake for an hour is nobody's rise: what it made up is taken
    off again before anything is charged.
    """
    found = list(parts(case))
    if len({part.cents > 0 for part in found}) < 2:  # noqa: PLR2004  (both ways)
        return found
    first, last = found[0], found[-1]
    return [Part(first.since, first.before, last.after, sum(p.cents for p in found))]


def parts(case: Case) -> Iterator[Part]:
    """Yield what every change since the last invoice makes up in paid-for periods."""
    made = [one for one in case.invoiced if one.of.purpose == "renewal"]
    if case.spec.proration != "create" or not made:
        return
    last = max(one.at for one in made)
    seen = case.books.prices()
    for before, after in pairwise(seen):
        same = (before.months, before.price.currency) == (
            after.months,
            after.price.currency,
        )
        if after.at <= last or not same:
            continue  # what is later than the last is later than each
        for one in made:
            if one.of.leg or case.dropped(one) or not case.theirs(one):
                continue
            part = _part(case, one, before, after)
            if part and not _had(one, after, seen):
                yield part


def _had(one: Invoiced, after: Priced, seen: Sequence[Priced]) -> bool:
    """
    Say whether *one* was made at the price *after* already.

    A run makes invoices first, and notes at its end that the price is another.
    """
    later = next(price for price in seen if price.at > one.at)
    return later == after and one.price == after.price


def _part(case: Case, one: Invoiced, before: Priced, after: Priced) -> Part | None:
    day = after.at.astimezone(ZoneInfo(case.terms.time_zone)).date()
    since = max(day, one.begins)
    left, whole = (one.ends - since).days, (one.ends - one.begins).days
    if left <= 0:
        return None
    digits = MINOR_DIGITS.get(after.price.currency, 2)
    more = (after.price.amount - before.price.amount) * left / whole
    cents = more.scaleb(digits).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return Part(since, before.price, after.price, int(cents)) if cents else None
