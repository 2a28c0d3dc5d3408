from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, TooEarly, Transient, Unsupported
from reconciler.kinds.domain import Dnssec, Phase, Records, Renew, Restore
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.model import Absent, FieldChange, OpClass, Share, Unknown
from reconciler.providers.dnsimple_domain import DnsimpleDomain
from reconciler.sandbox import Sandbox
from tests.support.contract import NOW
from tests.support.delegation import DsTests
from tests.support.registrar import (
    HOSTS,
    RECONCILER,
    RESTORE,
    Bench,
    RegistrarContract,
    benches,
    domain,
    domains,
    fill,
    renewal,
)

SECRETS = {"token": "sandbox-dnsimple-token"}
PART = {
    "accounts": [
        {
            "login": "1385",
            "secret": "sandbox-dnsimple-token",
            "domains": {
                **domains(),
                "lost.example": {"expires": -40, "autoRenew": False},
            },
            "hosted": ["hosted.example"],
        },
        {"login": "2460", "secret": "sandbox-other-token", "domains": {}},
    ]
}


class TestDnsimpleKeepsTheContract(RegistrarContract):
    driver = DnsimpleDomain
    vendor = "dnsimple"
    part = PART
    secrets = SECRETS
    listing = "listDomains"
    operations = {
        "renew": "renewDomain",
        "auto-renew": "enable/auto_renewal",
        "lock": "enable/transfer_lock",
        "privacy": "enable/whois_privacy",
        "delegate": "changeDomainDelegation",
        "ds": "deleteDelegationSignerRecord",
        "restore": "restoreDomain",
    }

    def pages(self) -> int:
        fill(self.sandbox, self.vendor, 101)
        return 2


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestDnsimpleKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestDnsimpleKeepsTheContract, sandbox)
    yield made
    made.driver.close()


DUE = domain("renew.example", renewal=RECONCILER)
FAR = domain("ns.example")


def world(bench: Bench) -> dict[str, Any]:
    return bench.sandbox.bench("dnsimple").state


class TestWhatIsRead:
    def test_a_line_and_its_detail_become_a_state(self, bench: Bench) -> None:
        state = bench.state(FAR)
        assert state.expires == NOW + timedelta(days=300)
        assert (state.auto_renew, state.locked, state.privacy) == (True, True, True)
        assert state.nameservers == {"ns1.registrar.example", "ns2.registrar.example"}

    def test_the_token_says_whose_it_is(self, bench: Bench) -> None:
        assert bench.driver.identity() == "1385"
        bench.fault("wrong-account", "whoami")
        assert bench.driver.identity() == "2460"

    def test_identity_raises_where_the_question_failed(self, bench: Bench) -> None:
        bench.fault("status", "whoami", times=0)
        with pytest.raises(Transient):
            bench.driver.identity()

    def test_a_persons_token_is_for_the_declared_account(self, bench: Bench) -> None:
        world(bench)["accounts"][0]["user"] = True
        assert bench.driver.identity() is None
        assert "several accounts" in bench.state(FAR).why
        declared = DnsimpleDomain(bench.account._replace(identity="1385"))
        assert declared.identity() == "1385"
        assert declared.observe([FAR]).states["ns.example"].locked  # type: ignore[union-attr]
        declared.close()

    def test_a_persons_token_for_one_account_is_for_that(self, bench: Bench) -> None:
        del world(bench)["accounts"][1]
        world(bench)["accounts"][0]["user"] = True
        assert bench.driver.identity() == "1385"

    def test_what_is_only_hosted_is_no_registration(self, bench: Bench) -> None:
        hosted = domain("hosted.example")
        seen = bench.driver.observe([hosted])
        assert isinstance(seen.states["hosted.example"], Absent)
        names = {one.name for one in bench.driver.observe([FAR]).unmanaged}
        assert "stray.example" in names
        assert "hosted.example" not in names

    def test_a_listing_of_two_pages_is_whole(self, bench: Bench) -> None:
        fill(bench.sandbox, "dnsimple", 101)
        seen = bench.driver.observe([FAR])
        assert seen.requests["listDomains"] == 2
        assert len(seen.unmanaged) == 101 + len(domains())

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "dnsimple", 101)
        bench.fault("duplicate-page", "listDomains", skip=1)
        assert "twice" in bench.state(FAR).why

    def test_details_are_asked_once_a_day(self, bench: Bench) -> None:
        details = {"getDomainDelegation": 1, "getDomainTransferLock": 1}
        assert details.items() <= bench.asked(FAR).items()
        assert not details.keys() & bench.asked(FAR).keys()
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert details.items() <= bench.asked(FAR).items()

    def test_a_detail_that_cannot_be_read_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "getDomainTransferLock", times=4)
        seen = bench.driver.observe([FAR, DUE])
        kinds = [isinstance(state, Unknown) for state in seen.states.values()]
        assert sorted(kinds) == [False, True]

    @pytest.mark.parametrize(
        ("days", "phase"), [(-5, "grace"), (-28, "grace"), (-30, "redemption")]
    )
    def test_the_date_gives_the_phase_of_what_expired(
        self, bench: Bench, days: int, phase: str
    ) -> None:
        bench.edit("ns.example", expires=days, autoRenew=False)
        assert bench.state(FAR).phase == phase


class TestQuotes:
    @pytest.mark.parametrize(("term", "cost"), [("1y", "11.08"), ("3y", "33.24")])
    def test_a_near_name_has_the_price_of_its_term(
        self, bench: Bench, term: str, cost: str
    ) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": term})
        assert str(bench.state(want).renew_price) == f"{cost} USD"
        assert bench.state(FAR).renew_price is None

    def test_a_tld_that_sells_other_terms_is_given_no_price(self, bench: Bench) -> None:
        for name in world(bench)["accounts"][0]["domains"]:
            bench.edit(name, minYears=2)
        state = bench.state(DUE)
        assert (state.renew_price, state.renewable) == (None, True)

    def test_a_tld_that_the_vendor_renews_alone_is_not_renewable(
        self, bench: Bench
    ) -> None:
        for name in world(bench)["accounts"][0]["domains"]:
            bench.edit(name, apiAccess=False)
        assert not bench.state(DUE).renewable

    def test_ten_years_can_only_begin_at_the_end(self, bench: Bench) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": "10y"})
        assert bench.state(want).renew_from == NOW + timedelta(days=20)


class TestRenewing:
    def test_the_period_is_sent_and_the_order_awaited(self, bench: Bench) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": "2y"})
        change = renewal(bench.driver, want, bench.account)
        receipt = bench.driver.apply(want, change, "k")
        assert str(receipt.paid) == "22.16 USD"
        assert receipt.reference == "renewal/1"
        assert want.done(change, {change.share: bench.state(want)})

    def test_an_order_that_takes_a_while_is_awaited(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["latency"] = 12
        bench.driver.apply(DUE, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_an_order_that_does_not_end_is_ambiguous(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["latency"] = 600
        with pytest.raises(Ambiguous, match="order 1 has begun"):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is None
        bench.sandbox.clock.advance(timedelta(seconds=600))
        assert bench.driver.happened(DUE, change, "k", NOW) is True
        assert len(bench.sandbox.charges()) == 1

    def test_an_order_that_failed_is_rejected(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["latency"] = 600
        sleep = bench.account.sleep

        def fail(seconds: float) -> None:
            world(bench)["orders"][0]["state"] = "failed"
            sleep(seconds)

        driver = DnsimpleDomain(bench.account._replace(sleep=fail))
        with pytest.raises(Rejected, match="order 1 failed"):
            driver.apply(DUE, change, "k")
        driver.close()

    def test_a_price_that_rose_is_refused_before_anything_is_sent(
        self, bench: Bench
    ) -> None:
        """The vendor would take it: it checks the price of premium names alone."""
        change = renewal(bench.driver, DUE, bench.account)
        price = {"tld": "example", "price": "12.34 USD"}
        bench.sandbox.edit("dnsimple", "price", price)
        with pytest.raises(Rejected, match=r"planned with 11.08 USD, now 12.34 USD"):
            bench.driver.apply(DUE, change, "k")
        assert "renewDomain" not in bench.sandbox.ledger.requests()["dnsimple"]

    def test_a_price_that_fell_is_what_is_paid(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        price = {"tld": "example", "price": "9.00 USD"}
        bench.sandbox.edit("dnsimple", "price", price)
        assert str(bench.driver.apply(DUE, change, "k").paid) == "9.00 USD"

    def test_the_price_of_a_premium_name_is_confirmed(self, bench: Bench) -> None:
        bench.edit("renew.example", premium=True, price="19.00 USD")
        change = renewal(bench.driver, DUE, bench.account)
        assert str(bench.driver.apply(DUE, change, "k").paid) == "19.00 USD"

    def test_an_expiry_that_moved_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.driver.apply(DUE, change, "k")
        with pytest.raises(Rejected, match="the expiry moved"):
            bench.driver.apply(DUE, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_what_is_too_early_is_a_wait(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        years = change.details | {"years": 9}
        bench.edit("renew.example", expires=700, autoRenew=False)
        moved = (NOW + timedelta(days=700)).isoformat()
        later = change.model_copy(
            update={
                "details": {**years, "expires": moved},
                "cost": change.cost.times(9) if change.cost else None,
            }
        )
        with pytest.raises(TooEarly, match="may not be renewed at this time"):
            bench.driver.apply(DUE, later, "k")

    def test_a_malformed_answer_after_paying_is_ambiguous(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("malformed", "renewDomain")
        with pytest.raises(Ambiguous):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is True

    def test_too_little_money_is_rejected(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["accounts"][0]["balance"] = 5
        with pytest.raises(Rejected, match="card_declined"):
            bench.driver.apply(DUE, change, "k")

    def test_what_it_cannot_do_it_says(self, bench: Bench) -> None:
        change = Records(share=Share("main", "dns"), fields=(), because="x")
        with pytest.raises(Unsupported, match="cannot records"):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is None

    def test_flags_are_turned_off_too(self, bench: Bench) -> None:
        want = domain(
            "ns.example", transferLock=False, privacy=False, lifecycle="expire"
        )
        share = want.registrar()
        assert share
        for change in want.diff({share: bench.state(want)}, NOW):
            bench.driver.apply(want, change, "k")
        state = bench.state(want)
        assert (state.auto_renew, state.locked, state.privacy) == (False,) * 3


class TestTheBookOfCharges:
    """A lost renewal is proven by a charge, and disproven by a whole book only."""

    LATER = timedelta(hours=25)

    def test_an_hour_is_no_proof_that_an_order_is_not_waiting(
        self, bench: Bench
    ) -> None:
        change = self.lost(bench)
        early = NOW + timedelta(hours=2)
        assert bench.driver.happened(DUE, change, "k", early) is None
        assert bench.driver.happened(DUE, change, "k", NOW) is False

    def lost(self, bench: Bench) -> Renew:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("lost-before", "renewDomain")
        with pytest.raises(Ambiguous):
            bench.driver.apply(DUE, change, "k")
        bench.sandbox.clock.advance(self.LATER)
        return change

    def charge(self, bench: Bench, **changed: Any) -> None:
        """Write a charge of a renewal whose expiry does not show (yet)."""
        order = {
            "id": 7,
            "kind": "renewal",
            "account": "1385",
            "name": "renew.example",
            "period": 1,
            "cents": 1108,
            "state": "renewed",
            "created": NOW.isoformat(),
            "updated": NOW.isoformat(),
        }
        world(bench)["orders"].append({**order, **changed})

    @pytest.mark.parametrize(
        ("changed", "verdict"),
        [
            ({}, True),
            ({"name": "other.example"}, False),
            ({"account": "2460"}, False),
            ({"kind": "restore", "state": "restored"}, False),
            ({"state": "refunded"}, None),
            ({"updated": (NOW - timedelta(hours=1)).isoformat()}, False),
            ({"updated": (NOW - timedelta(minutes=1)).isoformat()}, True),
        ],
    )
    def test_what_each_charge_proves(
        self, bench: Bench, changed: dict[str, Any], verdict: bool | None
    ) -> None:
        change = self.lost(bench)
        self.charge(bench, **changed)
        assert bench.driver.happened(DUE, change, "k", NOW) is verdict

    def test_a_book_of_two_pages_is_read_to_its_end(self, bench: Bench) -> None:
        change = self.lost(bench)
        for _ in range(101):
            self.charge(bench, name="other.example")
        self.charge(bench)
        assert bench.driver.happened(DUE, change, "k", NOW) is True

    def test_half_a_book_proves_nothing(self, bench: Bench) -> None:
        change = self.lost(bench)
        for _ in range(150):
            self.charge(bench, name="other.example")
        bench.fault("empty", "listCharges", skip=1)
        assert bench.driver.happened(DUE, change, "k", NOW) is None

    def test_a_token_that_may_not_read_billing_proves_nothing(
        self, bench: Bench
    ) -> None:
        change = self.lost(bench)
        world(bench)["accounts"][0]["scoped"] = True
        assert bench.driver.happened(DUE, change, "k", NOW) is None

    def test_a_flag_needs_no_book(self, bench: Bench) -> None:
        want = domain("ns.example", nameservers=HOSTS)
        share = want.registrar()
        assert share
        (change,) = want.diff({share: bench.state(want)}, NOW)
        bench.fault("lost-after", "changeDomainDelegation")
        with pytest.raises(Ambiguous):
            bench.driver.apply(want, change, "k")
        assert bench.driver.happened(want, change, "k", NOW) is True


KEY = (
    "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)


class TestDsRecords(DsTests):
    vendor = "dnsimple"
    reads = ("listDelegationSignerRecords", "")
    ds_writes = ("createDelegationSignerRecord", "deleteDelegationSignerRecord")

    def test_a_tld_that_takes_keys_is_sent_the_key(self, bench: Bench) -> None:
        world(bench)["accounts"][0]["key_tlds"] = ["example"]
        wanted = str(ds_of("ns.example", KEY))
        field = FieldChange(field="spec.dnssec", before=(), after=(wanted,))
        change = Dnssec(
            share=Share("main", "domain"),
            fields=(field,),
            because="x",
            details={"keys": {wanted: KEY}},
        )
        want = domain("ns.example", dnssec="sync")
        bench.driver.apply(want, change, "k")
        assert bench.state(want).ds == {wanted}
        blind = change.model_copy(update={"details": {}})
        world(bench)["accounts"][0]["domains"]["ns.example"]["ds"] = []
        with pytest.raises(Rejected, match="was not seen"):
            bench.driver.apply(want, blind, "k")


class TestRestoring:
    """The fee and a year more; only its own id tells how an order stands."""

    WANT = domain("lost.example", renewal=RESTORE)

    def change(self, bench: Bench) -> Restore:
        share = self.WANT.registrar()
        assert share
        (found,) = self.WANT.diff({share: bench.state(self.WANT)}, NOW)
        assert isinstance(found, Restore)
        return found

    def test_what_is_lost_has_a_price_where_it_is_wanted_back(
        self, bench: Bench
    ) -> None:
        state = bench.state(self.WANT)
        assert (state.phase, str(state.restore_price)) == (
            Phase.REDEMPTION,
            "91.08 USD",
        )
        assert bench.state(domain("lost.example")).restore_price is None

    def test_it_is_paid_once(self, bench: Bench) -> None:
        change = self.change(bench)
        receipt = bench.driver.apply(self.WANT, change, "k")
        assert (receipt.reference, str(receipt.paid)) == ("restore/1", "91.08 USD")
        assert bench.state(self.WANT).phase is Phase.ACTIVE
        with pytest.raises(Rejected, match="the expiry moved"):
            bench.driver.apply(self.WANT, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_a_fee_that_rose_is_refused_before_anything_is_sent(
        self, bench: Bench
    ) -> None:
        change = self.change(bench)
        bench.edit("lost.example", restore="90.00 USD")
        with pytest.raises(Rejected, match=r"planned with 91.08 USD, now 101.08 USD"):
            bench.driver.apply(self.WANT, change, "k")
        assert "restoreDomain" not in bench.sandbox.ledger.requests()["dnsimple"]

    def test_the_fee_of_a_premium_name_is_confirmed(self, bench: Bench) -> None:
        bench.edit("lost.example", premium=True)
        bench.driver.apply(self.WANT, self.change(bench), "k")
        assert bench.state(self.WANT).phase is Phase.ACTIVE

    def test_a_lost_one_waits_for_a_person_until_the_name_is_back(
        self, bench: Bench
    ) -> None:
        assert DnsimpleDomain.can["restore"] is OpClass.BLIND
        change = self.change(bench)
        world(bench)["latency"] = 20 * 3600
        with pytest.raises(Ambiguous, match="order 1 has begun"):
            bench.driver.apply(self.WANT, change, "k")
        bench.sandbox.clock.advance(timedelta(hours=10))
        assert bench.driver.happened(self.WANT, change, "k", NOW) is None
        bench.sandbox.clock.advance(timedelta(hours=11))
        assert bench.driver.happened(self.WANT, change, "k", NOW) is True
