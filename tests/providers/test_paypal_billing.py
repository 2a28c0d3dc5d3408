from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Declined, Rejected
from reconciler.kinds.subscription import (
    Authorize,
    BillingState,
    Capture,
    Charge,
    Invoice,
    Of,
    Subscription,
    Void,
)
from reconciler.model import Account, AnyDriver, Change, Money, OpClass, Unknown
from reconciler.model.billing import Collector, Hold, hashed
from reconciler.providers import _paypal_billing as words
from reconciler.providers.paypal_billing import STEPS, PayPalBilling
from reconciler.sandbox import Sandbox
from reconciler.testing import Case
from tests.support.contract import NOW, SandboxContract
from tests.support.paypal import CLIENT, PAYER, SECRETS, held, world
from tests.support.registrar import Bench, benches
from tests.support.subscriptions import (
    PERIOD,
    TOTAL,
    authorized,
    invoiced,
    subscription,
    tried,
)

OF = Of(PERIOD)
PAID = Money.model_validate(TOTAL)
YESTERDAY = NOW - timedelta(days=1)
HOLD, TAKE, FENCE = "HOLD0000000000001", "TAKE0000000000001", "FENCE000000000001"


def paying(name: str, **terms: Any) -> Subscription:
    """Return a subscription whose first period is invoiced, and not paid."""
    return subscription(name, invoiced(f"INV-{name}"), **terms)


def held_for(name: str, authorization: str, **more: Any) -> Subscription:
    """Return a subscription for which money is held."""
    facts = {**invoiced(f"INV-{name}"), **authorized(authorization)}
    return subscription(name, facts, **more)


PART = {
    "held": {
        TAKE: held(f"take,{PERIOD},renewal,0"),
        FENCE: held(f"fence,{PERIOD},renewal,0"),
    }
}


class Billing(SandboxContract):
    """
    What is the same for both ways of paying.

    A subscription that the gateway never saw has no bills: it is not absent, and
    nothing of it is listed.
    """

    driver = PayPalBilling
    vendor = "paypal"
    secrets = SECRETS
    listing = "authorizations.get"
    extra = ""

    def missing(self) -> Any:
        return subscription("missing", {})

    def effects(self, name: str) -> int:
        effects = self.sandbox.ledger.effects("paypal")
        return sum(one.name.startswith(f"{name},") for one in effects)

    def other(self, change: Change) -> Change:
        more = Money.model_validate("13.00 EUR")
        return change.model_copy(update={"charge": more})

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        account = self.start()
        cases = self.cases(self.made(account), account)
        assert {case.change.verb for case in cases} == set(self.operations)
        assert set(self.operations) < set(self.driver.can)

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        state = seen.states["missing"]
        assert isinstance(state, BillingState)
        assert state.bills == ()
        assert seen.partial
        assert not seen.unmanaged


class TestMoneyIsHeldFirst(Billing):
    part = world(**PART)
    operations = {
        "authorize": "orders.create",
        "capture": "authorizations.capture",
        "void": "authorizations.void",
    }

    def wants(self) -> list[Any]:
        return [
            held_for("take", TAKE),
            held_for("fence", FENCE),
            paying("hold"),
        ]

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        """Return the steps of the subscriptions, and a fence for one of them."""
        found = super().cases(driver, account)
        fence = self.wants()[1]
        change = void(fence, FENCE)
        return [one for one in found if one.want.name != "fence"] + [
            Case(fence, change)
        ]

    def test_half_a_listing_proves_nothing(self) -> None:
        driver = self.made(self.start())
        self.trouble("listing", None, 0)
        states = driver.observe([*self.wants(), self.missing()]).states
        unread = {name for name, one in states.items() if isinstance(one, Unknown)}
        assert unread == {"take", "fence"}

    def test_wrong_credentials_prove_nothing(self) -> None:
        driver = self.made(self.wrong(self.start()))
        states = driver.observe([*self.wants(), self.missing()]).states
        unread = {name for name, one in states.items() if isinstance(one, Unknown)}
        assert unread == {"take", "fence"}


class TestMoneyIsTakenInOneStep(Billing):
    part = world(authorizes=False)
    operations = {"charge": "orders.create"}
    listing = "payment-tokens.get"

    def start(self) -> Account:
        return super().start()._replace(limits={STEPS: 1})

    def wants(self) -> list[Any]:
        return [paying("pay")]

    # Nothing is read before it is paid: what could be read is in the records.

    def test_observing_changes_nothing(self) -> None:
        driver = self.made(self.start())
        seen = driver.observe(self.wants())
        assert seen.states == driver.observe(self.wants()).states
        assert seen.requests == {}
        assert not self.effects("pay")

    def test_half_a_listing_proves_nothing(self) -> None:
        driver = self.made(self.start())
        self.trouble("listing", None, 0)
        lost = held_for("take", TAKE)
        assert isinstance(driver.observe([lost]).states["take"], Unknown)

    def test_wrong_credentials_prove_nothing(self) -> None:
        driver = self.made(self.wrong(self.start()))
        lost = held_for("take", TAKE)
        assert isinstance(driver.observe([lost]).states["take"], Unknown)

    def test_waits_as_long_as_it_is_told(self) -> None:
        account, slept = self.start(), list[float]()
        driver = self.made(account._replace(sleep=slept.append))
        (case,) = self.cases(driver, account)
        self.trouble("throttle", case)
        driver.apply(case.want, case.change, "key-1")
        assert max(slept) >= 7

    def test_keeps_to_the_accounts_own_limit(self) -> None:
        account, slept = self.start(), list[float]()
        limits = {"requestsPerSecond": 2}
        driver = self.made(account._replace(limits=limits, sleep=slept.append))
        for _ in range(6):
            driver.identity()
        assert sum(slept) > 1


def void(want: Subscription, bill: str) -> Void:
    return Void(
        share=want.shares()[0],
        fields=(),
        because="another gateway takes over",
        generation=OF.generation,
        details={"bill": bill, "uid": want.uid, **OF._asdict()},
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestMoneyIsHeldFirst)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestMoneyIsHeldFirst, sandbox)
    yield made
    made.driver.close()


def a_day_after(want: Subscription, bench: Bench) -> Subscription:
    """Note what a look shows, which is no step yet; return it a day later."""
    have = {want.shares()[0]: bench.driver.observe([want]).states[want.name]}
    now = bench.account.clock()
    assert [c for c in want.diff(have, now) if c.of == OF] == []
    facts = {**want.recorded, **want.noticed(have, now)}
    bench.sandbox.clock.advance(timedelta(days=1))
    return want.recalling(lambda: facts)


def step(want: Subscription, bench: Bench) -> Any:
    """Return the one next step of *want*."""
    have = {want.shares()[0]: bench.driver.observe([want]).states[want.name]}
    found = [c for c in want.diff(have, bench.account.clock()) if c.of == OF]
    assert len(found) == 1
    return found[0]


def bill(want: Subscription, bench: Bench) -> Any:
    state = bench.driver.observe([want]).states[want.name]
    assert isinstance(state, BillingState), state
    found = state.bill(OF)
    assert found is not None
    return found


def books(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.sandbox.bench("paypal").state["accounts"][0]
    return found


def behave(bench: Bench, how: str, token: str = "wallet1x", times: int = 0) -> None:
    data = {"id": token, "behaves": how, "times": times}
    bench.sandbox.edit("paypal", "token", data)


def setting(bench: Bench, **more: Any) -> None:
    bench.sandbox.edit("paypal", "account", {"client": CLIENT, **more})


def holds(bench: Bench) -> list[str]:
    """Return the money that is held, and neither taken nor given up."""
    kept = books(bench)["authorizations"].values()
    live = [one["shown"] for one in kept if one["shown"]["status"] == "CREATED"]
    return [one["amount"]["value"] for one in live if one["id"] not in {TAKE, FENCE}]


def taken(bench: Bench) -> list[str]:
    return [str(one.amount) for one in bench.sandbox.charges("paypal")]


def again(bench: Bench) -> AnyDriver:
    """Return what a new process has: nothing but the records."""
    bench.driver.close()
    bench.driver = PayPalBilling(bench.account)
    return bench.driver


class TestOnePeriod:
    def test_is_invoiced_held_and_taken(self, bench: Bench) -> None:
        want = subscription("new", {}, invoicing={"tax": "21%"})
        change = step_of_invoice(want)
        receipt = bench.driver.apply(want, change, "key-1")
        number = f"new,{PERIOD},renewal,0"
        assert receipt.details == {
            "id": number,
            "number": number,
            "total": TOTAL,
            "left": TOTAL,
        }
        authorize = step(paid_up_to(want, receipt), bench)
        assert isinstance(authorize, Authorize)
        assert authorize.charge == PAID
        bench.driver.apply(want, authorize, "key-2")
        assert holds(bench) == ["12.10"]
        assert taken(bench) == []
        assert bill(want, bench).state == "authorized"
        capture = step(paid_up_to(want, receipt), bench)
        assert isinstance(capture, Capture)
        done = bench.driver.apply(want, capture, "key-3")
        assert done.details["amount"] == TOTAL
        assert (taken(bench), holds(bench)) == ([TOTAL], [])
        shown = bill(want, bench)
        assert (shown.state, shown.paid, shown.left.amount) == ("paid", PAID, 0)

    def test_an_invoice_asks_paypal_nothing(self, bench: Bench) -> None:
        bench.sandbox.ledger.reset_requests()
        want = subscription("new", {})
        change = step_of_invoice(want).model_copy(
            update={"details": {**step_of_invoice(want).details, "number": "2026-7"}}
        )
        receipt = bench.driver.apply(want, change, "key-1")
        assert receipt.details["id"] == "2026-7"
        assert bench.sandbox.ledger.requests().get("paypal", {}) == {}

    def test_what_was_paid_is_not_read_again(self, bench: Bench) -> None:
        fact = {
            f"bill/{PERIOD}/renewal/0/paid": {
                "at": NOW.isoformat(),
                "amount": TOTAL,
                "provider": "main",
            }
        }
        want = subscription("old", {**invoiced("1"), **authorized(TAKE), **fact})
        assert bill(want, bench).state == "paid"
        assert bench.driver.observe([want]).requests == {}

    def test_one_that_another_gateway_has_is_not_shown(self, bench: Bench) -> None:
        want = subscription("else", invoiced("1", provider="other"))
        state = bench.driver.observe([want]).states["else"]
        assert isinstance(state, BillingState)
        assert state.bills == ()

    @pytest.mark.parametrize("tax", ["gateway", ["txr_1"]])
    def test_a_tax_that_paypal_would_work_out_is_refused(
        self, bench: Bench, tax: Any
    ) -> None:
        want = subscription("new", {})
        change = step_of_invoice(want)
        change = change.model_copy(update={"details": {**change.details, "tax": tax}})
        with pytest.raises(Rejected, match="21%"):
            bench.driver.apply(want, change, "key")


def step_of_invoice(want: Subscription) -> Invoice:
    have = {want.shares()[0]: BillingState(way="authorize")}
    (found,) = want.diff(have, NOW)
    assert isinstance(found, Invoice)
    return found


def paid_up_to(want: Subscription, receipt: Any) -> Subscription:
    """Return *want* with the fact of its invoice in its records."""
    facts = invoiced(str(receipt.details["number"]), total=receipt.details["total"])
    return want.model_copy().recalling(lambda: {**want.recorded, **facts})


class TestHolding:
    def test_an_account_may_need_a_second_request_for_it(self, bench: Bench) -> None:
        setting(bench, at_once=False)
        want = paying("hold")
        receipt = bench.driver.apply(want, step(want, bench), "key")
        assert holds(bench) == ["12.10"]
        assert receipt.reference in books(bench)["authorizations"]
        assert bench.sandbox.ledger.requests()["paypal"]["orders.authorize"] == 1

    @pytest.mark.parametrize("operation", ["orders.create", "orders.authorize"])
    @pytest.mark.parametrize("kind", ["lost-before", "lost-after", "status-after"])
    def test_a_lost_answer_to_either_holds_once(
        self, bench: Bench, operation: str, kind: str
    ) -> None:
        setting(bench, at_once=False)
        want = paying("hold")
        change = step(want, bench)
        bench.fault(kind, operation, status=502)
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, change, "key")
        receipt = again(bench).apply(want, change, "key")
        assert holds(bench) == ["12.10"]
        assert bench.driver.apply(want, change, "key").reference == receipt.reference
        assert holds(bench) == ["12.10"]

    def test_a_card_says_that_nobody_is_present(self, bench: Bench) -> None:
        want = subscription("card", invoiced("1"), token="card1234")
        bench.driver.apply(want, step(want, bench), "key")
        assert holds(bench) == ["12.10"]

    def test_the_id_of_an_order_is_kept_for_hours(self, bench: Bench) -> None:
        want = paying("hold")
        change = step(want, bench)
        assert bench.driver.remembered(change) == timedelta(hours=6)
        capture = step(held_for("take", TAKE), bench)
        assert bench.driver.remembered(capture) == timedelta(days=45)

    def test_a_hold_that_nobody_remembers_is_used(self, bench: Bench) -> None:
        """Its answer was lost, and its id is forgotten: it must not be made twice."""
        want = paying("hold")
        change = step(want, bench)
        bench.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, change, "key")
        bench.sandbox.clock.advance(timedelta(hours=25))
        lost = subscription("hold", {**want.recorded, **tried("lost", NOW)})
        receipt = again(bench).apply(lost, step(lost, bench), "key")
        assert receipt.replayed
        assert holds(bench) == ["12.10"]
        assert bill(lost, bench).id == receipt.reference

    def test_without_the_books_it_would_be_held_twice_and_taken_once(
        self, bench: Bench
    ) -> None:
        setting(bench, reports=False)
        want = paying("hold")
        change = step(want, bench)
        bench.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, change, "key")
        bench.sandbox.clock.advance(timedelta(hours=25))
        lost = subscription("hold", {**want.recorded, **tried("lost", NOW)})
        again(bench).apply(lost, step(lost, bench), "key")
        assert holds(bench) == ["12.10", "12.10"]
        bench.driver.apply(lost, step(lost, bench), "key")
        assert taken(bench) == [TOTAL]

    def test_a_hold_that_nobody_remembers_is_in_the_books(self, bench: Bench) -> None:
        want = paying("hold")
        bench.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, step(want, bench), "key")
        named = words.custom_id("hold", OF)
        of = words.named(named)
        assert of is not None

        def held(known: Collection[str] = ()) -> list[Hold]:
            found = bench.driver.holds(YESTERDAY, known)
            return [h for h in found if (h.subscription, h.generation) == of]

        assert held() == []  # the books are late
        bench.sandbox.clock.advance(timedelta(hours=4))
        (one,) = held()
        assert str(one.amount) == "12.10 EUR"
        assert one.page == f"https://www.paypal.com/activity/payment/{one.id}"
        assert list(bench.driver.captures(YESTERDAY)) == []
        assert held([one.id]) == []  # somebody knows of it
        bench.sandbox.edit("paypal", "void", {"id": one.id})
        assert held() == []  # nothing is held any more

    def test_an_id_that_was_used_for_another_payment_is_found_out(
        self, bench: Bench
    ) -> None:
        """PayPal documents no refusal, and its emulator has none."""
        first, second = paying("hold"), paying("other")
        bench.driver.apply(first, step(first, bench), "key")
        with pytest.raises(Rejected, match="another payment"):
            bench.driver.apply(second, step(second, bench), "key")
        assert holds(bench) == ["12.10"]

    def test_what_is_not_exactly_what_is_left_is_refused(self, bench: Bench) -> None:
        want = paying("hold")
        change = step(want, bench)
        for wrong in ("12.11 EUR", "12.09 EUR", "12.10 USD"):
            more = {"charge": Money.model_validate(wrong)}
            with pytest.raises(Rejected):
                bench.driver.apply(want, change.model_copy(update=more), "key")
        none = subscription("hold", {})
        with pytest.raises(Rejected, match="nothing was invoiced"):
            again(bench).apply(none, change, "key")
        assert holds(bench) == []

    def test_one_that_may_not_authorize_is_told_what_to_do(self, bench: Bench) -> None:
        setting(bench, authorizes=False)
        want = paying("hold")
        with pytest.raises(Rejected) as refused:
            bench.driver.apply(want, step(want, bench), "key")
        assert not isinstance(refused.value, Declined)
        assert STEPS in str(refused.value.hint)
        with pytest.raises(Rejected, match="holds money first"):
            bench.driver.apply(want, charge_of(want, bench), "key")


def charge_of(want: Subscription, bench: Bench) -> Charge:
    change = step(want, bench)
    return Charge.model_validate({**change.model_dump(), "verb": "charge"})


class TestWhatIsDeclined:
    @pytest.mark.parametrize(
        ("behaves", "kind", "code"),
        [
            ("declined", "soft", "INSTRUMENT_DECLINED"),
            ("cannot-pay", "soft", "PAYER_CANNOT_PAY"),
            ("restricted", "soft", "PAYER_ACCOUNT_RESTRICTED"),
            ("attempts", "soft", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"),
            ("expired", "hard", "CARD_EXPIRED"),
            ("closed", "hard", "PAYER_ACCOUNT_LOCKED_OR_CLOSED"),
            ("action", "action", "PAYER_ACTION_REQUIRED"),
            ("denied", "soft", "DENIED"),
            ("pending", "soft", "PENDING_REVIEW"),
        ],
    )
    @pytest.mark.parametrize("at_once", [True, False])
    def test_is_told_by_kind_and_holds_nothing(
        self, bench: Bench, behaves: str, kind: str, code: str, *, at_once: bool
    ) -> None:
        setting(bench, at_once=at_once)
        behave(bench, behaves)
        want = paying("hold")
        with pytest.raises(Declined) as declined:
            bench.driver.apply(want, step(want, bench), "key")
        assert (declined.value.kind, declined.value.declined) == (kind, code)
        assert declined.value.request_id
        assert (holds(bench), taken(bench)) == ([], [])
        assert bill(want, bench).state == "open"

    def test_what_is_to_be_reviewed_is_given_up(self, bench: Bench) -> None:
        behave(bench, "pending")
        want = paying("hold")
        with pytest.raises(Declined):
            bench.driver.apply(want, step(want, bench), "key")
        made = [one["shown"] for one in books(bench)["authorizations"].values()]
        assert [one["status"] for one in made if one["id"] not in {TAKE, FENCE}] == [
            "VOIDED"
        ]

    def test_a_token_that_was_revoked_is_a_hard_decline(self, bench: Bench) -> None:
        want = paying("hold")
        change = step(want, bench)
        bench.sandbox.edit("paypal", "token", {"id": "wallet1x", "delete": True})
        with pytest.raises(Declined) as declined:
            bench.driver.apply(want, change, "key")
        assert (declined.value.kind, declined.value.declined) == (
            "hard",
            "TOKEN_ID_NOT_FOUND",
        )

    def test_a_card_issuer_has_its_own_words(self, bench: Bench) -> None:
        behave(bench, "denied", "card1234")
        want = subscription("card", invoiced("1"), token="card1234")
        with pytest.raises(Declined) as declined:
            bench.driver.apply(want, step(want, bench), "key")
        assert declined.value.declined == "5120"
        never = {"processor_response": {"payment_advice_code": "03"}}
        assert words.not_held(never, None).kind == "hard"

    def test_another_try_has_another_key_and_works(self, bench: Bench) -> None:
        behave(bench, "declined", times=1)
        want = paying("hold")
        change = step(want, bench)
        with pytest.raises(Declined):
            bench.driver.apply(want, change, "key-1")
        with pytest.raises(Declined):
            bench.driver.apply(want, change, "key-1")
        bench.driver.apply(want, change, "key-2")
        assert holds(bench) == ["12.10"]


class TestTaking:
    def test_the_number_of_the_invoice_goes_with_it(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        bench.driver.apply(want, step(want, bench), "key")
        (capture,) = books(bench)["captures"].values()
        assert capture["shown"]["invoice_id"] == "INV-take"
        assert capture["shown"]["custom_id"] == words.custom_id("take", OF)

    def test_what_is_held_for_another_is_not_taken(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        change = step(want, bench)
        other = change.model_copy(update={"details": {**change.details, "bill": FENCE}})
        with pytest.raises(Rejected, match="something else"):
            bench.driver.apply(want, other, "key")
        assert taken(bench) == []

    def test_a_second_payment_of_an_invoice_is_not_taken(self, bench: Bench) -> None:
        """The account blocks it: whether it was paid has to be looked at."""
        first = held_for("take", TAKE)
        bench.driver.apply(first, step(first, bench), "key")
        facts = {**invoiced("INV-take"), **authorized(FENCE)}
        second = subscription("fence", facts)
        with pytest.raises(Ambiguous, match="DUPLICATE_INVOICE_ID"):
            bench.driver.apply(second, step(second, bench), "key-2")
        assert taken(bench) == [TOTAL]

    def test_a_stale_read_takes_nothing_twice(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        change = step(want, bench)
        bench.fault("stale", "authorizations.get", times=1)
        bench.driver.apply(want, change, "key")
        bench.fault("stale", "authorizations.get", times=1)
        state = bench.sandbox.faults.waiting()[0].snapshot
        old = state["accounts"][0]["authorizations"][TAKE]
        old["shown"]["status"], old["capture"] = "CREATED", None
        receipt = again(bench).apply(want, change, "another-key")
        assert receipt.details["amount"] == TOTAL
        assert taken(bench) == [TOTAL]

    def test_what_paypal_has_not_decided_is_waited_for(self, bench: Bench) -> None:
        behave(bench, "capture-pending")
        want = held_for("take", TAKE)
        change = step(want, bench)
        with pytest.raises(Ambiguous, match="not decided"):
            bench.driver.apply(want, change, "key")
        shown = bill(want, bench)
        assert (shown.state, shown.payment) == ("open", "processing")
        have = {want.shares()[0]: bench.driver.observe([want]).states["take"]}
        assert want.pending(change, have)
        assert list(want.diff(have, bench.account.clock())) == []
        since = bench.account.clock()
        assert bench.driver.happened(want, change, "key", since) is None
        (name,) = books(bench)["captures"]
        bench.sandbox.edit("paypal", "settle", {"id": name, "completed": True})
        assert bill(want, bench).state == "paid"
        assert bench.driver.happened(want, change, "key", since) is True
        assert taken(bench) == [TOTAL]

    def test_what_is_declined_later_is_a_failure(self, bench: Bench) -> None:
        behave(bench, "capture-pending")
        want, since = held_for("take", TAKE), bench.account.clock()
        change = step(want, bench)
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, change, "key")
        (name,) = books(bench)["captures"]
        bench.sandbox.edit("paypal", "settle", {"id": name, "completed": False})
        shown = bill(want, bench)
        assert (shown.state, shown.payment) == ("open", "failed")
        assert shown.code == "CAPTURE_DECLINED"
        with pytest.raises(Declined) as no:
            bench.driver.happened(want, change, "key", since)
        assert (no.value.kind, no.value.declined) == ("soft", "CAPTURE_DECLINED")
        assert isinstance(step(a_day_after(want, bench), bench), Authorize)

    def test_a_capture_is_found_by_its_order(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        bench.driver.apply(want, step(want, bench), "key")
        books(bench)["authorizations"][TAKE]["capture"] = None
        again(bench)
        assert bill(want, bench).state == "paid"

    def test_a_refund_leaves_it_paid_and_is_in_the_books(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        receipt = bench.driver.apply(want, step(want, bench), "key")
        data = {"id": receipt.reference, "amount": "2.10"}
        bench.sandbox.edit("paypal", "refund", data)
        again(bench)
        assert bill(want, bench).state == "paid"
        bench.sandbox.clock.advance(timedelta(hours=4))
        (found,) = bench.driver.captures(YESTERDAY)
        assert (str(found.amount), str(found.refunded)) == (TOTAL, "2.10 EUR")
        assert (found.id, found.object) == (receipt.reference, TAKE)
        assert (found.subscription, found.generation) == ("take", OF.generation)
        assert found.operation == words.custom_id("take", OF)

    def test_after_29_days_nothing_is_held_any_more(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        change = step(want, bench)
        bench.sandbox.clock.advance(timedelta(days=29))
        shown = bill(want, bench)
        assert (shown.state, shown.payment) == ("open", "failed")
        assert shown.code == "AUTHORIZATION_EXPIRED"
        with pytest.raises(Rejected, match="AUTHORIZATION_EXPIRED"):
            bench.driver.apply(want, change, "key")
        lapsed = a_day_after(want, bench)
        bench.driver.apply(lapsed, step(lapsed, bench), "key-2")
        assert holds(bench) == ["12.10"]

    def test_after_the_honored_days_it_may_be_refused(self, bench: Bench) -> None:
        behave(bench, "gone-later")
        want = held_for("take", TAKE)
        change = step(want, bench)
        bench.sandbox.clock.advance(timedelta(days=3))
        with pytest.raises(Declined) as declined:
            bench.driver.apply(want, change, "key")
        assert declined.value.declined == "TRANSACTION_REFUSED"
        assert taken(bench) == []

    def test_one_that_was_refused_is_not_tried_for_a_day(self, bench: Bench) -> None:
        facts = {**invoiced("1"), **authorized(TAKE)}
        want = subscription("take", {**facts, **tried("soft", NOW, "capture")})
        have = {want.shares()[0]: bench.driver.observe([want]).states["take"]}
        assert list(want.diff(have, NOW + timedelta(hours=23))) == []
        (change,) = want.diff(have, NOW + timedelta(hours=24))
        assert isinstance(change, Capture)

    def test_one_that_is_not_in_the_account_is_unknown(self, bench: Bench) -> None:
        want = held_for("take", "NEVER000000000001")
        assert isinstance(bench.driver.observe([want]).states["take"], Unknown)


class TestTheFence:
    def test_what_was_taken_cannot_be_given_up(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        bench.driver.apply(want, step(want, bench), "key")
        with pytest.raises(Rejected, match="cannot be given up"):
            again(bench).apply(want, void(want, TAKE), "key-2")

    def test_what_is_taken_meanwhile_cannot_either(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        change = step(want, bench)
        bench.driver.apply(want, change, "key")
        bench.fault("stale", "authorizations.get", times=1)
        state = bench.sandbox.faults.waiting()[0].snapshot
        state["accounts"][0]["authorizations"][TAKE]["shown"]["status"] = "CREATED"
        with pytest.raises(Rejected, match="PREVIOUSLY_CAPTURED"):
            again(bench).apply(want, void(want, TAKE), "key-2")

    def test_what_holds_nothing_sends_nothing(self, bench: Bench) -> None:
        want = paying("hold")
        bench.sandbox.ledger.reset_requests()
        receipt = bench.driver.apply(want, void(want, "INV-hold"), "key")
        assert receipt.reference == "INV-hold"
        assert bill(want, bench).state == "void"
        assert bench.sandbox.ledger.requests().get("paypal", {}) == {}

    def test_gives_up_what_nobody_remembers_too(self, bench: Bench) -> None:
        want = paying("hold")
        bench.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, step(want, bench), "key")
        bench.sandbox.clock.advance(timedelta(hours=25))
        assert holds(bench) == ["12.10"]
        lost = subscription("hold", {**want.recorded, **tried("lost", NOW)})
        again(bench).apply(lost, void(lost, "INV-hold"), "key-2")
        assert holds(bench) == []

    def test_one_that_a_person_gave_up_is_void(self, bench: Bench) -> None:
        want = held_for("take", TAKE)
        bench.sandbox.edit("paypal", "void", {"id": TAKE})
        assert bill(want, bench).state == "void"
        have = {want.shares()[0]: bench.driver.observe([want]).states["take"]}
        assert [c for c in want.diff(have, NOW) if c.charge] == []

    def test_what_is_void_already_is_a_fence(self, bench: Bench) -> None:
        want = held_for("fence", FENCE)
        bench.fault("stale", "authorizations.get", times=1)
        bench.sandbox.edit("paypal", "void", {"id": FENCE})
        bench.driver.apply(want, void(want, FENCE), "key")
        assert bill(want, bench).state == "void"
        requests = bench.sandbox.ledger.requests()["paypal"]
        assert requests["authorizations.void"] == 1

    def test_twice_is_once(self, bench: Bench) -> None:
        want = held_for("fence", FENCE)
        bench.driver.apply(want, void(want, FENCE), "key")
        again(bench).apply(want, void(want, FENCE), "key")
        effects = bench.sandbox.ledger.effects("paypal")
        assert [one.operation for one in effects] == ["void"]


class TestOneStep:
    @pytest.fixture
    def single(self, bench: Bench) -> Bench:
        setting(bench, authorizes=False)
        bench.account = bench.account._replace(limits={STEPS: 1})
        again(bench)
        return bench

    def test_an_answer_lost_for_longer_than_its_id_is_kept(self, single: Bench) -> None:
        """The account's setting, and the books, keep it from being paid twice."""
        want, since = paying("pay"), single.account.clock()
        change = step(want, single)
        assert isinstance(change, Charge)
        single.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            single.driver.apply(want, change, "key")
        assert again(single).happened(want, change, "key", since) is None
        single.sandbox.clock.advance(timedelta(hours=7))
        with pytest.raises(Ambiguous, match="DUPLICATE_INVOICE_ID"):
            single.driver.apply(want, change, "key")
        assert single.driver.happened(want, change, "key", since) is True
        assert taken(single) == [TOTAL]

    def test_one_that_never_arrived_is_told_by_the_books(self, single: Bench) -> None:
        want, since = paying("pay"), single.account.clock()
        change = step(want, single)
        single.fault("lost-before", "orders.create")
        with pytest.raises(Ambiguous):
            single.driver.apply(want, change, "key")
        single.sandbox.clock.advance(timedelta(hours=3))
        assert single.driver.happened(want, change, "key", since) is None
        single.sandbox.clock.advance(timedelta(minutes=6))
        assert single.driver.happened(want, change, "key", since) is False

    def test_a_payment_that_nobody_remembers_is_used(self, single: Bench) -> None:
        """Its answer was lost, and the books were thought to say that it was not."""
        setting(single, unique_invoice_id=False)
        want = paying("pay")
        single.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            single.driver.apply(want, step(want, single), "key")
        single.sandbox.clock.advance(timedelta(hours=25))
        lost = subscription("pay", {**want.recorded, **tried("lost", NOW)})
        receipt = again(single).apply(lost, step(lost, single), "key-2")
        assert (receipt.replayed, taken(single)) == (True, [TOTAL])
        assert bill(lost, single).state == "paid"

    def test_without_the_setting_it_is_paid_twice(self, single: Bench) -> None:
        """Why ``doctor`` says so: nothing else is left after six hours."""
        setting(single, unique_invoice_id=False)
        want = paying("pay")
        change = step(want, single)
        single.fault("lost-after", "orders.create")
        with pytest.raises(Ambiguous):
            single.driver.apply(want, change, "key")
        single.sandbox.clock.advance(timedelta(hours=7))
        single.driver.apply(want, change, "key")
        assert taken(single) == [TOTAL, TOTAL]

    def test_books_that_cannot_be_read_tell_nothing(self, single: Bench) -> None:
        want, since = paying("pay"), single.account.clock()
        change = step(want, single)
        setting(single, reports=False)
        single.sandbox.clock.advance(timedelta(days=2))
        assert single.driver.happened(want, change, "key", since) is None

    def test_is_advised_against(self, single: Bench) -> None:
        (advice,) = single.driver.examine()
        assert "Block accidental payments" in advice.fix


class TestTheBooks:
    def test_are_read_in_spans_and_pages(self, bench: Bench) -> None:
        rows = books(bench)["report"]
        for at in range(501):
            rows.append({**rows[0], "transaction_id": f"ROW{at:014}", "affects": True})
            rows[-1]["transaction_event_code"] = "T0006"
        bench.sandbox.clock.advance(timedelta(days=40))
        bench.sandbox.ledger.reset_requests()
        assert len(list(bench.driver.captures(YESTERDAY))) == 501
        assert bench.sandbox.ledger.requests()["paypal"]["search.get"] == 3

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        rows = books(bench)["report"]
        row = {**rows[0], "affects": True}
        rows += [{**row, "transaction_id": f"ROW{at:014}"} for at in range(501)]
        bench.sandbox.clock.advance(timedelta(hours=4))
        bench.fault("duplicate-page", "search.get", times=0)
        with pytest.raises(Rejected, match="twice"):
            list(bench.driver.captures(YESTERDAY))

    def test_what_is_about_something_else_is_left_out(self, bench: Bench) -> None:
        rows = books(bench)["report"]
        rows[:] = [
            {**rows[0], "affects": True, "transaction_event_code": "T0400"},
            {
                **rows[0],
                "affects": True,
                "transaction_event_code": "T0003",
                "transaction_amount": {"currency_code": "EUR", "value": "-3.00"},
            },
        ]
        bench.sandbox.clock.advance(timedelta(hours=4))
        assert list(bench.driver.captures(YESTERDAY)) == []

    def test_what_is_not_ours_has_no_operation(self, bench: Bench) -> None:
        rows = books(bench)["report"]
        row = {**rows[0], "affects": True, "transaction_event_code": "T0006"}
        rows[:] = [{**row, "custom_field": "shop order 7"}]
        bench.sandbox.clock.advance(timedelta(hours=4))
        (found,) = bench.driver.captures(YESTERDAY)
        assert (found.operation, found.subscription, found.generation) == (None,) * 3
        assert list(bench.driver.holds(YESTERDAY, ())) == []


class TestLetters:
    def test_a_wallet_is_changed_at_paypal_and_a_card_is_not(
        self, bench: Bench
    ) -> None:
        assert isinstance(bench.driver, Collector)
        link = bench.driver.update_link("wallet1x")
        assert link.url.startswith("https://www.paypal.com/myaccount/")
        assert bench.driver.links("INV-1") == (None, None)
        with pytest.raises(Rejected, match="your checkout"):
            bench.driver.update_link("card1234")


class TestTheAccount:
    def test_says_whose_it_is(self, bench: Bench) -> None:
        assert bench.driver.identity() == PAYER
        assert list(bench.driver.examine()) == []

    def test_that_cannot_be_searched_is_told(self, bench: Bench) -> None:
        setting(bench, reports=False)
        assert bench.driver.identity() is None
        (advice,) = bench.driver.examine()
        assert "Transaction search" in advice.fix


class TestWords:
    def test_a_payment_is_called_what_every_report_shows(self) -> None:
        assert words.custom_id("c-01HX", OF) == f"c-01HX,{PERIOD},renewal,0"
        for odd in ("x" * 81, "naam met spatie", "café", "a|b"):
            named = words.custom_id(odd, OF)
            assert len(named) <= 127
            assert named.startswith("sha-")
        assert words.custom_id("a|b", OF) != words.custom_id("a/b", OF)
        assert words.named(words.custom_id("c-1", OF)) == ("c-1", OF.generation)
        assert words.named(words.custom_id("a|b", OF)) == (hashed("a|b"), OF.generation)
        assert words.named(None) is words.named("order 7") is None

    def test_amounts_have_the_decimals_of_their_currency(self) -> None:
        def said(text: str) -> str:
            return words.amount(Money.model_validate(text))["value"]

        assert [said("10 EUR"), said("0.5 EUR"), said("900 JPY"), said("900 HUF")] == [
            "10.00",
            "0.50",
            "900",
            "900",
        ]
        with pytest.raises(Rejected):
            said("900.50 HUF")

    def test_tax_is_rounded_half_up(self) -> None:
        def said(net: str, rate: str) -> str:
            return str(words.with_tax(Money.model_validate(net), rate))

        assert said("10.00 EUR", "21%") == TOTAL
        assert said("0.50 EUR", "21%") == "0.61 EUR"
        assert said("1000 HUF", "27%") == "1270.00 HUF"


def test_every_refusal_that_is_told_is_of_one_kind() -> None:
    assert set(words.DECLINES.values()) == {"soft", "hard", "action"}


def test_verbs_are_of_the_class_that_is_documented() -> None:
    assert PayPalBilling.can["void"] is OpClass.PROBE
    assert PayPalBilling.key_life == timedelta(days=45)
    assert datetime.fromisoformat(f"{PERIOD}T00:00+00:00") > NOW
