from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Declined, Rejected, Unsupported
from reconciler.kinds.subscription import (
    BILLING,
    Authorize,
    BillingState,
    Charge,
    Invoice,
    Of,
    Void,
)
from reconciler.model import Account, Change, FieldChange, Money, Share, Unknown
from reconciler.model.billing import Collector
from reconciler.providers._stripe_declines import ACTION, HARD, kind_of
from reconciler.providers.stripe_billing import StripeBilling
from reconciler.sandbox import Sandbox
from reconciler.sandbox.stripe_objects import invoice_object
from reconciler.testing import Case
from tests.support.billing import (
    PRICE,
    RENEWAL,
    account,
    invoiced,
    known,
    open_invoice,
    remembered,
    subscription,
    terms,
    tried,
    world,
)
from tests.support.cards import ACCOUNT, KEY
from tests.support.contract import NOW, SandboxContract
from tests.support.registrar import Bench, benches

MAIN = Share("main", BILLING)
NEXT = Of("2026-12-01")
FENCED = Of("2026-11-10")
#: What was made, paid or fenced off: what a verb of ours is there for.
DEEDS = {"finalizeInvoice", "pay", "voidInvoice"}


class TestStripeKeepsTheContract(SandboxContract):
    driver = StripeBilling
    vendor = "stripe"
    part = world()
    secrets = {"key": KEY}
    listing = "listInvoices"
    operations = {
        "invoice": "finalizeInvoice",
        "charge": "payInvoice",
        "void": "voidInvoice",
    }
    extra = "sub_native"

    def start(self) -> Account:
        made = super().start()
        open_invoice(self.sandbox, "charged", "cus_ok")
        open_invoice(self.sandbox, "fenced", "cus_hard", FENCED)
        return made

    def wants(self) -> list[Any]:
        def facts(uid: str) -> Any:
            return lambda: remembered(self.sandbox, uid)

        def hard() -> Any:
            tries = {f"{FENCED.fact}/try/charge-1": tried("hard", "pm_hard", 9)}
            return remembered(self.sandbox, "fenced") | tries

        other = terms("pm_hard", ("paypal-main", "token"))
        return [
            subscription("made", terms("pm_ok"), facts("made"), NEXT.period),
            subscription("charged", terms("pm_ok"), facts("charged"), RENEWAL.period),
            subscription("fenced", other, hard, "2026-11-10"),
        ]

    def missing(self) -> Any:
        return subscription("missing", terms("pm_ok"), known, NEXT.period)

    def effects(self, name: str) -> int:
        return sum(
            effect.operation in DEEDS
            and effect.details["metadata"].get("reconciler_subscription") == name
            for effect in self.sandbox.ledger.effects("stripe")
        )

    def pages(self) -> int:
        fill(self.sandbox, 101)
        return 2

    def other(self, change: Change) -> Change:
        match change:
            case Invoice():
                told = {**change.details, "amount": "11.00 EUR"}
                return change.model_copy(update={"details": told})
            case Charge():
                dearer = Money.model_validate("11.00 EUR")
                return change.model_copy(update={"charge": dearer})
            case _:
                told = {**change.details, "bill": open_bill(self.sandbox, "charged")}
                return change.model_copy(update={"details": told})

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """A subscription that Stripe never saw has no bills; absent it never is."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert seen.states["missing"] == BillingState(way="invoice")
        assert {one.name for one in seen.unmanaged} == {"sub_native"}


def open_bill(sandbox: Sandbox, uid: str) -> str:
    return next(
        name
        for name, row in account(sandbox)["invoices"].items()
        if row["metadata"]["reconciler_subscription"] == uid
    )


def fill(sandbox: Sandbox, number: int) -> None:
    """Put *number* more invoices, of nobody we know, into the account."""
    own = account(sandbox)
    created = int(NOW.timestamp()) - 60
    for at in range(number):
        name = f"in_zz{at:04}"
        row = invoice_object(name, created, own["customers"]["cus_ok"])
        own["invoices"][name] = row


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestStripeKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestStripeKeepsTheContract, sandbox)
    for part in ("invoices", "payments", "intents"):
        account(sandbox)[part].clear()
    yield made
    made.driver.close()


def want(sandbox: Sandbox, name: str, **more: Any) -> Any:
    """Return the subscription of the customer *name*, called so."""
    agreed = terms(f"pm_{name}", **more)
    return subscription(name, agreed, lambda: remembered(sandbox, name), RENEWAL.period)


def step(bench: Bench, wanted: Any) -> Any:
    """Return the next step of a subscription."""
    (found,) = wanted.diff({MAIN: bench.state(wanted)}, bench.account.clock())
    return found


def making(bench: Bench, name: str = "ok", **more: Any) -> Case:
    wanted = want(bench.sandbox, name, **more)
    found = step(bench, wanted)
    assert isinstance(found, Invoice)
    return Case(wanted, found)


def paying(bench: Bench, name: str = "ok") -> Case:
    """Return the charge that is due of an invoice that is open."""
    open_invoice(bench.sandbox, name, f"cus_{name}")
    wanted = want(bench.sandbox, name)
    found = step(bench, wanted)
    assert isinstance(found, Charge)
    return Case(wanted, found)


def bill(bench: Bench, wanted: Any, of: Of = RENEWAL) -> Any:
    found = bench.state(wanted).bill(of)
    assert found
    return found


def charges(bench: Bench) -> list[Any]:
    return bench.sandbox.charges("stripe")


def invoices(bench: Bench) -> list[dict[str, Any]]:
    return list(account(bench.sandbox)["invoices"].values())


class TestMakingAnInvoice:
    def test_one_draft_with_its_line_that_only_this_tool_collects(
        self, bench: Bench
    ) -> None:
        case = making(bench)
        receipt = bench.driver.apply(case.want, case.change, "operation-1")
        (row,) = invoices(bench)
        assert receipt.reference == row["id"]
        assert receipt.details == {
            "id": row["id"],
            "number": row["number"],
            "total": PRICE,
            "left": PRICE,
        }
        assert row["metadata"] == {
            "reconciler_subscription": "ok",
            "reconciler_period": "2026-11-23",
            "reconciler_purpose": "renewal",
            "reconciler_leg": "0",
            "reconciler_operation": "operation",
        }
        assert (row["auto_advance"], row["collection_method"], row["status"]) == (
            False, "charge_automatically", "open",
        )  # fmt: skip
        (line,) = row["lines"]["data"]
        assert line["description"] == "ok.example: 2026-11-23 to 2026-12-22"
        assert line["period"]["end"] - line["period"]["start"] == 30 * 86400
        keys = [e.key for e in bench.sandbox.ledger.effects("stripe")]
        assert keys == [
            "operation-1/create", "operation-1/item/0", "operation-1/finalize",
        ]  # fmt: skip
        assert charges(bench) == []

    @pytest.mark.parametrize(
        "operation", ["createInvoice", "createInvoiceItem", "finalizeInvoice"]
    )
    @pytest.mark.parametrize("kind", ["lost-before", "lost-after", "status-after"])
    def test_a_lost_answer_at_any_step_makes_no_second_one(
        self, bench: Bench, operation: str, kind: str
    ) -> None:
        case = making(bench)
        bench.fault(kind, operation)
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        (row,) = invoices(bench)
        assert receipt.reference == row["id"]
        assert (row["status"], row["total"]) == ("open", 1000)
        assert len(row["lines"]["data"]) == 1

    def test_a_draft_of_yesterday_is_completed(self, bench: Bench) -> None:
        """The keys are forgotten by then; the invoice itself says what it is for."""
        case = making(bench)
        bench.fault("lost-before", "createInvoiceItem")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        bench.sandbox.clock.advance(timedelta(hours=25))
        bench.driver.apply(case.want, case.change, "k-1")
        (row,) = invoices(bench)
        assert (row["status"], row["total"]) == ("open", 1000)

    @pytest.mark.parametrize("days", [0, 300])
    def test_one_that_nobody_remembers_is_found_however_old(
        self, bench: Bench, days: int
    ) -> None:
        case = making(bench)
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        bench.sandbox.clock.advance(timedelta(days=days))
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert (receipt.reference, receipt.replayed) == (name, True)
        assert len(invoices(bench)) == 1

    def test_what_pending_items_there_are_stays_out_of_it(self, bench: Bench) -> None:
        own = account(bench.sandbox)
        open_invoice(bench.sandbox, "stranger", "cus_ok")
        item = next(iter(own["items"].values()))
        own["items"]["ii_pending"] = {**item, "id": "ii_pending", "invoice": None}
        case = making(bench)
        bench.driver.apply(case.want, case.change, "k-1")
        assert [row["total"] for row in invoices(bench)] == [1000, 1000]

    def test_one_that_comes_to_something_else_is_not_finalised(
        self, bench: Bench
    ) -> None:
        case = making(bench)
        bench.fault("lost-before", "finalizeInvoice")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        told = {**case.change.details, "amount": "11.00 EUR"}
        dearer = case.change.model_copy(update={"details": told})
        with pytest.raises(Rejected, match=r"comes to 10\.00 EUR"):
            bench.driver.apply(case.want, dearer, "k-2")
        assert [row["status"] for row in invoices(bench)] == ["draft"]

    def test_one_that_was_made_void_is_not_made_again(self, bench: Bench) -> None:
        case = making(bench)
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        bench.sandbox.edit("stripe", "invoice", {"id": name, "void": True})
        with pytest.raises(Rejected, match="void"):
            bench.driver.apply(case.want, case.change, "k-1")
        assert len(invoices(bench)) == 1

    def test_two_for_the_same_are_a_persons_business(self, bench: Bench) -> None:
        case = making(bench)
        for _ in range(2):
            open_invoice(bench.sandbox, "ok", "cus_ok")
        with pytest.raises(Rejected, match="several invoices"):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_credit_comes_first(self, bench: Bench) -> None:
        customer = {"id": "cus_ok", "balance": -400}
        bench.sandbox.edit("stripe", "customer", customer)
        case = making(bench)
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert (receipt.details["total"], receipt.details["left"]) == (
            PRICE, "6.00 EUR",
        )  # fmt: skip
        charge = step(bench, case.want)
        assert charge.charge == Money.model_validate("6.00 EUR")
        bench.driver.apply(case.want, charge, "k2-1")
        assert [effect.amount for effect in charges(bench)] == ["6.00 EUR"]

    def test_what_credit_covers_is_paid_without_a_charge(self, bench: Bench) -> None:
        customer = {"id": "cus_ok", "balance": -1500}
        bench.sandbox.edit("stripe", "customer", customer)
        case = making(bench)
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert receipt.details["left"] == "0.00 EUR"
        assert bill(bench, case.want).state == "paid"
        assert [*case.want.diff({MAIN: bench.state(case.want)}, NOW)] == []

    def test_a_rate_in_per_cent_is_made_once(self, bench: Bench) -> None:
        for key in ("a-1", "b-1"):
            name = "ok" if key == "a-1" else "soft"
            case = making(bench, name, invoicing={"tax": "21%"})
            receipt = bench.driver.apply(case.want, case.change, key)
            assert receipt.details["total"] == "12.10 EUR"
        assert len(account(bench.sandbox)["rates"]) == 1

    def test_rates_of_the_account_and_stripe_tax(self, bench: Bench) -> None:
        own = account(bench.sandbox)
        own["tax"]["NL"] = 21.0
        case = making(bench, invoicing={"tax": "gateway"})
        receipt = bench.driver.apply(case.want, case.change, "a-1")
        assert receipt.details["total"] == "12.10 EUR"
        rate = making(bench, "soft", invoicing={"tax": "9%"})
        bench.driver.apply(rate.want, rate.change, "b-1")
        (name,) = own["rates"]
        given = making(bench, "hard", invoicing={"tax": [name]})
        told = bench.driver.apply(given.want, given.change, "c-1").details
        assert told["total"] == "10.90 EUR"

    def test_a_rate_that_is_included_changes_no_price(self, bench: Bench) -> None:
        own = account(bench.sandbox)
        case = making(bench, invoicing={"tax": "21%"})
        bench.driver.apply(case.want, case.change, "a-1")
        (name,) = own["rates"]
        own["rates"][name]["inclusive"] = True
        given = making(bench, "hard", invoicing={"tax": [name]})
        told = bench.driver.apply(given.want, given.change, "c-1").details
        assert told["total"] == PRICE

    def test_no_address_no_stripe_tax(self, bench: Bench) -> None:
        account(bench.sandbox)["customers"]["cus_ok"]["address"] = None
        case = making(bench, invoicing={"tax": "gateway"})
        with pytest.raises(Rejected, match="customer_tax_location_invalid"):
            bench.driver.apply(case.want, case.change, "a-1")
        assert [row["status"] for row in invoices(bench)] == ["draft"]

    def test_who_pays_by_invoice_gets_a_due_date(self, bench: Bench) -> None:
        case = making(bench, collect="invoice")
        bench.driver.apply(case.want, case.change, "a-1")
        (row,) = invoices(bench)
        assert row["collection_method"] == "send_invoice"
        assert row["due_date"] - row["created"] == 86400
        bench.sandbox.clock.advance(timedelta(days=2))
        late = making(bench, "soft", collect="invoice")
        bench.driver.apply(late.want, late.change, "b-1")
        assert invoices(bench)[1]["due_date"] == invoices(bench)[1]["created"]

    @pytest.mark.parametrize("gone", ["nowhere", "detached"])
    def test_a_method_of_nobody_makes_nothing(self, bench: Bench, gone: str) -> None:
        case = making(bench)
        if gone == "detached":
            bench.sandbox.edit("stripe", "method", {"id": "pm_ok", "detach": True})
        else:
            del account(bench.sandbox)["methods"]["pm_ok"]
        with pytest.raises(Rejected):
            bench.driver.apply(case.want, case.change, "a-1")
        assert invoices(bench) == []


class TestPaying:
    def test_exactly_what_is_left_by_the_method_that_was_said(
        self, bench: Bench
    ) -> None:
        case = paying(bench)
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert receipt.details["amount"] == PRICE
        (charge,) = charges(bench)
        assert (charge.amount, charge.key) == (PRICE, "k-1/pay")
        assert charge.details["method"] == "pm_ok"
        paid = bill(bench, case.want)
        assert (paid.state, paid.paid, paid.at) == (
            "paid", Money.model_validate(PRICE), NOW,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "kind", "code", "shown"),
        [
            ("soft", "soft", "insufficient_funds", "failed"),
            ("hard", "hard", "stolen_card", "failed"),
            ("sca", "action", "authentication_required", "action"),
        ],
    )
    def test_a_decline_says_whether_it_may_work_another_day(
        self, bench: Bench, name: str, kind: str, code: str, shown: str
    ) -> None:
        case = paying(bench, name)
        with pytest.raises(Declined) as refused:
            bench.driver.apply(case.want, case.change, "k-1")
        assert (refused.value.kind, refused.value.declined) == (kind, code)
        assert refused.value.request_id
        seen = bill(bench, case.want)
        assert (seen.state, seen.payment, seen.code) == ("open", shown, code)
        assert seen.method == f"pm_{name}"
        assert charges(bench) == []

    def test_a_decline_is_replayed_and_another_attempt_is_another_key(
        self, bench: Bench
    ) -> None:
        case = paying(bench, "twice")
        for key in ("k-1", "k-1", "k-2"):
            with pytest.raises(Declined):
                bench.driver.apply(case.want, case.change, key)
        bench.driver.apply(case.want, case.change, "k-3")
        assert len(charges(bench)) == 1

    def test_a_bank_that_decides_later(self, bench: Bench) -> None:
        case = paying(bench, "late")
        for _ in range(2):
            with pytest.raises(Ambiguous, match="under way"):
                bench.driver.apply(case.want, case.change, "k-1")
        state = bench.state(case.want)
        assert state.bill(RENEWAL).payment == "processing"
        have = {MAIN: state}
        assert case.want.pending(case.change, have)
        since = bench.account.clock()
        bench.sandbox.clock.advance(timedelta(days=1))
        ask = bench.driver.happened
        assert ask(case.want, case.change, "k-1", since) is None
        bench.sandbox.clock.advance(timedelta(days=1))
        assert ask(case.want, case.change, "k-1", since) is True
        assert len(charges(bench)) == 1

    def test_what_is_under_way_is_not_even_asked_for_again(self, bench: Bench) -> None:
        case = paying(bench, "late")
        for key in ("k-1", "k-2"):
            with pytest.raises(Ambiguous):
                bench.driver.apply(case.want, case.change, key)
        assert bench.sandbox.ledger.requests()["stripe"]["payInvoice"] == 1

    def test_a_decline_is_one_whatever_can_be_read_then(self, bench: Bench) -> None:
        case = paying(bench, "soft")
        bench.fault("status", "getInvoice", status=500, skip=1, times=0)
        with pytest.raises(Declined):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_a_bank_that_says_no_later(self, bench: Bench) -> None:
        case = paying(bench, "bounce")
        since = bench.account.clock()
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        bench.sandbox.clock.advance(timedelta(days=2))
        with pytest.raises(Declined) as no:
            bench.driver.happened(case.want, case.change, "k-1", since)
        assert (no.value.kind, no.value.declined) == ("soft", "insufficient_funds")
        seen = bill(bench, case.want)
        assert (seen.payment, seen.code) == ("failed", "insufficient_funds")
        assert charges(bench) == []

    @pytest.mark.parametrize("when", ["before", "meanwhile"])
    def test_a_customer_who_was_faster_has_paid(self, bench: Bench, when: str) -> None:
        case = paying(bench)
        paid = {"id": case.change.text("bill"), "pay": when == "before" or when}
        bench.sandbox.edit("stripe", "invoice", paid)
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert receipt.replayed
        assert receipt.details["amount"] == PRICE
        (charge,) = charges(bench)
        assert charge.key is None

    def test_a_refusal_is_read_again_and_an_open_one_stays_a_refusal(
        self, bench: Bench
    ) -> None:
        case = paying(bench)
        bench.sandbox.edit("stripe", "method", {"id": "pm_ok", "detach": True})
        with pytest.raises(Rejected, match="must be attached"):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_a_refusal_that_cannot_be_read_again_is_no_refusal(
        self, bench: Bench
    ) -> None:
        case = paying(bench)
        paid = {"id": case.change.text("bill"), "pay": "meanwhile"}
        bench.sandbox.edit("stripe", "invoice", paid)
        bench.fault("status", "getInvoice", status=500, skip=1, times=0)
        with pytest.raises(Ambiguous, match="could not be read"):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_another_amount_another_thing_or_nothing_open_is_refused(
        self, bench: Bench
    ) -> None:
        case = paying(bench)
        (row,) = invoices(bench)
        for change in (
            {"amount_remaining": 900},
            {"currency": "usd"},
            {"status": "uncollectible"},
            {"status": "draft"},
            {"metadata": {**row["metadata"], "reconciler_period": "2026-10-23"}},
            {"metadata": {**row["metadata"], "reconciler_subscription": "other"}},
        ):
            before = {name: row[name] for name in change}
            row |= change
            with pytest.raises(Rejected):
                bench.driver.apply(case.want, case.change, "k-1")
            row |= before
        assert bench.sandbox.ledger.requests()["stripe"].get("payInvoice") is None
        bench.driver.apply(case.want, case.change, "k-1")

    def test_a_lock_is_waited_for(self, bench: Bench) -> None:
        case = paying(bench)
        lock = {"id": case.change.text("bill"), "lock": 2}
        bench.sandbox.edit("stripe", "invoice", lock)
        bench.driver.apply(case.want, case.change, "k-1")
        assert len(charges(bench)) == 1

    def test_a_key_in_use_leaves_it_open(self, bench: Bench) -> None:
        case = paying(bench)
        bench.fault("status", "payInvoice", status=409)
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_what_cannot_be_read_is_never_nothing(self, bench: Bench) -> None:
        case = paying(bench)
        (row,) = invoices(bench)
        row["amount_remaining"] = "a lot"
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_the_customer_has_to_confirm_an_attempt_in_session(
        self, bench: Bench
    ) -> None:
        case = paying(bench, "sca")
        paid = {"id": case.change.text("bill"), "pay": True, "method": "pm_sca"}
        bench.sandbox.edit("stripe", "invoice", paid)
        seen = bill(bench, case.want)
        assert (seen.state, seen.payment) == ("open", "action")


class TestTheFence:
    @pytest.fixture
    def case(self, bench: Bench) -> Case:
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        change = Void(
            share=MAIN,
            fields=(FieldChange(field="x"),),
            because="x",
            generation=RENEWAL.generation,
            details={"bill": name},
        )
        return Case(want(bench.sandbox, "ok"), change)

    def test_it_can_never_be_paid_any_more(self, bench: Bench, case: Case) -> None:
        receipt = bench.driver.apply(case.want, case.change, "k-1")
        assert not receipt.replayed
        assert bench.driver.apply(case.want, case.change, "k-2").replayed
        assert bill(bench, case.want).state == "void"
        name = receipt.reference
        with pytest.raises(Exception, match="isn't open"):
            bench.sandbox.edit("stripe", "invoice", {"id": name, "pay": True})

    def test_not_where_it_is_paid(self, bench: Bench, case: Case) -> None:
        name = case.change.text("bill")
        bench.sandbox.edit("stripe", "invoice", {"id": name, "pay": True})
        with pytest.raises(Rejected, match="is paid"):
            bench.driver.apply(case.want, case.change, "k-1")

    def test_not_where_it_is_being_paid(self, bench: Bench) -> None:
        paying(bench, "late")
        case = Case(
            want(bench.sandbox, "late"), step(bench, want(bench.sandbox, "late"))
        )
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        told = {"details": case.change.details, "generation": RENEWAL.generation}
        void = Void(share=MAIN, fields=(FieldChange(field="x"),), because="x", **told)
        with pytest.raises(Rejected, match="under way"):
            bench.driver.apply(case.want, void, "k-2")

    def test_a_payment_in_the_same_moment_wins_or_loses_whole(
        self, bench: Bench, case: Case
    ) -> None:
        """Stripe decides which was first; nobody takes it for both."""
        bench.fault("lost-after", "voidInvoice")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        since = bench.account.clock()
        assert bench.driver.happened(case.want, case.change, "k-1", since) is True


class TestWhatIsRead:
    def test_two_lists_and_nothing_for_each(self, bench: Bench) -> None:
        wants = []
        for name in ("ok", "soft", "hard"):
            open_invoice(bench.sandbox, name, f"cus_{name}")
            wants.append(want(bench.sandbox, name))
        observed = bench.driver.observe(wants)
        assert observed.requests == {
            "listInvoices": 1, "listInvoicePayments": 1, "listSubscriptions": 1,
        }  # fmt: skip
        assert all(state.bills for state in observed.states.values())  # type: ignore[union-attr]

    def test_an_old_one_that_is_still_to_be_paid_is_asked_for(
        self, bench: Bench
    ) -> None:
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        wanted = want(bench.sandbox, "ok")
        bench.sandbox.clock.advance(timedelta(days=101))
        observed = bench.driver.observe([wanted])
        assert observed.requests["getInvoice"] == 1
        assert bill(bench, wanted).id == name
        bench.fault("status", "getInvoice", status=500, times=0)
        assert isinstance(bench.state(wanted), Unknown)

    @pytest.mark.parametrize("end", ["paid", "void"])
    def test_what_is_settled_by_the_records_is_not(
        self, bench: Bench, end: str
    ) -> None:
        facts = known() | {
            f"{RENEWAL.fact}/invoice": invoiced("in_old", RENEWAL.period),
            f"{RENEWAL.fact}/{end}": {"at": NOW.isoformat()},
        }
        wanted = subscription("ok", terms("pm_ok"), lambda: facts, RENEWAL.period)
        observed = bench.driver.observe([wanted])
        assert "getInvoice" not in observed.requests
        assert observed.states["ok"] == BillingState(way="invoice")

    def test_one_that_is_gone_means_another_account(self, bench: Bench) -> None:
        """An open invoice cannot be deleted: whether it is paid, nobody here knows."""
        facts = known() | {f"{RENEWAL.fact}/invoice": invoiced("in_x", RENEWAL.period)}
        wanted = subscription("ok", terms("pm_ok"), lambda: facts, RENEWAL.period)
        assert isinstance(bench.state(wanted), Unknown)

    @pytest.mark.parametrize(
        "edited",
        [
            {},
            {"reconciler_subscription": "another"},
            {"reconciler_subscription": "ok", "reconciler_period": "2026-12-23"},
        ],
    )
    def test_what_it_is_for_is_what_the_records_say(
        self, bench: Bench, edited: dict[str, str]
    ) -> None:
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        facts = remembered(bench.sandbox, "ok")
        bench.sandbox.edit("stripe", "invoice", {"id": name, "pay": True})
        row = account(bench.sandbox)["invoices"][name]
        rest = {"reconciler_purpose": "renewal", "reconciler_leg": "0"}
        row["metadata"] = edited and {**rest, "reconciler_period": "x", **edited}
        wanted = subscription("ok", terms("pm_ok"), lambda: facts, RENEWAL.period)
        found = bill(bench, wanted)
        assert (found.id, found.of, found.state) == (name, RENEWAL, "paid")

    def test_a_name_may_change_and_the_uid_stays(self, bench: Bench) -> None:
        open_invoice(bench.sandbox, "ok", "cus_ok")
        wanted = want(bench.sandbox, "ok")
        renamed = wanted.model_copy(
            update={
                "metadata": wanted.metadata.model_copy(
                    update={"name": "new", "uid": "ok"}
                )
            }
        )
        assert bench.state(renamed).bills

    def test_of_two_for_the_same_the_paid_one_counts(self, bench: Bench) -> None:
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        bench.sandbox.edit("stripe", "copy", {"id": name})
        assert bill(bench, want(bench.sandbox, "ok")).state == "paid"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"total": -5},
            {"total": None},
            {"status": "made-up"},
            {"metadata": {"reconciler_subscription": "ok"}},
        ],
    )
    def test_one_that_cannot_be_is_one_unknown(
        self, bench: Bench, wrong: dict[str, Any]
    ) -> None:
        open_invoice(bench.sandbox, "ok", "cus_ok")
        open_invoice(bench.sandbox, "soft", "cus_soft")
        invoices(bench)[0].update(wrong)
        wants = [want(bench.sandbox, "soft")]
        other = subscription("ok", terms("pm_ok"), known, RENEWAL.period)
        states = bench.driver.observe([*wants, other]).states
        assert isinstance(states["ok"], Unknown)
        assert isinstance(states["soft"], BillingState)

    def test_attempts_that_cannot_be_read_are_not_no_attempts(
        self, bench: Bench
    ) -> None:
        open_invoice(bench.sandbox, "ok", "cus_ok")
        bench.fault("status", "listInvoicePayments", status=500, times=0)
        assert isinstance(bench.state(want(bench.sandbox, "ok")), Unknown)

    def test_a_word_nobody_knows_is_a_payment_under_way(self, bench: Bench) -> None:
        open_invoice(bench.sandbox, "ok", "cus_ok")
        (intent,) = account(bench.sandbox)["intents"].values()
        intent["status"] = "made-up"
        assert bill(bench, want(bench.sandbox, "ok")).payment == "processing"

    def test_stripes_own_are_unmanaged_until_they_end(self, bench: Bench) -> None:
        assert [one.name for one in bench.driver.observe([]).unmanaged] == [
            "sub_native"
        ]
        adopted = want(bench.sandbox, "ok")
        uid = {"metadata": adopted.metadata.model_copy(update={"uid": "sub_native"})}
        seen = bench.driver.observe([adopted.model_copy(update=uid)])
        assert seen.unmanaged == ()
        account(bench.sandbox)["subscriptions"]["sub_native"]["status"] = "canceled"
        # Their list is asked for once in a run.
        next_run = type(bench.driver)(bench.account)
        assert next_run.observe([]).unmanaged == ()
        next_run.close()

    def test_nothing_personal_is_shown(self, bench: Bench) -> None:
        open_invoice(bench.sandbox, "soft", "cus_soft")
        wanted = want(bench.sandbox, "soft")
        charge = step(bench, wanted)
        with pytest.raises(Declined) as refused:
            bench.driver.apply(wanted, charge, "k-1")
        said = bench.state(wanted).model_dump_json() + str(refused.value)
        assert "anary" not in said
        assert "invoice.stripe.example" not in said


class TestLostAnswers:
    @pytest.mark.parametrize("kind", ["lost-before", "lost-after", "status-after"])
    def test_of_a_charge(self, bench: Bench, kind: str) -> None:
        case = paying(bench)
        since = bench.account.clock()
        bench.fault(kind, "payInvoice")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        ask = bench.driver.happened
        paid = kind != "lost-before"
        assert ask(case.want, case.change, "k-1", since) is (True if paid else None)
        bench.sandbox.clock.advance(timedelta(minutes=61))
        assert ask(case.want, case.change, "k-1", since) is paid
        bench.driver.apply(case.want, case.change, "k-1")
        assert len(charges(bench)) == 1

    @pytest.mark.parametrize(
        ("name", "kind"), [("soft", "soft"), ("hard", "hard"), ("sca", "action")]
    )
    def test_of_a_charge_that_was_declined(
        self, bench: Bench, name: str, kind: str
    ) -> None:
        case = paying(bench, name)
        since = bench.account.clock()
        bench.fault("lost-after", "payInvoice")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        with pytest.raises(Declined) as no:
            bench.driver.happened(case.want, case.change, "k-1", since)
        assert no.value.kind == kind
        bench.fault("status", "getCharge", status=500, times=0)
        assert bench.driver.happened(case.want, case.change, "k-1", since) is None

    def test_of_a_charge_that_never_came_after_one_that_was_declined(
        self, bench: Bench
    ) -> None:
        """What the invoice shows then is of the attempt before: nobody said no."""
        case = paying(bench, "soft")
        with pytest.raises(Declined):
            bench.driver.apply(case.want, case.change, "k-1")
        bench.sandbox.clock.advance(timedelta(days=1))
        since = bench.account.clock()
        ask = bench.driver.happened
        assert ask(case.want, case.change, "k-2", since) is None
        bench.sandbox.clock.advance(timedelta(minutes=61))
        assert ask(case.want, case.change, "k-2", since) is False

    def test_of_an_invoice(self, bench: Bench) -> None:
        case = making(bench)
        since = bench.account.clock()
        ask = bench.driver.happened
        assert ask(case.want, case.change, "k-1", since) is None
        bench.sandbox.clock.advance(timedelta(minutes=6))
        assert ask(case.want, case.change, "k-1", since) is False
        bench.driver.apply(case.want, case.change, "k-1")
        assert ask(case.want, case.change, "k-1", since) is True
        bench.fault("status", "listInvoices", status=500, times=0)
        assert ask(case.want, case.change, "k-1", since) is None

    def test_the_sdk_never_tries_again_by_itself(self, bench: Bench) -> None:
        case = paying(bench)
        bench.sandbox.ledger.reset_requests()
        bench.fault("status-after", "payInvoice", times=0)
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        assert bench.sandbox.ledger.requests()["stripe"]["payInvoice"] == 1

    def test_a_day_later_the_key_is_gone_and_the_invoice_is_not(
        self, bench: Bench
    ) -> None:
        case = paying(bench)
        bench.fault("lost-after", "payInvoice")
        with pytest.raises(Ambiguous):
            bench.driver.apply(case.want, case.change, "k-1")
        bench.sandbox.clock.advance(timedelta(hours=25))
        assert bench.driver.apply(case.want, case.change, "k-1").replayed
        assert len(charges(bench)) == 1


class TestLettersAndBooks:
    def test_it_is_a_collector(self, bench: Bench) -> None:
        assert isinstance(bench.driver, Collector)

    def test_the_page_and_the_document(self, bench: Bench) -> None:
        name = open_invoice(bench.sandbox, "ok", "cus_ok")
        links = bench.driver.links(name)
        assert links.page == f"https://invoice.stripe.example/i/{ACCOUNT}/{name}"
        assert links.document == f"{links.page}/pdf"

    def test_another_card_is_entered_at_stripe(self, bench: Bench) -> None:
        link = bench.driver.update_link("pm_ok")
        assert link.url.startswith("https://checkout.stripe.example/")
        assert link.until - bench.account.clock() <= timedelta(hours=24)
        account(bench.sandbox)["login"] = "https://billing.stripe.example/p/login/x"
        link = bench.driver.update_link("pm_ok")
        assert link == ("https://billing.stripe.example/p/login/x", None)

    def test_every_capture_has_its_operation_or_is_a_strangers(
        self, bench: Bench
    ) -> None:
        since = bench.account.clock()
        assert list(bench.driver.captures(since)) == []
        case = paying(bench)
        bench.driver.apply(case.want, case.change, "k-1")
        name = case.change.text("bill")
        bench.sandbox.edit("stripe", "copy", {"id": name})
        stray = {"customer": "cus_soft", "amount": 700}
        bench.sandbox.edit("stripe", "charge", stray)
        soft = paying(bench, "soft")
        with pytest.raises(Declined):
            bench.driver.apply(soft.want, soft.change, "k2-1")
        found = {one.id: one for one in bench.driver.captures(since)}
        ours = [one for one in found.values() if one.operation]
        assert [one.operation for one in ours] == ["op-ok", "op-ok"]
        assert {one.generation for one in ours} == {RENEWAL.generation}
        assert len({one.object for one in ours}) == 2
        (strange,) = [one for one in found.values() if not one.operation]
        assert (strange.amount, strange.object) == (
            Money.model_validate("7.00 EUR"), None,
        )  # fmt: skip
        bench.sandbox.edit("stripe", "charge", {"id": strange.id, "refund": True})
        again = {one.id: one for one in bench.driver.captures(since)}
        assert again[strange.id].refunded == strange.amount

    def test_the_books_equal_the_ledger_to_the_cent(self, bench: Bench) -> None:
        since = bench.account.clock()
        for name in ("ok", "late", "twice"):
            case = paying(bench, name)
            for number in (1, 2, 3):
                try:
                    bench.driver.apply(case.want, case.change, f"{name}-{number}")
                except (Declined, Ambiguous):
                    continue
                break
        bench.sandbox.clock.advance(timedelta(days=3))
        taken = sum(one.amount.minor for one in bench.driver.captures(since))
        ledger = [Money.model_validate(e.amount).minor for e in charges(bench)]
        assert taken == sum(ledger) == 3000


class TestWhatIsWrongWithAnAccount:
    def test_whose_key_it_is(self, bench: Bench) -> None:
        assert bench.driver.identity() == ACCOUNT

    def test_a_secret_key_its_own_engine_and_old_hooks(self, bench: Bench) -> None:
        own = account(bench.sandbox)
        own["key"] = "sk_test_all"
        own["endpoints"]["we_1"] = {
            "id": "we_1", "api_version": "2020-08-27", "created": 1, "secret": "s",
            "enabled_events": ["*"], "url": "http://127.0.0.1:9/",
        }  # fmt: skip
        made = StripeBilling(bench.account._replace(secrets={"key": "sk_test_all"}))
        said = [advice.said for advice in made.examine()]
        made.close()
        assert "refunds" in said[0]
        assert "Smart Retries" in said[1]
        assert "2020-08-27" in said[2]
        assert "sk_test_all" not in str(said)

    def test_a_restricted_key_needs_no_more_than_it_says(self, bench: Bench) -> None:
        """What the driver's words name is enough to collect; nothing else is asked."""
        account(bench.sandbox)["may"] = [
            "rak_invoice_read", "rak_invoice_write", "rak_payment_method_read",
            "rak_charge_read",
        ]  # fmt: skip
        since = bench.account.clock()
        case = making(bench)
        bench.driver.apply(case.want, case.change, "k-1")
        charge = step(bench, case.want)
        bench.driver.apply(case.want, charge, "k2-1")
        assert [one.operation for one in bench.driver.captures(since)] == ["k"]
        assert list(bench.driver.examine()) == []
        assert bench.driver.observe([]).unmanaged == ()


class TestDeclines:
    def test_every_code_has_one_meaning(self) -> None:
        assert not HARD & ACTION
        assert {kind_of(code) for code in HARD} == {"hard"}
        assert {kind_of(code) for code in ACTION} == {"action"}

    @pytest.mark.parametrize(
        ("code", "advice", "kind"),
        [
            ("do_not_honor", "", "soft"),
            ("do_not_honor", "do_not_try_again", "hard"),
            ("generic_decline", "try_again_later", "soft"),
            ("nobody_knows_it", "", "soft"),
            ("expired_card", "", "hard"),
        ],
    )
    def test_of_what_the_networks_advise(
        self, code: str, advice: str, kind: str
    ) -> None:
        assert kind_of(code, advice) == kind


def test_money_is_never_held_first(bench: Bench) -> None:
    case = paying(bench)
    told = {"details": case.change.details, "generation": RENEWAL.generation}
    change = Authorize(share=MAIN, fields=case.change.fields, because="x", **told)
    with pytest.raises(Unsupported):
        bench.driver.apply(case.want, change, "k-1")


def test_no_address_that_opens_a_bill_is_kept(bench: Bench) -> None:
    case = making(bench)
    receipt = bench.driver.apply(case.want, case.change, "k-1")
    kept = json.dumps(bench.account.cache.kept) + receipt.model_dump_json()  # type: ignore[attr-defined]
    assert "stripe.example" not in kept
    assert "anary" not in kept
