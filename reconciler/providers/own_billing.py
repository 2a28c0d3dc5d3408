"""
Invoices of our own, for customers who transfer their money. Nothing leaves the machine.

An invoice is a number of our own series and a line in the journal; what was made, and
whether a person said that it was paid, is what the records say. So sending one again
after a crash does nothing twice, however late it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from reconciler.errors import Rejected
from reconciler.kinds.subscription import (
    Bill,
    BillingState,
    Invoice,
    Of,
    Subscription,
)
from reconciler.kinds.subscription.amounts import amounts
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt


class OwnBilling(Driver[Subscription, Invoice]):
    """Our own invoices, as the records have them."""

    can: ClassVar = {"invoice": OpClass.KEYED}
    key_life: ClassVar[timedelta | None] = timedelta(days=36500)
    settles: ClassVar[timedelta] = timedelta(0)
    numbers: ClassVar[bool] = True
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._name = account.name
        self._made: dict[tuple[str, Of], Bill] = {}

    def __repr__(self) -> str:
        return f"OwnBilling({self._name})"

    def identity(self) -> str | None:
        """Nobody's: there is no account."""
        return None

    def observe(self, wants: Sequence[Subscription]) -> Observation:
        """Report what the records have of each, or will have: nobody is asked."""
        states = {
            want.name: BillingState(way="invoice", bills=tuple(self._bills(want)))
            for want in wants
        }
        return Observation(states)

    def _bills(self, want: Subscription) -> Iterator[Bill]:
        books = want.books
        recorded = {one.of for one in books.invoiced()}
        for (uid, of), bill in self._made.items():
            if uid == want.uid and of not in recorded:
                yield bill  # of this run, whose outcome is recorded after a look
        for one in books.invoiced():
            if one.provider != self._name:
                continue
            paid = books.paid(one.of)
            nothing = Money.of_minor(0, one.total.currency)
            state = "paid" if paid else "void" if books.voided(one.of) else "open"
            yield Bill.model_validate(
                {
                    **one.of._asdict(),
                    "id": one.id,
                    "number": one.number,
                    "state": state,
                    "total": one.total,
                    "left": one.total if state == "open" else nothing,
                    "paid": one.total if paid else nothing,
                    "at": paid,
                }
            )

    def apply(self, want: Subscription, change: Invoice, key: str) -> Receipt:
        """Say what is invoiced under which number; see ``Driver.apply``."""
        del key
        number = change.details.get("number")
        if not isinstance(number, str):
            raise Rejected("an invoice of ours has a number of ours")
        try:
            made = amounts(change)
        except ValueError as error:
            raise Rejected(str(error)) from None
        self._made[want.uid, change.of] = Bill(
            **change.of._asdict(),
            id=number,
            number=number,
            state="open",
            total=made.total,
            left=made.total,
            paid=made.total.times(0),
        )
        return Receipt(
            reference=number,
            details={
                "id": number,
                "number": number,
                "total": str(made.total),
                "left": str(made.total),
            },
        )

    def happened(
        self, want: Subscription, change: Invoice, key: str, since: datetime
    ) -> bool | None:
        """Return False: what the records do not have did not happen."""
        del want, change, key, since
        return False


DRIVER = OwnBilling
