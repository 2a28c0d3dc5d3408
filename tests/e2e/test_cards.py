"""Payment methods through the real command line, against the gateway's emulator."""

from __future__ import annotations

import json

import pytest

from reconciler.engine.held import held
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from reconciler.sandbox.example_cards import KEY
from tests.support.agency import ACCOUNTS, Agency, domain
from tests.support.shell import at

STRIPE = """\
Provider/stripe:
  type: stripe
  account: acct_sandbox
  endpoint: {stripe}
  credentials: {{key: {{file: .sandbox/secrets/stripe-key}}}}
"""
FUNDED = (
    ACCOUNTS.replace("  type: porkbun\n", "  type: porkbun\n  fundedBy: corp-visa\n")
    + STRIPE
)
HEAD = "apiVersion: reconciler/v1\n"
CARDS = "inventory/cards.yaml"
OURS = "PaymentMethod/corp-visa: {provider: stripe, token: pm_corp}\n"
BAKKER = "Customer/bakker: {legalName: Example Bakery BV, country: NL%s}\n"
OLD = "PaymentMethod/old: {customer: bakker, provider: stripe, token: pm_old}\n"
NEW = "PaymentMethod/new: {customer: bakker, provider: stripe, token: pm_new}\n"
PRIMARY = ", payment: {primary: %s}"
EVIL = "A\n\x1b[2JProvider/evil: {type: aws, credentials: {}}\n# $site"
NEW_DEFAULT = {"id": "cus_bakker", "default": "pm_new"}
OTHERS = "nameservers: [ns1.other.example, ns2.other.example]"
DOMAINS = "inventory/domains.yaml"


def files(*cards, domains=()):
    made = [domain(name, spec=OTHERS) for name in domains]
    return {CARDS: HEAD + "".join(cards), DOMAINS: HEAD + "".join(made)}


def agency(tmp_path, wanted, oddities=None, accounts=FUNDED, **more):
    more = {"remote": False, **more}
    return Agency(tmp_path, wanted, oddities, accounts=accounts, **more)


def codes(plan, kind="PaymentMethod"):
    return {
        (one.name, one.code.removeprefix("payment-method-"))
        for one in plan.findings
        if one.kind == kind
    }


def test_a_card_that_ends_before_the_domains_it_pays_for(tmp_path):
    """2026-11-22; the card is good to the end of the month, the domains are due."""
    wanted = files(OURS, domains=("a.example", "b.example", "c.example"))
    odd = {
        "corp-visa": Oddity(card={"ends": 5}),
        "a.example": Oddity({"expires": 20}),
        "b.example": Oddity({"expires": 12}),
        "c.example": Oddity({"expires": 3}),
    }
    with agency(tmp_path, wanted, odd) as ours:
        plan = ours.plan()
        assert plan.actions == ()
        (told,) = (one for one in plan.findings if one.code == "ends-before-due")
        assert told.name == "corp-visa"
        assert told.message == (
            "ends on 2026-11-30, before Domain/b.example (2026-12-04) and 1 more "
            "come due at porkbun-main"
        )
        assert codes(plan) == {
            ("corp-visa", "expires"),
            ("corp-visa", "ends-before-due"),
        }
        out = at(ours, "due", "--horizon", "14d").out
        assert "visa 4242 ends; pays for Provider/porkbun-main" in out
        assert "YOU" in out or "you" in out
        whole = json.loads(at(ours, "plan", "--format", "json").out)
        due = {one["name"]: one["at"][:10] for one in whole["due"]}
        assert due["corp-visa"] == "2026-11-30"
        later = ours.plan(as_of=ours.clock().replace(month=12))
        assert ("corp-visa", "expired") in codes(later)
        told = at(ours, "explain", "PaymentMethod/corp-visa").out
        assert "used by Provider/porkbun-main" in told
        assert "time alone" not in told
        assert ours.charges() == []


def test_another_default_is_set_once_and_after_somebody_said_so(tmp_path):
    wanted = files(OURS, BAKKER % PRIMARY % "old", OLD, NEW)
    with agency(tmp_path, wanted, {"new": Oddity(card={"default": False})}) as ours:
        assert ours.plan().actions == ()
        ours.edit(CARDS, "primary: old", "primary: new")
        ours.commit()
        plan = ours.plan()
        (action,) = plan.actions
        assert (str(action.want.ref), action.change.verb) == (
            "PaymentMethod/new", "set-default",
        )  # fmt: skip
        assert str(action.decision) == "hold"
        assert ours.apply().codes == {0, 6}
        assert ours.sandbox.ledger.effects("stripe") == []
        file = tmp_path / "plan.json"
        at(ours, "plan", "--out", str(file))
        digest = held(plan).digest
        done = at(
            ours, "apply", "--approve", digest, "--approved-plan", file, actor="bo"
        )
        assert done.code == 0, done.out + done.err
        (effect,) = ours.sandbox.ledger.effects("stripe")
        assert (effect.operation, effect.name) == ("set-default", "pm_new")
        assert ours.plan().actions == ()
        assert ours.apply().codes == {0}
        assert len(ours.sandbox.ledger.effects("stripe")) == 1
        assert ours.charges() == []


@pytest.mark.parametrize("kind", ["lost-before", "lost-after", "status-after"])
def test_a_lost_answer_ends_in_one_effect(tmp_path, kind):
    wanted = files(OURS, BAKKER % PRIMARY % "new", OLD, NEW)
    with agency(tmp_path, wanted, {"new": Oddity(card={"default": False})}) as ours:
        fault = Fault(vendor="stripe", operation="updateCustomer", kind=kind)
        ours.sandbox.inject(fault)
        digest = held(ours.plan()).digest
        file = tmp_path / "plan.json"
        at(ours, "plan", "--out", file)
        at(ours, "apply", "--approve", digest, "--approved-plan", file, actor="bo")
        for _ in range(2):
            ours.later(minutes=10)
            ours.apply()
        (effect,) = ours.sandbox.ledger.effects("stripe")
        assert (effect.name, ours.plan().actions) == ("pm_new", ())
        assert ours.apply().codes == {0}


def test_one_that_was_detached_is_loud_and_nothing_can_be_done(tmp_path):
    wanted = files(OURS, BAKKER % PRIMARY % "old", OLD)
    with agency(tmp_path, wanted) as ours:
        ours.sandbox.edit("stripe", "method", {"id": "pm_old", "detach": True})
        ours.later(days=1)
        plan = ours.plan()
        assert ("old", "detached") in codes(plan)
        assert plan.actions == ()


def cards(plan):
    return [one.name for one in plan.unmanaged if one.kind == "PaymentMethod"]


class TestWhatIsDeclared:
    def test_a_token_is_known_whatever_its_document_is_called(self, tmp_path):
        wanted = files(OURS, BAKKER % "", OLD, NEW, domains=("a.example",))
        with agency(tmp_path, wanted) as ours:
            assert cards(ours.plan()) == []
            ours.write("inventory/twice.yaml", HEAD + OLD.replace("/old:", "/also:"))
            assert ("old", "declared-twice") in codes(ours.plan())
            (ours.root / "inventory/twice.yaml").unlink()
            some = at(ours, "--select", "Domain/a.example", "plan", "--format", "json")
            live = json.loads(some.out)["unmanaged"]
            assert [one["kind"] for one in live] == ["Domain"]
            ours.edit(CARDS, NEW, "")
            ours.sandbox.edit("stripe", "customer", NEW_DEFAULT)
            assert cards(ours.plan()) == ["pm_new"]
            out = at(ours, "drift").out
            command = "--kind PaymentMethod --select PaymentMethod/pm_new"
            assert f"reconciler import Provider/stripe {command}" in out

    def test_a_snapshot_tells_the_same_and_names_nobody(self, tmp_path):
        wanted = files(OURS, BAKKER % PRIMARY % "old", OLD)
        with agency(tmp_path, wanted, {"old": Oddity(card={"ends": 5})}) as ours:
            seen = tmp_path / "seen.json"
            assert at(ours, "observe", "--out", seen).code == 0
            text = seen.read_text(encoding="utf-8")
            assert '"last4":"4242"' in text.replace(" ", "")
            assert "Bakker BV" not in text
            assert KEY not in text
            live = ours.plan()
            for _ in range(2):  # the second one knows what is quiet
                again = at(ours, "plan", "--observed", seen, "--format", "json")
                found = json.loads(again.out)["findings"]
                assert {(o["name"], o["code"]) for o in found} >= {
                    (o.name, o.code) for o in live.findings
                }
            ours.write("inventory/late.yaml", HEAD + NEW)
            late = at(ours, "plan", "--observed", seen, "--format", "json")
            (unread,) = json.loads(late.out)["unknown"]
            assert (unread["name"], late.code) == ("new", 3)
            ours.edit(CARDS, PRIMARY % "old", "")
            again = at(ours, "plan", "--observed", seen, "--format", "json")
            found = [o["code"] for o in json.loads(again.out)["findings"]]
            assert "payment-method-unused" in found


def test_what_is_refused_is_refused_before_anything_is_asked(tmp_path):
    """All of them, with their codes: tests/support/bad_cards.py."""
    with agency(tmp_path, files(OURS)) as ours:
        line = "PaymentMethod/x: {provider: stripe, token: 4111 1111 1111 1111}"
        ours.write("inventory/bad.yaml", f"{HEAD}{line}\n")
        ours.sandbox.ledger.reset_requests()
        for command in ("validate", "plan", "apply", "due"):
            done = at(ours, command)
            assert done.code == 1
            assert "inventory/bad.yaml:2:" in done.err + done.out
            assert "Traceback" not in done.err
            assert "4111" not in done.err + done.out
        assert ours.sandbox.ledger.requests() == {}


class Undeclared(Agency):
    """The gateway has everything, no document says so, and there is no base."""

    def __init__(self, tmp, wanted, oddities=None):
        accounts = ACCOUNTS + STRIPE
        super().__init__(
            tmp, wanted, oddities, remote=False, based=False, accounts=accounts
        )
        (self.root / CARDS).unlink()


IMPORT = ("import", "Provider/stripe", "--kind", "PaymentMethod")
IMPORTED = "inventory/imported/stripe.yaml"


class TestImport:
    ODD = {"new": Oddity(card={"default": False})}

    def wanted(self):
        others = [
            f"Customer/c{at}: {{legalName: C{at} BV, country: NL}}\n"
            f"PaymentMethod/m{at}: "
            f"{{customer: c{at}, provider: stripe, token: pm_m{at}}}\n"
            for at in range(5)
        ]
        return files(BAKKER % "", OLD, NEW, *others)

    def test_everything_is_imported_and_the_plan_is_empty(self, tmp_path):
        with Undeclared(tmp_path, self.wanted(), self.ODD) as ours:
            ours.sandbox.ledger.reset_requests()
            done = at(ours, *IMPORT)
            assert done.code == 0, done.out + done.err
            assert f"wrote {IMPORTED}: 6 Customer, 7 PaymentMethod" in done.out
            asked = ours.sandbox.ledger.requests()["stripe"]
            assert asked == {
                "getAccount": 2, "listCustomers": 2, "listPaymentMethods": 6,
            }  # fmt: skip
            text = (ours.root / IMPORTED).read_text(encoding="utf-8")
            assert "collect: none" in text
            assert "primary: pm_old" in text
            assert "primary: pm_new" not in text
            assert at(ours, "validate").code == 0
            for when in ([], ["--as-of", "2027-11-22"], ["--as-of", "2029-06-01"]):
                out = at(ours, "plan", *when).out
                assert "No actions. The YAML says what is live." in out
                assert "Unmanaged" not in out
            ours.commit("inventory: import")
            assert ours.apply().codes == {0}
            assert ours.sandbox.ledger.effects("stripe") == []
            assert ours.charges() == []

    def test_what_was_renamed_is_not_imported_again(self, tmp_path):
        with Undeclared(tmp_path, self.wanted(), self.ODD) as ours:
            assert at(ours, *IMPORT, "--select", "PaymentMethod/pm_old").code == 0
            ours.edit(IMPORTED, "PaymentMethod/pm_old:", "PaymentMethod/visa:")
            ours.edit(IMPORTED, "primary: pm_old", "primary: visa")
            ours.edit(IMPORTED, "customer: cus_bakker", "customer: bakery")
            ours.edit(
                IMPORTED,
                "Customer/cus_bakker:\n",
                "Customer/bakery:\n  uid: cus_bakker\n",
            )
            assert at(ours, "validate").code == 0
            done = at(ours, *IMPORT)
            assert "5 Customer, 6 PaymentMethod" in done.out
            made = ours.project().inventory.of("PaymentMethod")
            whose = {one.spec.token: one.spec.customer for one in made}
            assert (whose["pm_new"], whose["pm_new"]) == ("bakery", "bakery")
            assert "nothing to import" in at(ours, *IMPORT).out
            assert ours.plan().actions == ()

    def test_whom_the_gateway_does_not_know_is_left(self, tmp_path):
        with Undeclared(tmp_path, self.wanted(), self.ODD) as ours:
            account = ours.sandbox.bench("stripe").state["accounts"][0]
            account["customers"]["cus_c1"]["address"] = None
            account["customers"]["cus_c2"]["name"] = "4111 1111 1111 1111"
            account["customers"]["cus_c3"]["name"] = EVIL
            done = at(ours, *IMPORT)
            assert "4 Customer, 5 PaymentMethod" in done.out
            assert "PaymentMethod/pm_m1" in done.out
            assert "PaymentMethod/pm_m2" in done.out
            text = (ours.root / IMPORTED).read_text(encoding="utf-8")
            assert "4111" not in done.out + text
            assert at(ours, "validate").code == 0
            tree = ours.project().inventory
            assert "evil" not in [one.name for one in tree.of("Provider")]
            said = {one.name: one.spec.legal_name for one in tree.of("Customer")}
            assert said.get("cus_c3", EVIL) == EVIL
            assert "\x1b" not in text

    def test_nothing_of_a_person_shows_anywhere(self, tmp_path):
        """Mail addresses, keys, numbers: not printed, written, committed or kept."""
        with Undeclared(tmp_path, self.wanted(), self.ODD) as ours:
            account = ours.sandbox.bench("stripe").state["accounts"][0]
            for row in account["customers"].values():
                row |= {"email": "canary@mail.example", "phone": "+31-canary"}
                row["address"]["line1"] = "1 Canary Street"
            for one in account["methods"].values():
                one["billing_details"]["email"] = "canary@mail.example"
                one["card"]["fingerprint"] = "canaryprint"
            said = [at(ours, *IMPORT), at(ours, "plan", "-v"), at(ours, "due")]
            said += [at(ours, "observe", "--out", tmp_path / "seen.json")]
            ours.commit("inventory: import")
            ours.apply()
            said += [at(ours, "audit", "log"), at(ours, "plan", "--format", "json")]
            written = [
                (path.name, path.read_bytes())
                for path in [*ours.root.rglob("*"), tmp_path / "seen.json"]
                if path.is_file() and ".sandbox" not in path.parts
            ]
            whole = "".join(one.out + one.err for one in said)
            for word in ("canary", "Canary", KEY):
                assert word not in whole
                assert not [name for name, text in written if word.encode() in text]
