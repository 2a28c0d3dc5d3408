from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Rejected, Transient
from reconciler.kinds.payment_method import PaymentMethodState
from reconciler.model import Absent, Account, Unknown
from reconciler.providers.paypal_payment import PayPalPayment
from reconciler.sandbox import Sandbox
from tests.support.cards import method
from tests.support.contract import NOW, SandboxContract
from tests.support.paypal import CLIENT, PAYER, SECRET, SECRETS, world
from tests.support.registrar import Bench, benches

WALLET = method("wallet1x", "Customer/bakker", customer="bakker")
CARD = method("card1234")
#: What asks for everything that can be listed, as an import does.
ALL = method("listing.invalid")


class TestPayPalKeepsTheContract(SandboxContract):
    driver = PayPalPayment
    vendor = "paypal"
    part = world()
    secrets = SECRETS
    listing = "*tokens.get"
    operations = {}
    extra = "stray999"

    def wants(self) -> list[Any]:
        return [WALLET, CARD]

    def missing(self) -> Any:
        return ALL

    def trouble(self, kind: Any, case: Any, times: int = 1) -> None:
        if kind == "throttle":
            super().trouble(kind, case, times)
        else:
            super().trouble(kind, case, 0)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestPayPalKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestPayPalKeepsTheContract, sandbox)
    yield made
    made.driver.close()


def account_of(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.sandbox.bench("paypal").state["accounts"][0]
    return found


class TestWhatIsRead:
    def test_a_card_says_brand_digits_and_its_last_month(self, bench: Bench) -> None:
        ends = NOW + timedelta(days=700)
        assert bench.state(CARD) == PaymentMethodState(
            token="card1234",
            type="card",
            brand="mastercard",
            last4="4444",
            exp_month=ends.month,
            exp_year=ends.year,
            customer="customer_bakker",
            defaults=False,
            owner=bench.state(CARD).owner,
        )

    def test_a_wallet_has_no_end_and_no_default(self, bench: Bench) -> None:
        state = bench.state(WALLET)
        assert (state.type, state.ends, state.default) == ("paypal", None, None)
        have = {WALLET.share: state}
        assert list(WALLET.diff(have, NOW)) == []
        assert list(WALLET.findings(have, NOW)) == []

    def test_each_is_asked_for_once_a_day(self, bench: Bench) -> None:
        assert bench.asked(WALLET) == {"getToken": 1, "getPaymentToken": 1}
        assert bench.asked(WALLET) == {}
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert bench.asked(WALLET) == {"getToken": 1, "getPaymentToken": 1}

    def test_one_that_was_revoked_is_absent(self, bench: Bench) -> None:
        bench.sandbox.edit("paypal", "token", {"id": "wallet1x", "delete": True})
        assert bench.state(WALLET) == Absent()
        assert bench.state(method("never1234")) == Absent()

    def test_one_that_cannot_be_read_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "payment-tokens.get", status=500, times=4)
        states = bench.driver.observe([WALLET, CARD]).states
        assert isinstance(states["wallet1x"], Unknown)
        assert isinstance(states["card1234"], PaymentMethodState)

    def test_an_answer_of_another_form_is_unknown(self, bench: Bench) -> None:
        shown = account_of(bench)["vault"]["card1234"]["shown"]
        shown["payment_source"]["card"]["expiry"] = "2027-13"
        assert "documents" in bench.state(CARD).why
        shown["payment_source"] = {}
        assert "documents" in bench.state(CARD).why


class TestWhatIsNew:
    def test_is_found_by_its_event_with_all_of_its_customer(self, bench: Bench) -> None:
        observed = bench.driver.observe([ALL])
        assert observed.states == {"listing.invalid": Absent()}
        names = [one.name for one in observed.unmanaged]
        assert names == ["card1234", "stray999", "wallet1x"]
        assert observed.partial
        state = bench.state(method("stray999"))
        assert (state.owner.name, state.owner.country) == ("Cafe Example", "BE")

    def test_is_read_to_the_end_of_every_list(self, bench: Bench) -> None:
        vault = account_of(bench)["vault"]
        for at in range(12):
            name = f"more{at:04}"
            copied = json.loads(json.dumps(vault["card1234"]))
            copied["shown"]["id"] = name
            vault[name] = copied
        observed = bench.driver.observe([ALL])
        assert len(observed.unmanaged) == 15
        assert observed.requests["listPaymentTokens"] == 4

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        vault = account_of(bench)["vault"]
        for at in range(12):
            copied = json.loads(json.dumps(vault["card1234"]))
            copied["shown"]["id"] = f"more{at:04}"
            vault[f"more{at:04}"] = copied
        operation = "customer.payment-tokens.get"
        bench.fault("duplicate-page", operation, times=0)
        assert "twice" in bench.state(ALL).why

    def test_no_person_is_kept_between_runs(self, bench: Bench) -> None:
        bench.driver.observe([ALL, WALLET])
        kept = json.dumps(bench.account.cache.kept)  # type: ignore[attr-defined]
        assert "4444" in kept
        assert "canary" not in kept
        assert "Bakery" not in kept
        assert "Bakery" not in bench.state(WALLET).model_dump_json()


class TestWhoseCredentialsTheseAre:
    def test_the_balances_say_so(self, bench: Bench) -> None:
        assert bench.driver.identity() == PAYER
        bench.fault("wrong-account", "token")
        driver = PayPalPayment(bench.account)
        assert driver.identity() != PAYER
        driver.close()

    def test_an_app_without_transaction_search_says_nothing(self, bench: Bench) -> None:
        settings = {"client": CLIENT, "reports": False}
        bench.sandbox.edit("paypal", "account", settings)
        assert bench.driver.identity() is None
        assert isinstance(bench.state(CARD), PaymentMethodState)

    def test_a_question_that_failed_is_no_answer(self, bench: Bench) -> None:
        bench.fault("status", "balances.get", status=503, times=0)
        with pytest.raises(Transient):
            bench.driver.identity()


class TestTheAccessToken:
    def test_is_asked_for_anew_at_four_fifths_of_its_life(self, bench: Bench) -> None:
        life = account_of(bench)["lives"]
        bench.driver.identity()
        bench.sandbox.clock.advance(timedelta(seconds=life * 0.79))
        bench.driver.identity()
        assert bench.sandbox.ledger.requests()["paypal"]["token"] == 1
        bench.sandbox.clock.advance(timedelta(seconds=life * 0.02))
        bench.driver.identity()
        assert bench.sandbox.ledger.requests()["paypal"]["token"] == 2

    def test_that_is_not_taken_is_replaced_once(self, bench: Bench) -> None:
        bench.driver.identity()
        bench.sandbox.edit("paypal", "access", {})
        assert bench.driver.identity() == PAYER
        bench.fault("status", "balances.get", status=401, times=0)
        with pytest.raises(Rejected):
            bench.driver.identity()
        assert bench.sandbox.ledger.requests()["paypal"]["balances.get"] == 5

    def test_is_never_shown(self, bench: Bench) -> None:
        bench.driver.identity()
        (access,) = account_of(bench)["tokens"]
        text = f"no {access} {SECRET} {CLIENT} no"
        bench.fault("status", "balances.get", status=400, text=text)
        with pytest.raises(Rejected) as refused:
            bench.driver.identity()
        said = f"{refused.value}{refused.value!r}{refused.value.__cause__!r}"
        assert not [one for one in (access, SECRET, CLIENT) if one in said]

    def test_a_wrong_secret_is_rejected(self, account: Account) -> None:
        driver = PayPalPayment(account._replace(secrets={**SECRETS, "secret": "no"}))
        with pytest.raises(Rejected, match="invalid_client"):
            driver.identity()
        driver.close()

    @pytest.fixture
    def account(self, bench: Bench) -> Account:
        return bench.account


def test_an_error_has_its_debug_id(bench: Bench) -> None:
    bench.fault("wrong-account", "token")
    driver = PayPalPayment(bench.account)
    with pytest.raises(Rejected) as refused:
        driver._paypal.get("getPaymentToken", "/v3/vault/payment-tokens/wallet1x")
    assert str(refused.value.request_id).startswith("f0000")
    driver.close()
