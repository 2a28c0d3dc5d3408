"""An agency whose customers pay, each in its own way: for whole runs over sockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.receivers import Inbox
from tests.support.shell import at

#: A quarter past nine in Amsterdam: nobody minds a letter.
MORNING = datetime(2026, 11, 22, 8, 15, tzinfo=UTC)
HEAD = "apiVersion: reconciler/v1\n"
ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {whm}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
Provider/stripe:
  type: stripe
  account: acct_sandbox
  endpoint: {stripe}
  credentials: {{key: {{file: .sandbox/secrets/stripe-key}}}}
Provider/paypal:
  type: paypal
  account: SANDBXMERCHAN
  endpoint: {paypal}
  credentials:
    clientId: {{file: .sandbox/secrets/paypal-client-id}}
    secret: {{file: .sandbox/secrets/paypal-secret}}
"""
OWN = """\
Provider/own:
  type: own
  credentials: {{}}
  seller:
    legalName: Example Agency BV
    address: [Example Street 1, 1000 AA Amsterdam]
    country: NL
    iban: NL91 ABNA 0417 1643 00
"""
HOUSE = """\
apiVersion: reconciler/v1
HostingPlan/care-5: {price: 10.00 EUR/month, packages: {whm: care_5g}}
"""
CHANNEL = """\
apiVersion: reconciler/v1
NotificationChannel/letters:
  type: smtp
  audience: customers
  contact: help@agency.example
  smtp: {host: 127.0.0.1, port: %d, tls: none, from: billing@agency.example}
"""
CLIENTS = "inventory/clients"
#: How a customer's first method behaves at its gateway, by what the customer does.
BEHAVES: Mapping[str, Mapping[str, Any]] = {
    "pays": {},
    "short-once": {"behaves": "insufficient_funds", "times": 1},
    "short": {"behaves": "insufficient_funds"},
    "stolen": {"behaves": "stolen_card"},
    "expired": {"ends": 200.0},
    "confirms": {"behaves": "authentication_required"},
    "bank": {"type": "sepa_debit", "settles": 2.0},
    "bank-bounces": {
        "type": "sepa_debit",
        "settles": 2.0,
        "fails": "insufficient_funds",
    },
}


class Payer(NamedTuple):
    """
    A customer with one site, and how it pays for that.

    Attributes:
        does: One of ``BEHAVES``; ``transfer``: pays by itself; ``wallet``: by PayPal.
        backup: ``wallet`` or ``card``, with consent.
        since: The first day of its first period.
        more: Fields of the Customer, as YAML.
    """

    name: str
    does: str = "pays"
    backup: str | None = None
    since: str = "2026-12-01"
    price: str | None = None
    more: str = "language: en, timeZone: Europe/Amsterdam"
    subscription: str = ""

    @property
    def site(self) -> str:
        """Its domain, account and subscription."""
        return f"{self.name}.example"

    @property
    def file(self) -> str:
        """Where it is written."""
        return f"{CLIENTS}/{self.name}.yaml"

    def methods(self) -> list[tuple[str, str, str]]:
        """Return its methods: name, provider, token; the first is charged first."""
        card = (f"{self.name}-card", "stripe", f"pm_{self.name}")
        second = (f"{self.name}-second", "stripe", f"pm_{self.name}_2")
        wallet = (f"{self.name}-wallet", "paypal", f"vault-{self.name}")
        first = {"transfer": [], "wallet": [wallet]}.get(self.does, [card])
        return first + {None: [], "wallet": [wallet], "card": [second]}[self.backup]

    def text(self) -> str:
        """Return its documents."""
        found = self.methods()
        payment = "collect: invoice"
        if found:
            names = [name for name, _, _ in found]
            payment = f"primary: {names[0]}, backup: [{', '.join(names[1:])}], "
            payment += (
                "consent: {reference: signed, date: 2026-01-01, max: 99.00 EUR, "
                f"backup: {str(self.backup is not None).lower()}}}"
            )
        lines = [
            HEAD.rstrip(),
            f"Customer/{self.name}:",
            f"  {{legalName: {self.name.title()} BV, country: NL, {self.more},",
            f"   contacts: {{billing: {{file: .sandbox/secrets/{self.name}-mail}}}},",
            f"   payment: {{{payment}}}}}",
        ]
        lines += [
            f"PaymentMethod/{name}: "
            f"{{customer: {self.name}, provider: {provider}, token: {token}}}"
            for name, provider, token in found
        ]
        price = f", price: {self.price}" if self.price else ""
        more = f", {self.subscription}" if self.subscription else ""
        account = f"HostingAccount/{self.site}"
        deal = f"customer: {self.name}, since: {self.since}, covers: [{account}]"
        lines += [
            f"{account}: {{provider: whm-1, plan: care-5}}",
            f"Subscription/{self.site}: {{{deal}{price}{more}}}",
        ]
        return "\n".join(lines) + "\n"

    def oddities(self) -> dict[str, Oddity]:
        """Return how its first method behaves."""
        seed = BEHAVES.get(self.does)
        return {f"{self.name}-card": Oddity(card=seed)} if seed else {}


class Paying(Agency):
    """
    The agency of *payers*; a context manager, with the mailbox of all customers.

    ``run`` is one scheduled run by the real command line.
    """

    def __init__(
        self,
        tmp: Path,
        payers: Sequence[Payer],
        *,
        files: Mapping[str, str] = {},
        policies: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.payers = {one.name: one for one in payers}
        self.inbox = Inbox()
        wanted = {"inventory/house.yaml": HOUSE}
        wanted |= {one.file: one.text() for one in payers}
        odd = {name: o for one in payers for name, o in one.oddities().items()}
        more = {"accounts": ACCOUNTS + OWN, "remote": False, "start": MORNING, **more}
        super().__init__(tmp, {**wanted, **files}, odd, policies=policies, **more)
        for one in payers:
            path = self.root / ".sandbox" / "secrets" / f"{one.name}-mail"
            path.write_text(f"billing@{one.site}")

    def __enter__(self):
        self.inbox.__enter__()
        self.write("inventory/letters.yaml", CHANNEL % self.inbox.port)
        return super().__enter__()

    def __exit__(self, *how):
        super().__exit__(*how)
        self.inbox.__exit__(*how)

    def run(self, *argv, code=0):
        """Do what one scheduled run does; its exit code must be *code*."""
        done = at(self, "apply", "--auto-approve", *argv)
        assert done.code == code, (done.code, done.out, done.err)
        return done

    def days(self, many, *, every=timedelta(days=1), code=0):
        """Run once a day, *many* times."""
        for _ in range(many):
            self.later(seconds=every.total_seconds())
            self.run(code=code)

    def letters(self, name):
        """Return the subjects of what one customer got, in order."""
        to = f"billing@{self.payers[name].site}"
        return [mail["Subject"] for mail in self.inbox.mails if to in mail.to]

    def taken(self, name):
        """Return what was taken from one customer, in order: gateway, amount."""
        site = self.payers[name].site
        return [
            (one.vendor, one.amount)
            for one in self.charges()
            if _subscription(one) == site
            or one.details.get("customer") == f"cus_{name}"
        ]

    def declines(self):
        """Return what gateways refused to take."""
        return [e for e in self.sandbox.ledger.effects() if e.operation == "declined"]

    def suspended(self):
        """Return the sites that are off the net, as their server knows it."""
        accounts = self.sandbox.bench("whm").state["accounts"]
        return sorted(one["domain"] for one in accounts.values() if one["suspended"])

    def invoice(self, name, number=-1):
        """Return the id of one of a customer's invoices at Stripe."""
        rows = self.sandbox.bench("stripe").state["accounts"][0]["invoices"].values()
        return [row["id"] for row in rows if row["customer"] == f"cus_{name}"][number]


def _subscription(effect):
    """Return the uid that a payment names: in its metadata, or in what it is called."""
    labels = effect.details.get("metadata", {})
    return labels.get("reconciler_subscription") or effect.name.partition(",")[0]
