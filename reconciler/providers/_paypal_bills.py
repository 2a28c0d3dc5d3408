"""What subscriptions owe at PayPal: by the records, and by what is held for it."""

from __future__ import annotations

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.subscription import (
    Bill,
    BillingState,
    Books,
    Invoiced,
    Of,
    Subscription,
    SubscriptionChange,
)
from reconciler.kinds.subscription.state import Way
from reconciler.model import Account, Money
from reconciler.providers import _paypal_billing as words
from reconciler.providers._paypal import PayPal
from reconciler.providers._paypal_held import Held, read


class Bills:
    """
    The bills of one account.

    PayPal is not asked for a bill before its money is held, so each is what the records
    say, and what this process has done since they were read.
    """

    def __init__(self, account: Account, paypal: PayPal) -> None:
        self._account = account
        self._paypal = paypal
        self._fresh: dict[str, dict[str, JsonValue]] = {}

    def books(self, want: Subscription) -> Books:
        """Return the records, and what was done and is not in them yet."""
        fresh = self._fresh.get(want.uid)
        return Books({**want.recorded, **fresh}) if fresh else want.books

    def remember(
        self, want: Subscription, of: Of, step: str, **facts: JsonValue
    ) -> None:
        """Know in this process that *step* of a period is done."""
        fact = {"at": self._account.clock().isoformat(), **facts}
        self._fresh.setdefault(want.uid, {})[f"{of.fact}/{step}"] = fact

    def state(self, want: Subscription, way: Way) -> BillingState:
        """Return all bills of *want*; raises ProviderError where one cannot be read."""
        books = self.books(want)
        mine = (o for o in books.invoiced() if o.provider == self._account.name)
        bills = tuple(self._bill(books, one) for one in mine)
        return BillingState(way=way, bills=bills)

    def held(self, name: str) -> Held:
        """Return what PayPal says now of an authorization."""
        return read(self._paypal, name, self._account.clock())

    def to_pay(self, want: Subscription, change: SubscriptionChange) -> Bill:
        """
        Return the bill that *change* pays, as it is now.

        Raises:
            Rejected: There is none, or its total is not exactly what is charged.
        """
        books, charge = self.books(want), change.charge
        found = [one for one in books.invoiced() if one.of == change.of]
        if charge is None or not found or found[0].provider != self._account.name:
            raise Rejected("nothing was invoiced here that could be paid")
        bill = self._bill(books, found[0])
        if bill.total != charge:
            raise Rejected(f"{bill.id} comes to {bill.total}, and not to {charge}")
        return bill

    def _bill(self, books: Books, one: Invoiced) -> Bill:
        of, nothing = one.of, one.total.times(0)
        bill = Bill(
            period=of.period,
            purpose=of.purpose,
            leg=of.leg,
            id=one.id,
            number=one.number,
            state="open",
            total=one.total,
            left=one.total,
            paid=nothing,
        )
        if paid := books.fact(f"{of.fact}/paid"):
            amount = Money.model_validate(paid["amount"])
            more = {"left": nothing, "paid": amount, "at": words.moment(paid["at"])}
            return bill.model_copy(update={"state": "paid", **more})
        if books.voided(of):
            return bill.model_copy(update={"state": "void"})
        held = books.authorized(of).get("id")
        return self.held(held).shown(bill) if isinstance(held, str) else bill
