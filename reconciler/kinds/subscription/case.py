"""One subscription at one moment: what is invoiced, unpaid and to come. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple
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

_ENDING: Final = frozenset({"cancel-at-period-end", "terminated"})
#: A run a day is no delay.
_A_DAY: Final = timedelta(days=1)


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

    Nothing of it changes once it is made: what was worked out is kept.

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
        self._bills: dict[tuple[Of, str, str], Bill | None] = {}
        self._failed: dict[Of, datetime | None] = {}

    @cached_property
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
        return given if given.date <= self.today else None

    @property
    def most(self) -> Money | None:
        """The least of what git and the customer allow one charge to be."""
        limits = [self.terms.invoicing.max_charge]
        limits.append(self.agreed.max if self.agreed else None)
        same = [m for m in limits if m and m.currency == self.terms.price.currency]
        return min(same, key=lambda money: money.amount) if same else None

    @cached_property
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
    def invoiced(self) -> Sequence[Invoiced]:
        """What was made to be paid, the oldest first."""
        return self.books.invoiced()

    @cached_property
    def coming(self) -> Span | None:
        """The next period that nothing was made for yet; None if none is to come."""
        return self.unbilled if self.spec.state == "active" else None

    @property
    def unbilled(self) -> Span | None:
        """The same, whether or not it is wanted."""
        begins = self._begins()
        return None if begins is None else self.span(begins)

    def span(self, begins: date) -> Span:
        """Return the period that begins on *begins*."""
        return Span(begins, following(begins, self.terms.term, self.spec.since.day))

    @cached_property
    def today(self) -> date:
        """The day it is for the customer."""
        return self.now.astimezone(ZoneInfo(self.terms.time_zone)).date()

    def whole(self, span: Span) -> bool:
        """Say whether *span* is a whole term: it begins on a day that periods do."""
        last = calendar.monthrange(span.begins.year, span.begins.month)[1]
        return span.begins.day == min(self.spec.since.day, last)

    def _begins(self) -> date | None:
        """
        Return when the next period begins that was not made to be paid.

        Not before ``since`` (somebody may move it on), nor before what was let pass,
        nor before what another engine may have collected.
        """
        known = self.books.known
        renewals = [one for one in self.invoiced if one.of.purpose == "renewal"]
        if not renewals:
            first = self._first(known.at) if known else None
            return max(first, self.books.passed or first) if first else None
        begins = max(one.ends for one in renewals)
        begins = max(begins, self.spec.since, self.books.passed or begins)
        if known and known.at > max(one.at for one in renewals):
            return max(begins, self._first(known.at))
        return begins

    def _first(self, at: datetime) -> date:
        """Return the first period of who is known since *at*."""
        since, term = self.spec.since, self.terms.term
        day = at.astimezone(ZoneInfo(self.terms.time_zone)).date()
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

    def open(self) -> Sequence[Invoiced]:
        """Return what was made and neither paid nor given up, the oldest first."""
        return self._open

    @cached_property
    def _open(self) -> list[Invoiced]:
        return [*self._still_open()]

    def _still_open(self) -> Iterator[Invoiced]:
        for one in self.invoiced:
            if self.books.voided(one.of) or self.paid(one.of) or self.dropped(one):
                continue
            bill = self.bill(one)
            if bill is None or bill.state not in {"void", "uncollectible"}:
                yield one

    def fenced(self) -> Iterator[Invoiced]:
        """Yield what was fenced off, and has no second leg yet."""
        legs = {one.of for one in self.invoiced}
        for one in self.invoiced:
            second = one.of._replace(leg=1)
            if self.paid(one.of) or self.dropped(one):
                continue
            if one.of.leg == 0 and self.books.voided(one.of) and second not in legs:
                yield one

    @cached_property
    def ended(self) -> datetime | None:
        """Since when nothing more is wanted; None while it is."""
        if self.spec.state not in _ENDING:
            return None
        return self.books.ended or self.now

    def dropped(self, one: Invoiced) -> bool:
        """Say whether the end came before the period of *one* began: nobody owes it."""
        return self._last_day is not None and one.begins > self._last_day

    @cached_property
    def _last_day(self) -> date | None:
        """The day on which it ends, for the customer."""
        zone = ZoneInfo(self.terms.time_zone)
        return self.ended.astimezone(zone).date() if self.ended else None

    def needless(self) -> Iterator[Invoiced]:
        """Yield what can be paid and must not be: nobody owes it, or it is paid."""
        for one in self.invoiced:
            bill = self.bill(one)
            if bill is None or bill.state not in {"open", "authorized"}:
                continue
            if self.books.voided(one.of) or self.books.fact(f"{one.of.fact}/paid"):
                continue
            if self.dropped(one) or self.paid(one.of):
                yield one

    def unpaid(self) -> Sequence[Invoiced]:
        """Return what is owed: open, or between two gateways."""
        return self._unpaid

    @cached_property
    def _unpaid(self) -> list[Invoiced]:
        return sorted([*self.open(), *self.fenced()], key=lambda one: one.begins)

    def bill(self, one: Invoiced) -> Bill | None:
        """Return what its gateway shows of it."""
        key = (one.of, one.provider, one.id)
        if key not in self._bills:
            self._bills[key] = self._bill(one)
        return self._bills[key]

    def _bill(self, one: Invoiced) -> Bill | None:
        state = self.state(one.provider)
        if state is None:
            return None
        same = (b for b in state.bills if b.of == one.of and b.id == one.id)
        return next(same, None) or state.bill(one.of)

    def paid(self, of: Of) -> bool:
        """Say whether the period was paid, by the records or at a gateway."""
        return self.books.paid(of) is not None or of[:2] in self._paid_there

    @cached_property
    def _paid_there(self) -> frozenset[tuple[str, str]]:
        """What a gateway shows as paid: period and purpose."""
        states = (self.state(share.provider) for share in self.shares)
        bills = (bill for state in states if state for bill in state.bills)
        return frozenset((b.period, b.purpose) for b in bills if b.state == "paid")

    # -- dunning -----------------------------------------------------------------

    def failed_at(self, one: Invoiced) -> datetime | None:
        """
        Return since when it is not paid although it should be; the steps count.

        What no bank declined (a key that may not, an answer that was lost) is no
        customer's failure: nobody is dunned for it.
        """
        if one.of not in self._failed:
            self._failed[one.of] = self._failed_at(one)
        return self._failed[one.of]

    def _failed_at(self, one: Invoiced) -> datetime | None:
        declined = (t.at for t in self.books.tries(one.of) if t.declined)
        first = next(declined, None)
        if first is not None:
            return first
        if self.terms.collect == "invoice":
            due = self._to_be_paid_by(one)
            return due if due <= self.now else None
        return None

    def _to_be_paid_by(self, one: Invoiced) -> datetime:
        """Return when it is due; what was made late leaves as much time as usual."""
        due, usual = self.due_at(one.begins), self.create_at(Span(one.begins, one.ends))
        late = one.at - usual
        return self.after(due, late) if late > _A_DAY else due

    def lapsed(self, one: Invoiced) -> bool:
        """Say whether it is recorded that what was held for it is lost."""
        held = self.books.authorized(one.of).get("id")
        return bool(self.books.fact(f"{one.of.fact}/try/held-{held}"))

    def primary(self) -> Method | None:
        """Return the method that is charged first."""
        return self.terms.methods[0] if self.terms.methods else None

    def theirs(self, one: Invoiced) -> bool:
        """Say whether *one* was invoiced to who pays now."""
        return one.customer in {None, self.terms.customer}

    def at(self, provider: str) -> list[Method]:
        """Return the methods at one gateway, the primary first."""
        return [m for m in self.terms.methods if m.provider == provider]


def shares(terms: Terms | None, books: Books) -> tuple[Share, ...]:
    """
    Return the gateways of the payer's methods, and of what was not paid before.

    One that has nothing but what is paid need not be there any more.
    """
    if terms is None:
        return ()
    providers = [method.provider for method in terms.methods]
    providers += books.owing
    if books.known and books.known.engine:
        providers.append(books.known.engine)
    providers += books.begun
    if not terms.methods and terms.collect == "invoice":
        providers.append(OWN)
    return tuple(Share(name, BILLING) for name in dict.fromkeys(providers))
