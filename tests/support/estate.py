"""Subscriptions that are invoiced by us, in no file, and runs over them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count

from reconciler.audit import Batch, MemoryStore, Run
from reconciler.engine import Accounts, Journal, Order, Scope, Setting, apply
from reconciler.engine.carry_out import remembered
from reconciler.kinds.subscription import Subscription, SubscriptionSpec
from reconciler.model import OWN, Account, Metadata, Ref, Share, Terms
from reconciler.providers.own_billing import OwnBilling
from reconciler.sandbox import SandboxClock
from tests.support.contract import MemoryCache
from tests.support.crash import Steps, Watched

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
ACCOUNT = Account(OWN, None, None, {}, lambda: START, lambda _: None, MemoryCache())


def owing(name, since=date(2026, 12, 1), **more):
    """Return a subscription whose customer transfers its money."""
    terms = Terms.model_validate(
        {
            "price": "10.00 EUR",
            "term": "1mo",
            "customer": "acme",
            "country": "NL",
            "currency": "EUR",
            "collect": "invoice",
            "invoicing": {"tax": "21%"},
            **more,
        }
    )
    spec = SubscriptionSpec(
        customer="acme", since=since, covers=(f"HostingAccount/{name}",), terms=terms
    )
    return Subscription(metadata=Metadata(name=name), spec=spec)


class Estate:
    """A Tree of *wants*, and the journal of the runs over it."""

    def __init__(self, *wants, start=START):
        self._wants = {want.ref: want for want in wants}
        self.store = MemoryStore()
        self.clock = SandboxClock(start, frozen=True)
        self._numbers = count(1)

    # -- the tree ----------------------------------------------------------------

    def refs(self):
        return sorted(self._wants)

    addresses = refs

    def get(self, ref):
        return self._wants[ref]

    made = get

    def digests(self):
        return {}

    def digest(self, ref):
        return str(ref)

    def edges(self):
        return {ref: frozenset() for ref in self._wants}

    def __contains__(self, ref):
        return ref in self._wants

    # -- its runs ----------------------------------------------------------------

    def run(self, steps=None, selected=lambda _ref: True):
        """Do what one scheduled run does; *steps* count, and end it at one of them."""
        steps = steps or Steps()
        driver = Watched(OwnBilling(ACCOUNT), steps, "own", around=["apply"])
        accounts = Accounts({Share(OWN, "billing"): driver}, {})
        store = Watched(
            self.store, steps, "store", before=["acquire"], around=["commit"]
        )
        run = Run(f"r-{next(self._numbers):08x}", "main", "ci", None, self.clock())
        kinds = frozenset({"Subscription"})
        scope = Scope("main", self, None, kinds, lambda plan, *_: plan, selected)
        with Journal(store, run, self.clock) as journal:
            setting = Setting("main", journal, accounts, self.clock)
            return apply(setting, Order(scope))

    def pay(self, name, period):
        """Record, as a person does, that a period was paid."""
        fact = {"at": self.clock().isoformat(), "amount": "12.10 EUR", "provider": OWN}
        facts = {f"bill/{period}/renewal/0/paid": fact}
        note = remembered("paid", "Subscription", name, facts)
        run = Run(f"r-{next(self._numbers):08x}", "main", "ann", None, self.clock())
        with Journal(self.store, run, self.clock) as journal:
            journal.record(Batch([note]))

    def later(self, **delta):
        self.clock.advance(timedelta(**delta))

    def facts(self, name):
        return self.store.read().record("Subscription", name).facts

    def numbers(self, name):
        """Return the numbers of what is recorded as invoiced, by period."""
        return {
            key.split("/")[1]: fact["number"]
            for key, fact in sorted(self.facts(name).items())
            if key.endswith("/invoice")
        }

    def want(self, name):
        """Return one of them, with its past."""
        want = self.get(Ref("Subscription", name))
        return want.recalling(lambda: self.facts(name))
