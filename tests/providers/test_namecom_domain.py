from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient, Unsupported
from reconciler.kinds.domain import Records
from reconciler.model import Share, Unknown
from reconciler.providers._registrar import Pages
from reconciler.providers.namecom_domain import NamecomDomain
from reconciler.sandbox import Sandbox
from tests.support.contract import NOW
from tests.support.delegation import HERE, DelegationTests
from tests.support.registrar import (
    GLUE,
    RECONCILER,
    Bench,
    RegistrarContract,
    benches,
    domain,
    domains,
    fill,
    renewal,
)

SECRETS = {"username": "agency-test", "token": "sandbox-namecom-token"}
PART = {
    "accounts": [
        {
            "login": "agency-test",
            "secret": "sandbox-namecom-token",
            "domains": domains(),
        },
        {"login": "other-test", "secret": "sandbox-other-token", "domains": {}},
    ]
}


class TestNamecomKeepsTheContract(RegistrarContract):
    driver = NamecomDomain
    vendor = "namecom"
    part = PART
    secrets = SECRETS
    listing = "listDomains"
    operations = {
        "renew": "renew",
        "auto-renew": "updateDomain",
        "lock": "updateDomain",
        "privacy": "updateDomain",
        "delegate": "setNameservers",
        "ds": "deleteDNSSEC",
        "glue": "createVanityNameserver",
    }


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestNamecomKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestNamecomKeepsTheContract, sandbox)
    yield made
    made.driver.close()


DUE = domain("renew.example", renewal=RECONCILER)
FAR = domain("ns.example")


class TestWhatIsRead:
    def test_a_line_becomes_a_state(self, bench: Bench) -> None:
        state = bench.state(FAR)
        assert state.expires == NOW + timedelta(days=300)
        assert (state.auto_renew, state.locked, state.privacy) == (True, True, True)
        assert state.nameservers == {"ns1.registrar.example", "ns2.registrar.example"}
        assert str(state.renew_price) == "11.08 USD"

    def test_the_credentials_say_whose_they_are(self, bench: Bench) -> None:
        assert bench.driver.identity() == "agency-test"
        bench.fault("wrong-account", "hello")
        assert bench.driver.identity() == "other-test"

    def test_identity_raises_where_the_question_failed(self, bench: Bench) -> None:
        bench.fault("status", "hello", times=0)
        with pytest.raises(Transient):
            bench.driver.identity()

    def test_the_balance_is_read(self, bench: Bench) -> None:
        assert str(bench.driver.observe([FAR]).balance) == "1000.00 USD"

    def test_a_listing_of_two_pages_is_whole(self, bench: Bench) -> None:
        fill(bench.sandbox, "namecom", 1001)
        seen = bench.driver.observe([FAR])
        assert seen.requests["listDomains"] == 2
        assert len(seen.unmanaged) == 1001 + len(domains()) - 1
        assert {one.provider for one in seen.unmanaged} == {"main"}
        assert seen.states["ns.example"].locked

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "namecom", 1001)
        bench.fault("duplicate-page", "listDomains", skip=1)
        assert "twice" in bench.state(FAR).why

    def test_fewer_than_announced_proves_nothing(self, bench: Bench) -> None:
        bench.driver._page = lambda _: Pages([], None, 3)  # type: ignore[attr-defined]
        assert "0 of 3" in bench.state(FAR).why

    @pytest.mark.parametrize(("days", "phase"), [(-5, "grace"), (-50, "redemption")])
    def test_the_date_gives_the_phase(
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

    def test_the_quote_is_kept_until_the_listed_price_moves(self, bench: Bench) -> None:
        assert bench.asked(DUE)["getPricing"] == 1
        assert "getPricing" not in bench.asked(DUE)
        price = {"tld": "example", "price": "12.34 USD"}
        bench.sandbox.edit("namecom", "price", price)
        assert str(bench.state(DUE).renew_price) == "12.34 USD"

    def test_a_term_that_is_not_sold_has_no_price(self, bench: Bench) -> None:
        bench.edit("renew.example", minYears=2)
        assert bench.state(DUE).renew_price is None

    def test_a_failing_quote_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "getPricing", times=0)
        seen = bench.driver.observe([DUE, FAR])
        assert isinstance(seen.states["renew.example"], Unknown)
        assert not isinstance(seen.states["ns.example"], Unknown)

    def test_ten_years_can_only_begin_at_the_end(self, bench: Bench) -> None:
        """No registration runs for more than ten years."""
        want = domain("renew.example", renewal={**RECONCILER, "term": "10y"})
        assert bench.state(want).renew_from == NOW + timedelta(days=20)
        assert bench.state(DUE).renew_from is None


class TestRenewing:
    def test_years_and_price_are_sent_and_kept(self, bench: Bench) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": "2y"})
        change = renewal(bench.driver, want, bench.account)
        receipt = bench.driver.apply(want, change, "k")
        assert str(receipt.paid) == "22.16 USD"
        (order,) = bench.sandbox.bench("namecom").state["orders"]
        assert receipt.reference == str(order["id"])
        assert want.done(change, {change.share: bench.state(want)})

    def test_another_price_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        price = {"tld": "example", "price": "12.34 USD"}
        bench.sandbox.edit("namecom", "price", price)
        with pytest.raises(Rejected, match="Invalid purchase price"):
            bench.driver.apply(DUE, change, "k")

    def test_an_expiry_that_moved_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.driver.apply(DUE, change, "k")
        with pytest.raises(Rejected, match="the expiry moved"):
            bench.driver.apply(DUE, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_a_price_that_is_missing_for_now_is_transient(self, bench: Bench) -> None:
        """422: "temporarily unavailable [...] try again in a few minutes"."""
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("status", "renew", status=422, times=0)
        with pytest.raises(Transient):
            bench.driver.apply(DUE, change, "k")
        assert bench.sandbox.ledger.requests()["namecom"]["renew"] == 1

    def test_a_malformed_answer_after_paying_is_ambiguous(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("malformed", "renew")
        with pytest.raises(Ambiguous):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is True

    def test_what_it_cannot_do_it_says(self, bench: Bench) -> None:
        change = Records(share=Share("main", "dns"), fields=(), because="x")
        with pytest.raises(Unsupported, match="cannot records"):
            bench.driver.apply(DUE, change, "k")


class TestTheBookOfOrders:
    """A lost renewal is proven by an order, and disproven by a whole book only."""

    LATER = timedelta(minutes=6)

    def after(self, bench: Bench, **changed: Any) -> bool | None:
        """Renew, alter the order so, and ask for the renewal of the listing before."""
        change = renewal(bench.driver, DUE, bench.account)
        bench.driver.apply(DUE, change, "k")
        (order,) = bench.sandbox.bench("namecom").state["orders"]
        order.update({k: v for k, v in changed.items() if k in order})
        item = order["orderItems"][0]
        item.update({k: v for k, v in changed.items() if k in item and k != "id"})
        bench.sandbox.clock.advance(self.LATER)
        return bench.driver.happened(DUE, change, "k", NOW)

    def test_an_order_is_proof(self, bench: Bench) -> None:
        assert self.after(bench) is True

    @pytest.mark.parametrize(
        ("changed", "verdict"),
        [
            ({"name": "other.example"}, False),
            ({"status": "failed"}, False),
            ({"status": "pending"}, None),
            ({"type": "whois_privacy"}, False),
            ({"type": "registration"}, None),
            ({"name": None}, None),
            ({"createDate": "2026-11-22T08:50:00Z"}, False),
            ({"createDate": "2026-11-22T08:59:00Z"}, True),
            ({"createDate": "yesterday"}, None),
        ],
    )
    def test_what_each_order_proves(
        self, bench: Bench, changed: dict[str, Any], verdict: bool | None
    ) -> None:
        assert self.after(bench, **changed) is verdict

    def test_a_book_that_cannot_be_read_proves_nothing(self, bench: Bench) -> None:
        bench.fault("status", "listOrders", times=0)
        assert self.after(bench) is None


class TestDelegations(DelegationTests):
    vendor = "namecom"
    reads = ("listDNSSECs", "listVanityNameservers")
    ds_writes = ("createDNSSEC", "deleteDNSSEC")
    glue_writes = (
        "createVanityNameserver",
        "updateVanityNameserver",
        "deleteVanityNameserver",
    )

    def test_a_host_listed_without_addresses_is_asked_about(self, bench: Bench) -> None:
        """They can be taken away one by one, and the API of before left them out."""
        own = bench.sandbox.bench("namecom").state["accounts"][0]["domains"]
        own["glue.example"]["glue"] = {"ns1.glue.example": []}
        want = domain("glue.example", glue=GLUE)
        seen = bench.driver.observe([want])
        assert seen.requests["getVanityNameserver"] == 1
        assert seen.states["glue.example"].glue == {"ns1.glue.example": ()}
        (change,) = want.diff({HERE: seen.states["glue.example"]}, NOW)
        bench.driver.apply(want, change, "k")
        assert want.done(change, {HERE: bench.state(want)}) is True
