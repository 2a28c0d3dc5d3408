"""Customers who owe, what their gateways show, and the accounts that it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.engine import Accounts, World
from reconciler.engine.plan import Situation, plan
from reconciler.kinds.hosting_account import HostingAccount, HostingState
from reconciler.kinds.subscription import Bill, BillingState, Subscription
from reconciler.model import Driver, Money, Observation, OpClass, Share, Terms
from reconciler.model.calendar import Period
from reconciler.model.terms import Agreed, Method

#: A Thursday at noon, in Amsterdam.
NOW = datetime(2026, 12, 24, 11, tzinfo=UTC)
DAY = timedelta(days=1)
STRIPE, WHM = Share("stripe", "billing"), Share("whm", "hosting")
DUE = Money.model_validate("12.10 EUR")
NONE = Money.model_validate("0.00 EUR")


def terms(customer="acme", provider="stripe", **more):
    fields = {
        "price": Money.model_validate("10.00 EUR"),
        "term": Period(months=1),
        "customer": customer,
        "country": "NL",
        "currency": "EUR",
        "time_zone": "Europe/Amsterdam",
        "methods": (Method(name=f"{customer}-card", provider=provider, token="pm_1"),),
        "agreed": Agreed(
            reference="order-1",
            date="2026-01-01",
            max=Money.model_validate("100.00 EUR"),
        ),
        **more,
    }
    return Terms.model_validate(fields)


def facts(provider="stripe", warned=NOW - 8 * DAY, tries=(20, 18, 16, 14, 12)):
    """What is recorded of a period that was tried *tries* days ago, and failed."""
    of = "bill/2026-12-01/renewal/0"
    found = {
        "known": {"at": "2026-10-01T00:00:00+00:00", "collector": "reconciler"},
        f"{of}/invoice": {
            "at": "2026-11-17T08:00:00+00:00",
            "provider": provider,
            "id": "in_1",
            "number": "ACME-0001",
            "total": str(DUE),
            "begins": "2026-12-01",
            "ends": "2027-01-01",
            "due": "2026-12-01T08:00:00+00:00",
        },
    }
    for number, ago in enumerate(tries, 1):
        found[f"{of}/try/charge-{number}"] = {
            "at": (NOW - ago * DAY).isoformat(),
            "kind": "soft",
            "code": "insufficient_funds",
            "method": "pm_1",
        }
    if warned:
        found["told/2026-12-01/renewal/final-warning"] = {"at": warned.isoformat()}
    return found


def subscription(name="acme", recorded=None, *, customer="", covers=None, **more):
    """A subscription of an account of the same name, with what is recorded of it."""
    want = Subscription.model_validate(
        {
            "metadata": {"name": name},
            "spec": {
                "customer": customer or name,
                "since": "2026-10-01",
                "covers": (covers or f"HostingAccount/{name}.example",),
                "terms": terms(customer or name, **more),
            },
        }
    )
    known = facts() if recorded is None else recorded
    return want.recalling(lambda: known)


def unpaid(**fields):
    """What the gateway shows of that period."""
    bill = {
        "period": "2026-12-01",
        "id": "in_1",
        "number": "ACME-0001",
        "state": "open",
        "total": DUE,
        "left": DUE,
        "paid": NONE,
        "payment": "failed",
        "code": "insufficient_funds",
        "method": "pm_1",
    }
    bills = (Bill.model_validate({**bill, **fields}),)
    return BillingState(way="invoice", customer="cus_1", bills=bills)


def account(name="acme.example", provider="whm", state="follow"):
    spec = {"provider": provider, "plan": "small", "state": state}
    return HostingAccount.model_validate({"metadata": {"name": name}, "spec": spec})


def running(name="acme.example", **more):
    fields = {"account": name[:8], "domain": name, "package": "small", **more}
    return HostingState(**fields)


class Anything(Driver):
    """A driver that would do everything, and is only asked what it can."""

    can = dict.fromkeys(
        ["invoice", "charge", "void", "suspend", "unsuspend"], OpClass.KEYED
    )
    key_life = timedelta(hours=24)

    def __init__(self):
        """Hold nothing."""

    def identity(self):
        return None

    def observe(self, wants):
        raise AssertionError(wants)

    def apply(self, want, change, key):
        raise AssertionError((want, change, key))


def world(billing, hosting, *, gateway=STRIPE, server=WHM):
    return World({gateway: Observation(billing), server: Observation(hosting)})


def planned(wants, seen, *, now=NOW, looked=NOW - timedelta(hours=6), **more):
    """The plan of *wants*; *looked* is when the gateway was read whole before."""
    leaders = [want for want in wants if want.recalls]
    shares = {share for want in wants for share in want.shares()}
    read = {share: looked for share in shares if looked}
    situation = Situation(
        "main",
        sorted(wants, key=lambda want: want.ref),
        {want.ref: want for want in wants},
        leaders=leaders,
        looked=read,
        **more,
    )
    drivers = dict.fromkeys(shares, Anything())
    return plan(situation, seen, Accounts(drivers, {}), now=now)
