from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.payment_method import PaymentMethodState, SetDefault
from reconciler.model import Absent, Change, FieldChange, Unknown
from reconciler.providers import _stripe
from reconciler.providers.stripe_payment import StripePayment
from reconciler.sandbox import Sandbox
from reconciler.sandbox.stripe_customers import customer_object
from tests.support.cards import ACCOUNT, KEY, method, world
from tests.support.contract import NOW, SandboxContract
from tests.support.registrar import Bench, benches

WANTED = method("pm_second", "Customer/bakker", customer="bakker")
FIRST = method("pm_first")


class TestStripeKeepsTheContract(SandboxContract):
    driver = StripePayment
    vendor = "stripe"
    part = world()
    secrets = {"key": KEY}
    listing = "listCustomers"
    operations = {"set-default": "updateCustomer"}
    extra = "pm_stray"

    def wants(self) -> list[Any]:
        return [WANTED, FIRST]

    def missing(self) -> Any:
        return method("pm_missing")

    def pages(self) -> int:
        fill(self.sandbox, 101)
        return 2

    def other(self, change: Change) -> Change:
        field = FieldChange(field="default", before="pm_first", after="pm_first")
        return change.model_copy(update={"fields": (field,)})


def fill(sandbox: Sandbox, number: int) -> None:
    """Put *number* more customers into the first account."""
    own = sandbox.bench("stripe").state["accounts"][0]["customers"]
    for at in range(number):
        own[f"cus_zz{at:04}"] = customer_object(f"cus_zz{at:04}", 1_600_000_000)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestStripeKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestStripeKeepsTheContract, sandbox)
    yield made
    made.driver.close()


def seen(bench: Bench, *wants: Any) -> dict[str, Any]:
    return dict(bench.driver.observe(list(wants)).states)


def change(bench: Bench) -> SetDefault:
    have = {WANTED.share: seen(bench, WANTED)["pm_second"]}
    (found,) = WANTED.diff(have, bench.account.clock())
    return found


def test_the_pinned_version_is_the_sdks() -> None:
    assert stripe.api_version == _stripe.VERSION


class TestWhatIsRead:
    def test_a_default_comes_with_the_list_of_customers(self, bench: Bench) -> None:
        observed = bench.driver.observe([FIRST])
        assert observed.requests == {"listCustomers": 1}
        state = observed.states["pm_first"]
        ends = NOW + timedelta(days=700)
        assert state == PaymentMethodState(
            token="pm_first",
            type="card",
            brand="visa",
            last4="4242",
            exp_month=ends.month,
            exp_year=ends.year,
            customer="cus_bakker",
            default="pm_first",
            owner=state.owner,  # type: ignore[union-attr]
        )
        assert [one.name for one in observed.unmanaged] == ["pm_stray"]

    def test_another_is_asked_for_once_a_day(self, bench: Bench) -> None:
        assert bench.asked(WANTED) == {"listCustomers": 1, "getPaymentMethod": 1}
        assert bench.asked(WANTED) == {"listCustomers": 1}
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert bench.asked(WANTED) == {"listCustomers": 1, "getPaymentMethod": 1}

    def test_a_detached_one_has_no_customer(self, bench: Bench) -> None:
        state = bench.state(method("pm_gone"))
        assert (state.customer, state.default, state.owner) == (None, None, None)
        assert state.ends < NOW

    def test_one_without_an_expiry_has_no_end(self, bench: Bench) -> None:
        state = bench.state(method("pm_stray"))
        assert (state.type, state.last4, state.ends) == ("sepa_debit", "3000", None)
        assert state.label == "sepa_debit 3000"

    def test_a_token_that_is_no_id_is_looked_for_everywhere(self, bench: Bench) -> None:
        observed = bench.driver.observe([method("listing.invalid")])
        assert observed.states == {"listing.invalid": Absent()}
        assert observed.requests == {"listCustomers": 1, "listPaymentMethods": 3}
        names = [one.name for one in observed.unmanaged]
        assert names == ["pm_first", "pm_second", "pm_stray"]
        assert bench.asked(WANTED) == {"listCustomers": 1}

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, 101)
        bench.fault("duplicate-page", "listCustomers", skip=1)
        assert "twice" in bench.state(method("pm_missing")).why

    def test_a_list_is_read_to_its_end(self, bench: Bench) -> None:
        fill(bench.sandbox, 201)
        assert bench.asked(FIRST) == {"listCustomers": 3}

    def test_a_list_that_ends_early_makes_nothing_absent(self, bench: Bench) -> None:
        """No list says how long it is: what is not in it is asked for by its id."""
        bench.fault("empty", "listCustomers")
        assert "not in the list" in bench.state(FIRST).why

    def test_one_that_cannot_be_read_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "getPaymentMethod", status=500, times=4)
        states = seen(bench, WANTED, FIRST)
        assert isinstance(states["pm_second"], Unknown)
        assert isinstance(states["pm_first"], PaymentMethodState)

    def test_an_expiry_that_cannot_be_is_one_unknown(self, bench: Bench) -> None:
        account = bench.sandbox.bench("stripe").state["accounts"][0]
        account["methods"]["pm_first"]["card"]["exp_month"] = 13
        assert "documents" in bench.state(FIRST).why

    def test_a_legacy_default_source_is_the_default(self, bench: Bench) -> None:
        account = bench.sandbox.bench("stripe").state["accounts"][0]
        row = account["customers"]["cus_bakker"]
        row["invoice_settings"]["default_payment_method"] = None
        row["default_source"] = "pm_second"
        assert bench.state(WANTED).default == "pm_second"


class TestWhoseKeyItIs:
    def test_the_account_says_so(self, bench: Bench) -> None:
        assert bench.driver.identity() == ACCOUNT
        bench.fault("wrong-account", "getAccount")
        assert bench.driver.identity() == "acct_other"

    def test_a_key_that_may_not_ask_says_nothing(self, bench: Bench) -> None:
        may = ["rak_customer_read", "rak_payment_method_read"]
        bench.sandbox.bench("stripe").state["accounts"][0]["may"] = may
        assert bench.driver.identity() is None
        assert isinstance(bench.state(FIRST), PaymentMethodState)
        with pytest.raises(Rejected, match="rak_customer_write"):
            bench.driver.apply(WANTED, change(bench), "key")

    def test_a_question_that_failed_is_no_answer(self, bench: Bench) -> None:
        bench.fault("status", "getAccount", status=500, times=0)
        with pytest.raises(Transient):
            bench.driver.identity()

    def test_a_secret_key_is_advised_against(self, bench: Bench) -> None:
        assert list(bench.driver.examine()) == []
        bench.sandbox.bench("stripe").state["accounts"][0]["key"] = "sk_test_all"
        driver = StripePayment(bench.account._replace(secrets={"key": "sk_test_all"}))
        (advice,) = driver.examine()
        assert "refunds" in advice.said
        assert "sk_test_all" not in str(advice)
        driver.close()


class TestTheOnlyWrite:
    def test_the_default_is_set_once_for_a_key(self, bench: Bench) -> None:
        wanted = change(bench)
        receipt = bench.driver.apply(WANTED, wanted, "key")
        assert receipt.reference == "cus_bakker/pm_second"
        assert receipt.request_id
        assert not receipt.replayed
        assert bench.driver.apply(WANTED, wanted, "key").replayed
        assert bench.state(WANTED).default == "pm_second"
        (effect,) = bench.sandbox.ledger.effects("stripe")
        assert (effect.operation, effect.key) == ("set-default", "key")
        assert bench.sandbox.charges("stripe") == []

    def test_one_that_is_detached_meanwhile_is_refused(self, bench: Bench) -> None:
        wanted = change(bench)
        bench.sandbox.edit("stripe", "method", {"id": "pm_second", "detach": True})
        with pytest.raises(Rejected, match="must be attached"):
            bench.driver.apply(WANTED, wanted, "key")

    def test_a_key_in_use_leaves_it_open(self, bench: Bench) -> None:
        bench.fault("status", "updateCustomer", status=409)
        with pytest.raises(Ambiguous):
            bench.driver.apply(WANTED, change(bench), "key")

    def test_the_sdk_never_tries_again_by_itself(self, bench: Bench) -> None:
        wanted = change(bench)
        bench.sandbox.ledger.reset_requests()
        bench.fault("status-after", "updateCustomer", status=500, times=0)
        with pytest.raises(Ambiguous):
            bench.driver.apply(WANTED, wanted, "key")
        assert bench.sandbox.ledger.requests()["stripe"] == {"updateCustomer": 1}

    def test_what_happened_is_read_from_the_customer(self, bench: Bench) -> None:
        wanted, since = change(bench), bench.account.clock()
        ask = bench.driver.happened
        assert ask(WANTED, wanted, "key", since) is None
        bench.sandbox.clock.advance(timedelta(minutes=6))
        assert ask(WANTED, wanted, "key", since) is False
        bench.driver.apply(WANTED, wanted, "key")
        assert ask(WANTED, wanted, "key", since) is True
        bench.fault("status", "getCustomer", status=500, times=0)
        assert ask(WANTED, wanted, "key", since) is None


class TestNothingIsTold:
    def test_no_person_is_kept_between_runs(self, bench: Bench) -> None:
        bench.driver.observe([WANTED, FIRST, method("listing.invalid")])
        kept = json.dumps(bench.account.cache.kept)  # type: ignore[attr-defined]
        assert "4444" in kept
        assert "canary" not in kept
        assert "Bakery" not in kept

    def test_no_state_can_be_written_with_its_owner(self, bench: Bench) -> None:
        state = bench.state(FIRST)
        assert state.owner.name == "Example Bakery BV"
        assert "Bakery" not in state.model_dump_json()
        assert "Bakery" not in repr(state)
        again = PaymentMethodState.model_validate_json(state.model_dump_json())
        assert again == state.model_copy(update={"owner": None})


def test_months_end_with_their_last_second() -> None:
    for month, last in ((2, 29), (11, 30), (12, 31)):
        state = PaymentMethodState(
            token="pm_x", type="card", exp_month=month, exp_year=2028
        )
        assert state.ends == datetime(2028, month, last, 23, 59, 59, tzinfo=UTC)
