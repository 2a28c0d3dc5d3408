from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, TooEarly, Transient, Unsupported
from reconciler.kinds.domain import Lock, RegistrationState
from reconciler.model import Absent, Share, Unknown
from reconciler.providers._http import Reply
from reconciler.providers._porkbun_words import WORDS
from reconciler.providers.porkbun_domain import PorkbunDomain
from reconciler.sandbox import Sandbox
from tests.support.contract import NOW
from tests.support.delegation import DelegationTests
from tests.support.registrar import (
    RECONCILER,
    Bench,
    RegistrarContract,
    benches,
    domain,
    domains,
    fill,
    renewal,
)

SECRETS = {"apiKey": "pk1_sandbox", "secretApiKey": "sk1_sandbox"}
PART = {
    "accounts": [
        {"login": "pk1_sandbox", "secret": "sk1_sandbox", "domains": domains()},
        {"login": "pk1_other", "secret": "sk1_other", "domains": {}},
    ]
}


class TestPorkbunKeepsTheContract(RegistrarContract):
    driver = PorkbunDomain
    vendor = "porkbun"
    part = PART
    secrets = SECRETS
    listing = "listAll"
    operations = {
        "renew": "renew",
        "auto-renew": "updateAutoRenew",
        "delegate": "updateNs",
        "ds": "deleteDnssecRecord",
        "glue": "createGlue",
    }


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestPorkbunKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestPorkbunKeepsTheContract, sandbox)
    yield made
    made.driver.close()


DUE = domain("renew.example", renewal=RECONCILER)
FAR = domain("ns.example")


class TestWhatIsRead:
    def test_a_line_becomes_a_state(self, bench: Bench) -> None:
        state = bench.state(DUE)
        assert state.expires == NOW + timedelta(days=20)
        assert (state.auto_renew, state.locked, state.privacy) == (False, True, True)
        assert state.nameservers == {"ns1.registrar.example", "ns2.registrar.example"}
        assert str(state.renew_price) == "11.08 USD"
        assert state.renewable

    def test_nobody_can_say_whose_keys_these_are(self, bench: Bench) -> None:
        assert bench.driver.identity() is None

    def test_the_balance_is_read_and_may_fail(self, bench: Bench) -> None:
        assert str(bench.driver.observe([FAR]).balance) == "1000.00 USD"
        bench.fault("status", "balance", times=0)
        seen = bench.driver.observe([FAR])
        assert seen.balance is None
        assert isinstance(seen.states["ns.example"], RegistrationState)

    def test_details_are_asked_once_a_day(self, bench: Bench) -> None:
        assert bench.asked(FAR)["getNs"] == 1
        assert "getNs" not in bench.asked(FAR)
        bench.sandbox.clock.advance(timedelta(hours=11))
        assert "getNs" not in bench.asked(FAR)
        bench.sandbox.clock.advance(timedelta(hours=14))
        assert bench.asked(FAR)["getNs"] == 1

    def test_details_are_asked_again_when_the_line_changes(self, bench: Bench) -> None:
        bench.asked(FAR)
        bench.edit("ns.example", locked=False)
        assert bench.asked(FAR)["getNs"] == 1

    def test_the_cache_holds_no_secret(self, bench: Bench) -> None:
        bench.state(DUE)
        kept = repr(bench.account.cache.kept)  # type: ignore[attr-defined]
        assert "sk1_" not in kept
        assert "pk1_" not in kept

    def test_a_failing_detail_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "getNs", status=400, text="Invalid domain.")
        seen = bench.driver.observe([DUE, FAR])
        assert "Invalid domain." in seen.states["renew.example"].why
        assert isinstance(seen.states["ns.example"], RegistrationState)

    def test_a_broken_line_is_one_unknown(self, bench: Bench) -> None:
        row = bench.sandbox.bench("porkbun").state["accounts"][0]["domains"]
        row["renew.example"]["nameservers"] = None
        seen = bench.driver.observe([DUE, FAR])
        assert isinstance(seen.states["renew.example"], Unknown)
        assert isinstance(seen.states["ns.example"], RegistrationState)

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "porkbun", 1001)
        bench.fault("duplicate-page", "listAll", skip=1)
        assert "twice" in bench.state(FAR).why

    def test_an_empty_list_is_a_listing(self, bench: Bench) -> None:
        """Whether to believe it is the engine's to say: everything at once is gone."""
        bench.fault("empty", "listAll")
        assert isinstance(bench.state(FAR), Absent)

    @pytest.mark.parametrize(
        ("days", "phase"),
        [(-5, "grace"), (-40, "redemption"), (-62, "pending-delete")],
    )
    def test_phases(self, bench: Bench, days: int, phase: str) -> None:
        bench.edit("ns.example", expires=days, autoRenew=False)
        assert bench.state(FAR).phase == phase

    def test_a_transfer_away_is_told_and_no_call_stops_it(self, bench: Bench) -> None:
        bench.edit("ns.example", transfer="registrar")
        state = bench.state(FAR)
        assert (state.phase, state.transfer) == ("active", "pending at the registry")
        assert "block-transfer" not in PorkbunDomain.can

    def test_what_the_api_may_not_touch_is_not_renewable(self, bench: Bench) -> None:
        bench.edit("renew.example", apiAccess=False)
        state = bench.state(DUE)
        assert not state.renewable
        assert state.nameservers is None


class TestQuotes:
    def test_a_far_name_costs_no_request_of_its_own(self, bench: Bench) -> None:
        bench.asked(FAR)
        assert bench.asked(FAR) == {"listAll": 1, "balance": 1}

    def test_a_near_name_has_a_fresh_price(self, bench: Bench) -> None:
        bench.state(DUE)
        price = {"tld": "example", "price": "12.34 USD"}
        bench.sandbox.edit("porkbun", "price", price)
        assert str(bench.state(DUE).renew_price) == "12.34 USD"
        assert str(bench.state(FAR).renew_price) == "12.34 USD"

    def test_without_prices_a_near_name_is_unknown(self, bench: Bench) -> None:
        bench.fault("status", "pricing", times=0)
        seen = bench.driver.observe([DUE, FAR])
        assert isinstance(seen.states["renew.example"], Unknown)
        assert seen.states["ns.example"].renew_price is None

    def test_premium_names_are_found_out(self, bench: Bench) -> None:
        bench.edit("renew.example", premium=True, price="200.00 USD")
        state = bench.state(DUE)
        assert not state.renewable
        assert state.renew_price is None

    def test_one_name_is_checked_each_time(self, bench: Bench) -> None:
        other = domain("auto.example", renewal=RECONCILER)
        bench.edit("auto.example", expires=30, premium=True)
        for renewable in (True, False):
            seen = bench.driver.observe([other, DUE])
            assert seen.requests["checkDomain"] == 1
            assert seen.states["auto.example"].renewable is renewable
            bench.sandbox.clock.advance(timedelta(hours=1))
        assert "checkDomain" not in bench.driver.observe([other, DUE]).requests

    @pytest.mark.parametrize(("shortest", "term", "sold"), [(1, "2y", 0), (2, "2y", 1)])
    def test_only_the_registrys_own_term_is_sold(
        self, bench: Bench, shortest: int, term: str, sold: int
    ) -> None:
        bench.edit("renew.example", minYears=shortest)
        want = domain("renew.example", renewal={**RECONCILER, "term": term})
        state = bench.state(want)
        assert state.renewable == bool(sold)
        assert str(state.renew_price) == ("22.16 USD" if sold else "None")

    def test_a_young_name_has_to_wait(self, bench: Bench) -> None:
        bench.edit("renew.example", created=-10)
        assert bench.state(DUE).renew_from == NOW + timedelta(days=20)


class TestRenewing:
    def renew(self, bench: Bench, key: str = "k") -> Any:
        change = renewal(bench.driver, DUE, bench.account)
        return bench.driver.apply(DUE, change, key)

    def test_a_receipt_is_proof(self, bench: Bench) -> None:
        receipt = self.renew(bench)
        assert str(receipt.paid) == "11.08 USD"
        assert receipt.request_id
        assert receipt.details == {"expires": "2027-12-12"}
        (charge,) = bench.sandbox.charges()
        assert charge.key == "k"

    def test_a_replay_says_so(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        first = bench.driver.apply(DUE, change, "k")
        again = bench.driver.apply(DUE, change, "k")
        assert again == first.model_copy(update={"replayed": True})

    def test_another_price_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        price = {"tld": "example", "price": "12.34 USD"}
        bench.sandbox.edit("porkbun", "price", price)
        with pytest.raises(Rejected, match="INVALID_COST"):
            bench.driver.apply(DUE, change, "k")
        assert bench.sandbox.charges() == []

    def test_too_soon_is_a_wait(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        row = bench.sandbox.bench("porkbun").state["accounts"][0]["domains"]
        row["renew.example"]["renewed"] = (NOW - timedelta(days=3)).isoformat()
        with pytest.raises(TooEarly, match="RENEWAL_TOO_SOON"):
            bench.driver.apply(DUE, change, "k")

    def test_an_expiry_that_moved_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.edit("renew.example", expires=100)
        with pytest.raises(Transient, match="the expiry moved"):
            bench.driver.apply(DUE, change, "k")
        assert bench.sandbox.charges() == []

    def test_an_expiry_that_shows_the_effect_is_not_paid_for(
        self, bench: Bench
    ) -> None:
        """It may be this very request, sent by a run that died: never *failed*."""
        change = renewal(bench.driver, DUE, bench.account)
        bench.edit("renew.example", expires=385)
        with pytest.raises(Ambiguous, match="the expiry moved"):
            bench.driver.apply(DUE, change, "k")
        assert bench.sandbox.charges() == []

    def test_a_key_in_use_is_ambiguous(self, bench: Bench) -> None:
        text = {"status": "ERROR", "code": "IDEMPOTENCY_KEY_IN_USE", "message": "wait"}
        refused = WORDS.refused(Reply(409, text, {}, None), "wait")
        assert isinstance(refused, Ambiguous)

    def test_a_success_that_cannot_be_understood_is_ambiguous(
        self, bench: Bench
    ) -> None:
        assert isinstance(WORDS.refused(Reply(200, [], {}, None), "?"), Ambiguous)
        assert isinstance(WORDS.refused(Reply(200, {}, {}, None), "?"), Ambiguous)

    def test_money_that_is_lost_is_never_proven_unspent(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        late = NOW - timedelta(days=3)
        assert bench.driver.happened(DUE, change, "k", late) is None
        bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", late) is True
        bench.fault("status", "get", times=0)
        assert bench.driver.happened(DUE, change, "k", late) is None

    def test_a_stale_listing_does_not_pay_twice(self, bench: Bench) -> None:
        bench.fault("stale", "listAll", times=2)
        change = renewal(bench.driver, DUE, bench.account)
        bench.driver.apply(DUE, change, "k-1")
        other = PorkbunDomain(bench.account)
        with pytest.raises(Ambiguous):
            other.apply(DUE, renewal(other, DUE, bench.account), "k-2")
        other.close()
        assert len(bench.sandbox.charges()) == 1

    def test_what_it_cannot_do_it_says(self, bench: Bench) -> None:
        share = Share("main", "domain")
        change = Lock(share=share, fields=(), because="x")
        with pytest.raises(Unsupported, match="cannot lock"):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is None

    def test_a_refusal_in_the_results_is_a_refusal(self, bench: Bench) -> None:
        """``updateAutoRenew`` may succeed as a whole and refuse the one domain."""
        want = domain("auto.example", renewal={"mode": "registrar"})
        reply = Reply(
            200,
            {"results": {"auto.example": {"status": "ERROR", "message": "not yours"}}},
            {},
            "r-1",
        )
        bench.driver._effect = lambda *_: reply  # type: ignore[attr-defined]
        with pytest.raises(Rejected, match="not yours"):
            bench.driver._set("updateAutoRenew", want, {})  # type: ignore[attr-defined]


class TestDelegations(DelegationTests):
    vendor = "porkbun"
    reads = ("getDnssecRecords", "getGlue")
    ds_writes = ("createDnssecRecord", "deleteDnssecRecord")
    glue_writes = ("createGlue", "updateGlue", "deleteGlue")
