"""What a gateway's own engine collects is imported, and is never charged by us too."""

from __future__ import annotations

import json

from reconciler.sandbox import Fault
from tests.support.customers import HEAD, Payer, Paying
from tests.support.shell import at

IMPORT = ("import", "Provider/stripe", "--kind", "Subscription")
IMPORTED = "inventory/imported/stripe.yaml"
SITES = ("bakker", "cafe", "fiets")


class Native(Paying):
    """
    Sites on the server, customers and cards at Stripe, and its own engine collects.

    No document says who pays for what, and there is no base.
    """

    def __init__(self, tmp, **more):
        payers = [Payer(name) for name in SITES]
        super().__init__(tmp, payers, based=False, **more)
        for one in payers:
            (self.root / one.file).unlink()
        accounts = [
            f"HostingAccount/{one.site}: {{provider: whm-1, plan: care-5}}\n"
            for one in payers
        ]
        self.write("inventory/sites.yaml", HEAD + "".join(accounts))

    def __enter__(self):
        super().__enter__()
        self.engine("sub_1", "bakker", "10.00 EUR", metadata={"site": "bakker.example"})
        self.engine("sub_2", "cafe", "120.00 EUR", interval="year",
                    description="Care for www (cafe.example)")  # fmt: skip
        self.engine("sub_3", "fiets", "30.00 EUR", count=3, ending=True,
                    metadata={"domain": "Fiets.Example"})  # fmt: skip
        return self

    def engine(self, name, customer, price, **more):
        seed = {"id": name, "customer": f"cus_{customer}", "price": price, **more}
        self.sandbox.edit("stripe", "subscription", seed)

    def documents(self):
        tree = self.project().inventory
        return {one.name: one for one in tree.of("Subscription")}

    def findings(self, *argv):
        plan = json.loads(at(self, "plan", "--format", "json", *argv).out)
        return {(one["name"], one["code"]) for one in plan["findings"]}


def test_as_it_is_and_the_plan_right_after_is_empty(tmp_path):
    with Native(tmp_path) as ours:
        done = at(ours, *IMPORT)
        assert done.code == 0, done.out + done.err
        assert f"wrote {IMPORTED}" in done.out
        for part in (
            "3 Customer",
            "3 PaymentMethod",
            "1 DunningPolicy, 1 InvoicePolicy",
        ):
            assert part in done.out
        found = {
            name: (
                one.spec.covers,
                str(one.spec.price),
                one.spec.term.months if one.spec.term else None,
                one.spec.state,
                one.spec.invoicing,
            )
            for name, one in ours.documents().items()
        }
        engine = "stripe-billing"
        assert found == {
            "sub_1": (
                ("HostingAccount/bakker.example",), "10.00 EUR/month", None,
                "active", engine,
            ),
            "sub_2": (
                ("HostingAccount/cafe.example",), "120.00 EUR/year", None,
                "active", engine,
            ),
            "sub_3": (
                ("HostingAccount/fiets.example",), "10.00 EUR/month", 3,
                "cancel-at-period-end", engine,
            ),
        }  # fmt: skip
        assert at(ours, "validate").code == 0
        for when in ([], ["--as-of", "2027-11-22"], ["--as-of", "2029-06-01"]):
            out = at(ours, "plan", *when).out
            assert "No actions. The YAML says what is live." in out
        assert "nothing to import" in at(ours, *IMPORT).out


def test_months_later_nothing_was_charged(tmp_path):
    """Whatever becomes of the clock, of the engine, and of who pays by what."""
    with Native(tmp_path) as ours:
        methods = ("import", "Provider/stripe", "--kind", "PaymentMethod")
        assert at(ours, *methods).code == 0
        assert at(ours, *IMPORT).code == 0
        ours.commit("inventory: import")
        ours.sandbox.ledger.restore({"effects": [], "requests": {}})
        ours.run()
        ours.sandbox.edit(
            "stripe", "subscription", {"id": "sub_1", "status": "past_due"}
        )
        for _ in range(6):
            ours.later(days=31)
            ours.run()
        done = {e.operation for e in ours.sandbox.ledger.effects()}
        assert done == {"by-hand"}
        assert ours.charges() == []
        assert ours.inbox.mails == []
        found = ours.findings()
        assert ("sub_1", "payment-failed") in found
        assert not {one for one in found if one[1] == "two-collectors"}


OURS = """\
  invoicing: default
  dunning: standard
"""
THEIRS = """\
  invoicing: stripe-billing
  dunning: stripe-billing
"""
CONSENT = (
    "collect: auto, primary: pm_bakker, "
    "consent: {reference: signed, date: 2026-01-01, max: 99.00 EUR}"
)


def taken_over(ours):
    """Have this tool collect what Stripe's own engine collects."""
    text = (ours.root / IMPORTED).read_text(encoding="utf-8")
    start = text.index("Subscription/sub_1:")
    whole = text[:start] + text[start:].replace(THEIRS, OURS, 1)
    assert OURS in whole
    ours.write(IMPORTED, whole)
    ours.commit("bakker: we collect")


def test_two_engines_never_collect_the_same(tmp_path):
    """Its policy says that we collect, and Stripe's engine has not been ended yet."""
    with Native(tmp_path) as ours:
        card = "{customer: cus_bakker, provider: stripe, token: pm_bakker}"
        who = f"{{legalName: Bakker BV, country: NL, payment: {{{CONSENT}}}}}"
        ours.write(
            "inventory/who.yaml",
            f"{HEAD}Customer/cus_bakker: {who}\nPaymentMethod/pm_bakker: {card}\n",
        )
        assert at(ours, *IMPORT).code == 0
        ours.commit("inventory: import")
        ours.run()
        taken_over(ours)
        ours.sandbox.ledger.restore({"effects": [], "requests": {}})
        for _ in range(4):
            ours.run()
            ours.later(days=15)
        assert ("sub_1", "two-collectors") in ours.findings()
        assert ours.sandbox.ledger.effects("stripe") == []
        # Nobody may ask what the engine collects: then nothing is known.
        no = Fault(vendor="stripe", operation="listSubscriptions", kind="status",
                   status=403, times=0)  # fmt: skip
        ours.sandbox.inject(no)
        ours.run(code=3)
        assert ours.sandbox.ledger.effects("stripe") == []
        ours.sandbox.faults.clear()
        # Ended there, it is ours; the first period that begins after that is charged.
        ours.sandbox.edit(
            "stripe", "subscription", {"id": "sub_1", "status": "canceled"}
        )
        for _ in range(3):
            ours.run()
            ours.later(days=10)
        ours.run()
        assert ours.taken("bakker") == [("stripe", "10.00 EUR")]


def test_what_cannot_be_known_is_left_with_the_line_to_write(tmp_path):
    with Native(tmp_path) as ours:
        ours.engine("sub_4", "bakker", "5.00 EUR")
        ours.engine(
            "sub_5", "bakker", "5.00 EUR", description="bakker.example, cafe.example"
        )
        ours.engine("sub_6", "cafe", "5.00 EUR", metadata={"d": "elsewhere.example"})
        ours.engine("sub_7", "cafe", "5.00 EUR", tiers=True, description="cafe.example")
        ours.engine(
            "sub_8", "cafe", "5.00 EUR", interval="week", description="cafe.example"
        )
        ours.engine("sub_9", "cafe", "10.00 EUR", count=7, description="cafe.example")
        ours.engine("sub_10", "bakker", "7.00 EUR", status="canceled")
        ours.engine(
            "sub_11",
            "bakker",
            "5.00 EUR",
            description="4111 1111 1111 1111 bakker.example",
        )
        done = at(ours, *IMPORT)
        assert done.code == 0, done.out
        report = (ours.root / "inventory/imported/import.md").read_text("utf-8")
        assert not {"sub_4", "sub_5", "sub_6", "sub_7", "sub_8", "sub_9", "sub_10"} & {
            *ours.documents()
        }
        assert "covers: [HostingAccount/SITE], price: 5.00 EUR/month" in report
        assert "names it mentions: bakker.example, cafe.example" in report
        assert "has tiers or is metered" in report
        assert "every 1 week" in report
        assert "is no whole amount a month" in report
        assert "sub_10" not in report
        assert "is paid for by Subscription/sub_1 already" in report  # sub_11
        assert "4111" not in report + (ours.root / IMPORTED).read_text("utf-8")


def test_only_the_account_that_is_declared_and_only_what_can_be_listed(tmp_path):
    with Native(tmp_path) as ours:
        fault = Fault(vendor="stripe", operation="getAccount", kind="wrong-account",
                      times=0)  # fmt: skip
        ours.sandbox.inject(fault)
        done = at(ours, *IMPORT)
        assert done.code == 3
        assert not (ours.root / IMPORTED).exists()
        ours.sandbox.faults.clear()
        done = at(ours, "import", "--all", "--kind", "Subscription")
        assert done.code == 0
        assert len(ours.documents()) == 3
        done = at(ours, "import", "Provider/paypal", "--kind", "Subscription")
        assert (done.code, "holds no Subscription" in done.err) == (1, True)
