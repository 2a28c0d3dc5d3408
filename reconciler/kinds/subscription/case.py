"""One subscription at one moment: what is invoiced, unpaid and to come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reconciler.kinds.subscription.facts import Books, Invoiced
from reconciler.kinds.subscription.period import (
    day_of,
    following,
    index_at,
    later,
    moment,
)
from reconciler.kinds.subscription.spec import SubscriptionSpec
from reconciler.kinds.subscription.state import BILLING, Bill, BillingState, Native, Of
from reconciler.model import OWN, Have, Money, Share, Terms
from reconciler.model.terms import Agreed, Method


class Span(NamedTuple):
    """
    A period.

    Attributes:
        ends: The first day that is no part of it.
    """

    begins: date
    ends: date

    @property
    def of(self) -> Of:
        """Its renewal, on the first leg."""
        return Of(self.begins.isoformat())


class Case:
    """
    What follows from terms, records and gateways for one subscription.

    Args:
        spec: With its terms; without them nothing can be said.
        books: What the records remember.
        have: What gateways show.
    """

    def __init__(
        self,
        spec: SubscriptionSpec,
        terms: Terms,
        books: Books,
        have: Have,
        now: datetime,
    ) -> None:
        self.spec = spec
        self.terms = terms
        self.books = books
        self.have = have
        self.now = now

    @property
    def ours(self) -> bool:
        """Whether this tool collects, and nothing keeps it from doing so."""
        terms = self.terms
        mine = terms.invoicing.collector == "reconciler" and terms.collect != "none"
        known = self.books.known
        same = known is not None and known.collector == terms.invoicing.collector
        return mine and same and not terms.holds and not self.engines

    @cached_property
    def engines(self) -> Mapping[str, Native]:
        """What gateways' own engines collect of it, by account: nobody else may."""
        found = {}
        for share in self.shares:
            state = self.have.get(share)
            if isinstance(state, BillingState) and state.native is not None:
                found[share.provider] = state.native
        return found

    @cached_property
    def agreed(self) -> Agreed | None:
        """What the customer agreed to by now; without it nothing is charged."""
        given = self.terms.agreed
        if given is None:
            return None
        today = self.now.astimezone(ZoneInfo(self.terms.time_zone)).date()
        return given if given.date <= today else None

    @property
    def most(self) -> Money | None:
        """The least of what git and the customer allow one charge to be."""
        limits = [self.terms.invoicing.max_charge]
        limits.append(self.agreed.max if self.agreed else None)
        same = [m for m in limits if m and m.currency == self.terms.price.currency]
        return min(same, key=lambda money: money.amount) if same else None

    @property
    def readable(self) -> bool:
        """Whether every gateway that could show a payment was read."""
        return all(isinstance(self.have.get(s), BillingState) for s in self.shares)

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """The gateways that have, or may get, something of it."""
        return shares(self.terms, self.books)

    def state(self, provider: str) -> BillingState | None:
        """Return what *provider* shows; None where that is not known."""
        found = self.have.get(Share(provider, BILLING))
        return found if isinstance(found, BillingState) else None

    # -- periods -----------------------------------------------------------------

    @cached_property
    def invoiced(self) -> list[Invoiced]:
        """What was made to be paid, the oldest first."""
        return self.books.invoiced()

    @cached_property
    def coming(self) -> Span | None:
        """The next period that nothing was made for yet; None if none is to come."""
        begins = self._begins()
        if begins is None or self.spec.state != "active":
            return None
        return Span(begins, following(begins, self.terms.term, self.spec.since.day))

    def _begins(self) -> date | None:
        renewals = [one.ends for one in self.invoiced if one.of.purpose == "renewal"]
        if renewals:
            return max(*renewals, renewals[0])
        known = self.books.known
        if known is None:
            return None
        since, term = self.spec.since, self.terms.term
        day = known.at.astimezone(ZoneInfo(self.terms.time_zone)).date()
        number = index_at(since, term, day)
        if number <= 0:
            return since  # a new customer; what began before it was known is held
        first = day_of(since, number * term.months)
        return first if first >= day else day_of(since, (number + 1) * term.months)

    @property
    def late(self) -> bool:
        """Whether the coming period began before anybody here knew of it."""
        known, coming = self.books.known, self.coming
        if known is None or coming is None or self.invoiced:
            return False
        day = known.at.astimezone(ZoneInfo(self.terms.time_zone)).date()
        return coming.begins < day

    def create_at(self, span: Span) -> datetime:
        """Return when the invoice of *span* is made."""
        return self._at(span.begins, -self.terms.invoicing.create)

    def due_at(self, begins: date) -> datetime:
        """Return when the invoice of the period is due."""
        return self._at(begins, self.terms.invoicing.due)

    def charge_at(self, begins: date) -> datetime:
        """Return when it is charged."""
        terms = self.terms.invoicing
        return self._at(begins, terms.due - terms.charge)

    def _at(self, day: date, plus: timedelta) -> datetime:
        return moment(day, self.terms.time_zone, plus)

    def after(self, start: datetime, plus: timedelta) -> datetime:
        """Return *plus* after *start*, by the customer's clock."""
        return later(start, self.terms.time_zone, plus)

    # -- bills -------------------------------------------------------------------

    def open(self) -> Iterator[Invoiced]:
        """Yield what was made and neither paid nor given up, the oldest first."""
        for one in self.invoiced:
            if self.books.voided(one.of) or self.paid(one.of):
                continue
            bill = self.bill(one)
            if bill is None or bill.state not in {"void", "uncollectible"}:
                yield one

    def fenced(self) -> Iterator[Invoiced]:
        """Yield what was fenced off, and has no second leg yet."""
        legs = {one.of for one in self.invoiced}
        for one in self.invoiced:
            second = one.of._replace(leg=1)
            if one.of.leg == 0 and self.books.voided(one.of) and second not in legs:
                yield one

    def unpaid(self) -> list[Invoiced]:
        """Return what is owed: open, or between two gateways."""
        return sorted([*self.open(), *self.fenced()], key=lambda one: one.begins)

    def bill(self, one: Invoiced) -> Bill | None:
        """Return what its gateway shows of it."""
        state = self.state(one.provider)
        return state.bill(one.of) if state else None

    def paid(self, of: Of) -> bool:
        """Say whether the period was paid, by the records or at a gateway."""
        if self.books.paid(of):
            return True
        states = (self.state(share.provider) for share in self.shares)
        bills = [bill for state in states if state for bill in state.bills]
        same = (of.period, of.purpose)
        return any(b.state == "paid" and (b.period, b.purpose) == same for b in bills)

    # -- dunning -----------------------------------------------------------------

    def failed_at(self, one: Invoiced) -> datetime | None:
        """Return since when it is not paid although it should be; the steps count."""
        tries = [t for t in self.books.tries(one.of) if t.kind != "lost"]
        if tries:
            return tries[0].at
        if self.terms.collect == "invoice":
            due = self.due_at(one.begins)
            return due if due <= self.now else None
        return None

    def primary(self) -> Method | None:
        """Return the method that is charged first."""
        return self.terms.methods[0] if self.terms.methods else None

    def at(self, provider: str) -> list[Method]:
        """Return the methods at one gateway, the primary first."""
        return [m for m in self.terms.methods if m.provider == provider]


def shares(terms: Terms | None, books: Books) -> tuple[Share, ...]:
    """Return the gateways of the payer's methods, and of who collected before."""
    if terms is None:
        return ()
    providers = [method.provider for method in terms.methods]
    providers += [one.provider for one in books.invoiced()]
    if books.known and books.known.engine:
        providers.append(books.known.engine)
    if not terms.methods and terms.collect == "invoice":
        providers.append(OWN)
    return tuple(Share(name, BILLING) for name in dict.fromkeys(providers))
