"""One subscription under dunning, and how its letters are sent, in few words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.kinds.subscription import (
    BILLING,
    Bill,
    BillingState,
    Of,
    Subscription,
    SubscriptionSpec,
)
from reconciler.model import Money, Share, Terms
from reconciler.model.terms import Agreed, Method

ZONE = "Europe/Amsterdam"
SHARE = Share("stripe", BILLING)
TOTAL = Money.model_validate("12.10 EUR")
AGREED = Agreed(
    reference="signed", date=date(2026, 1, 1), max=Money.model_validate("99 EUR")
)
VISA = Method(name="acme-visa", provider="stripe", token="pm_1")


def local(*parts):
    """Return a moment by the customer's clock, in UTC."""
    return datetime(*parts, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


class Customer:
    """
    One subscription of 12.10 EUR whose period begins on *begins*; facts and bill are
    changed by hand, the clock too.
    """

    def __init__(self, begins, *, collect="auto", covers=None, length=365, **terms):
        self.of, self.begins = Of(begins.isoformat()), begins
        self.ends = begins + timedelta(days=length)
        self.covers = covers or ["HostingAccount/acme.example"]
        whole = {
            "price": "10.00 EUR",
            "term": "1y",
            "customer": "acme",
            "country": "NL",
            "currency": "EUR",
            "time_zone": ZONE,
            "collect": collect,
            "methods": (VISA,),
            "agreed": AGREED,
            **terms,
        }
        self.terms = Terms.model_validate(whole)
        known = (begins - timedelta(days=300)).isoformat() + "T00:00:00+00:00"
        self.facts = {"known": {"at": known, "collector": "reconciler"}}
        self.bills = []
        self._made = None
        self.readable = True

    def invoiced(self, at, leg=0, number="INV-7", total="12.10 EUR", left=None):
        of = self.of._replace(leg=leg)
        self.facts[f"{of.fact}/invoice"] = {
            "at": at.isoformat(),
            "provider": "stripe",
            "id": f"in_{leg}",
            "number": number,
            "total": total,
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "due": self.begins.isoformat(),
        }
        whole = {
            **of._asdict(),
            "id": f"in_{leg}",
            "number": number,
            "state": "open",
            "total": total,
            "left": left or total,
            "paid": "0.00 EUR",
        }
        self.bills.append(Bill.model_validate(whole))
        return self

    def bill(self, number=-1, **fields):
        whole = self.bills[number].model_dump() | fields
        self.bills[number] = Bill.model_validate(whole)

    def failed(self, at, kind="soft", token="pm_1", leg=0):
        n = sum("/try/" in key for key in self.facts) + 1
        fact = {"at": at.isoformat(), "kind": kind, "code": "no", "method": token}
        of = self.of._replace(leg=leg)
        self.facts[f"{of.fact}/try/charge-{n}"] = fact
        return self

    def paid(self, at, leg=0, **more):
        of = self.of._replace(leg=leg)
        fact = {"at": at.isoformat(), "amount": "12.10 EUR", "provider": "stripe"}
        self.facts[f"{of.fact}/paid"] = {**fact, "method": "pm_1", **more}
        self.bill(state="paid", left="0.00 EUR", paid="12.10 EUR", at=at)
        return self

    def told(self, at, step, state="accepted"):
        fact = {"at": at.isoformat(), "channel": "mail", "state": state}
        self.facts[f"told/{self.of.period}/renewal/{step}"] = fact
        return self

    @property
    def want(self):
        if self._made is None or self._made.spec.terms is not self.terms:
            self._made = self._make()
        return self._made.recalling(lambda: {**self.facts})

    def _make(self):
        whole = {
            "customer": "acme",
            "since": self.begins.isoformat(),
            "covers": self.covers,
            "price": "10.00 EUR/year",
            "term": "1y",
        }
        spec = SubscriptionSpec.model_validate(whole)
        spec = spec.model_copy(update={"terms": self.terms})
        data = {"metadata": {"name": "acme"}, "spec": whole}
        return Subscription.model_validate(data).model_copy(update={"spec": spec})

    @property
    def have(self):
        if not self.readable:
            return {}
        state = BillingState(way="invoice", customer="cus_1", bills=tuple(self.bills))
        return {SHARE: state}

    def letters(self, now):
        return list(self.want.letters(self.have, now))

    def steps(self, now):
        """Return the steps that are to be told at *now*, without telling them."""
        return [one.key.rpartition("/")[2] for one in self.letters(now)]

    def run(self, now):
        """Tell what is to be told at *now*; return the steps."""
        found = self.letters(now)
        for one in found:
            self.facts |= one.facts
            self.told(now, one.key.rpartition("/")[2])
        return [one.key.rpartition("/")[2] for one in found]

    def terms_with(self, **more):
        self.terms = self.terms.model_copy(update=more)
        return self
