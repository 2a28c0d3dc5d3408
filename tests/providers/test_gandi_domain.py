from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, TooEarly, Transient, Unsupported
from reconciler.kinds.domain import (
    Dnssec,
    Domain,
    DomainChange,
    Phase,
    Privacy,
    Renew,
)
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.model import Absent, Account, FieldChange, Share, Unknown
from reconciler.providers._gandi_detail import known
from reconciler.providers.gandi_domain import GandiDomain
from reconciler.sandbox import Sandbox
from tests.support.contract import NOW
from tests.support.delegation import HERE, SYNC, GlueTests, done
from tests.support.registrar import (
    DS,
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

ORGANIZATION = "fe0b931c-18c5-11e9-b9b5-00163ec4cb00"
OTHER = "42927d64-18c8-11e9-b9b5-00163ec4cb00"
SECRETS = {"token": "pat_sandbox-gandi-token"}
PART = {
    "accounts": [
        {
            "login": ORGANIZATION,
            "secret": SECRETS["token"],
            "domains": {
                **domains(),
                "lost.example": {"expires": -40, "autoRenew": False},
                "leaving.example": {"expires": 300, "transfer": "pendingTransfer"},
            },
        },
        {"login": OTHER, "secret": "pat_sandbox-other-token", "domains": {}},
    ]
}


class TestGandiKeepsTheContract(RegistrarContract):
    driver = GandiDomain
    vendor = "gandi"
    part = PART
    secrets = SECRETS
    listing = "listDomains"
    operations = {
        "renew": "renew",
        "auto-renew": "autorenew",
        "lock": "status",
        "delegate": "nameservers",
        "ds": "deleteKey",
        "glue": "createHost",
        "restore": "restore",
        "block-transfer": "transferout",
    }

    def start(self) -> Account:
        """Begin with a name that was seen while it could still be renewed."""
        account = super().start()
        self.sandbox.clock.set(NOW - timedelta(days=20), frozen=True)
        driver = GandiDomain(account)
        driver.observe([domain("lost.example")])
        driver.close()
        account.cache.kept = {  # type: ignore[attr-defined]
            key: kept
            for key, kept in account.cache.kept.items()  # type: ignore[attr-defined]
            if "|paid|" in key
        }
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.ledger.reset_requests()
        return account

    def pages(self) -> int:
        fill(self.sandbox, self.vendor, 101)
        return 2


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestGandiKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestGandiKeepsTheContract, sandbox)
    yield made
    made.driver.close()


DUE = domain("renew.example", renewal=RECONCILER)
FAR = domain("ns.example")


def world(bench: Bench) -> dict[str, Any]:
    return bench.sandbox.bench("gandi").state


def requests(bench: Bench) -> dict[str, int]:
    return bench.sandbox.ledger.requests()["gandi"]


def change_of(bench: Bench, want: Domain) -> DomainChange:
    share = want.registrar()
    assert share
    (found,) = want.diff({share: bench.state(want)}, bench.account.clock())
    return found


class TestWhatIsRead:
    def test_a_line_and_its_detail_become_a_state(self, bench: Bench) -> None:
        state = bench.state(FAR)
        assert state.expires == NOW + timedelta(days=300)
        assert (state.auto_renew, state.locked, state.privacy) == (True, True, None)
        assert state.nameservers == {"ns1.registrar.example", "ns2.registrar.example"}

    def test_the_token_says_which_organization_it_is_for(self, bench: Bench) -> None:
        assert bench.driver.identity() == ORGANIZATION
        bench.fault("wrong-account", "listOrganizations")
        assert bench.driver.identity() == OTHER

    def test_identity_raises_where_the_question_failed(self, bench: Bench) -> None:
        bench.fault("status", "listOrganizations", times=0)
        with pytest.raises(Transient):
            bench.driver.identity()

    def test_the_declared_organization_filters_the_listing(self, bench: Bench) -> None:
        own = GandiDomain(bench.account._replace(identity=ORGANIZATION))
        seen = own.observe([FAR])
        assert seen.states["ns.example"].locked  # type: ignore[union-attr]
        assert str(seen.balance) == "1000.00 USD"
        assert own.identity() == ORGANIZATION
        own.close()
        foreign = GandiDomain(bench.account._replace(identity="somebody"))
        assert isinstance(foreign.observe([FAR]).states["ns.example"], Absent)
        assert foreign.identity() == ORGANIZATION  # and the engine refuses it
        foreign.close()

    def test_no_contact_and_no_transfer_code_is_kept(self, bench: Bench) -> None:
        bench.state(FAR)
        kept = json.dumps(bench.account.cache.kept)  # type: ignore[attr-defined]
        assert "ns1.registrar.example" in kept
        assert "code-" not in kept
        assert "alice" not in kept.lower()

    def test_a_listing_of_two_pages_is_whole(self, bench: Bench) -> None:
        fill(bench.sandbox, "gandi", 101)
        seen = bench.driver.observe([FAR])
        assert seen.requests["listDomains"] == 2
        assert len(seen.unmanaged) == 101 + len(domains())

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "gandi", 101)
        bench.fault("duplicate-page", "listDomains", skip=1)
        assert "twice" in bench.state(FAR).why

    def test_a_page_that_ends_early_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "gandi", 101)
        bench.fault("empty", "listDomains", skip=1)
        assert "100 of 0 announced" in bench.state(FAR).why

    def test_details_are_asked_once_a_day(self, bench: Bench) -> None:
        assert bench.asked(FAR)["getDomain"] == 1
        assert "getDomain" not in bench.asked(FAR)
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert bench.asked(FAR)["getDomain"] == 1

    def test_what_changes_by_hand_is_seen_at_once(self, bench: Bench) -> None:
        bench.state(FAR)
        bench.edit("ns.example", nameservers=HOSTS)
        assert bench.state(FAR).nameservers == set(HOSTS)

    def test_a_tld_without_a_lock_is_not_compared(self, bench: Bench) -> None:
        bench.edit("ns.example", apiAccess=False, locked=False)
        assert bench.state(FAR).locked is None

    def test_a_detail_that_cannot_be_read_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "getDomain", times=4)
        seen = bench.driver.observe([FAR, DUE])
        kinds = [isinstance(state, Unknown) for state in seen.states.values()]
        assert sorted(kinds) == [False, True]


class TestThePaidDate:
    """A registry's date moves when the grace period begins, and nobody has paid."""

    def test_in_grace_it_is_the_day_on_which_the_hold_began(self, bench: Bench) -> None:
        bench.edit("ns.example", expires=-5, autoRenew=False)
        state = bench.state(FAR)
        assert state.expires == NOW - timedelta(days=5)
        assert state.phase == "grace"
        (line,) = (
            row
            for row in bench.driver._api.get("l", "/domain/domains")  # type: ignore[attr-defined]
            if row["fqdn"] == "ns.example"
        )
        moved = datetime.fromisoformat(line["dates"]["registry_ends_at"])
        assert moved > NOW + timedelta(days=350)

    def test_a_name_that_was_deleted_leaves_the_account(self, bench: Bench) -> None:
        """When it expired is not told then: nothing can be planned."""
        bench.edit("ns.example", expires=-31, autoRenew=False)
        assert "can be bought back" in bench.state(FAR).why
        watched = domain("ns.example", lifecycle="observe")
        assert isinstance(bench.state(watched), Absent)
        bench.edit("ns.example", expires=-61, autoRenew=False)
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert isinstance(bench.state(FAR), Absent)

    @pytest.mark.parametrize(
        ("dates", "phase"),
        [
            ({"deletes_at": 1}, "grace"),
            ({"deletes_at": -1, "restore_ends_at": 1}, "redemption"),
            ({"deletes_at": -2, "restore_ends_at": -1}, "pending-delete"),
            ({"deletes_at": -2}, "pending-delete"),
            ({}, "grace"),
        ],
    )
    def test_the_vendors_dates_give_the_phase(
        self, dates: dict[str, int], phase: str
    ) -> None:
        said = {date: NOW + timedelta(days=days) for date, days in dates.items()}
        assert self.known([], registry_ends_at=NOW, **said).phase == phase

    def test_on_hold_since_nobody_knows_when_is_unknown(self) -> None:
        with pytest.raises(Rejected, match="does not say since when"):
            self.known(["clientHold"], registry_ends_at=NOW)
        with pytest.raises(Rejected, match="no expiry date"):
            self.known([])

    def known(self, status: list[str], **dates: datetime) -> Any:
        detail = {
            "dates": {name: moment.isoformat() for name, moment in dates.items()},
            "status": status,
            "nameservers": [],
            "lockable": True,
            "auto_renew": False,
        }
        return known(detail, NOW)


class TestQuotes:
    @pytest.mark.parametrize(("term", "cost"), [("1y", "11.08"), ("3y", "33.24")])
    def test_a_near_name_has_the_price_of_its_term_with_taxes(
        self, bench: Bench, term: str, cost: str
    ) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": term})
        assert str(bench.state(want).renew_price) == f"{cost} USD"
        assert bench.state(FAR).renew_price is None

    def test_prices_are_in_the_accounts_currency(self, bench: Bench) -> None:
        world(bench)["accounts"][0]["currency"] = "EUR"
        seen = bench.driver.observe([DUE])
        assert str(seen.states["renew.example"].renew_price) == "11.08 EUR"  # type: ignore[union-attr]
        assert str(seen.balance) == "1000.00 EUR"

    def test_terms_are_kept_until_the_line_moves(self, bench: Bench) -> None:
        assert bench.asked(DUE)["check"] == bench.asked(FAR).get("check", 0) + 1
        assert "check" not in bench.asked(DUE)
        bench.edit("renew.example", price="12.34 USD")
        assert str(bench.state(DUE).renew_price) == "12.34 USD"

    def test_a_term_that_is_not_sold_has_no_price(self, bench: Bench) -> None:
        bench.edit("renew.example", minYears=2)
        assert bench.state(DUE).renew_price is None

    def test_what_is_prohibited_is_not_renewable(self, bench: Bench) -> None:
        bench.edit("renew.example", prohibited=True)
        assert not bench.state(DUE).renewable

    def test_what_begins_later_waits(self, bench: Bench) -> None:
        bench.edit("renew.example", begins=3)
        assert bench.state(DUE).renew_from == NOW + timedelta(days=3)

    def test_a_failing_quote_is_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", "check", times=0)
        seen = bench.driver.observe([DUE, FAR])
        assert isinstance(seen.states["renew.example"], Unknown)
        assert not isinstance(seen.states["ns.example"], Unknown)


class TestRenewing:
    def test_it_is_checked_debited_and_awaited(self, bench: Bench) -> None:
        want = domain("renew.example", renewal={**RECONCILER, "term": "2y"})
        change = renewal(bench.driver, want, bench.account)
        world(bench)["latency"] = 12
        receipt = bench.driver.apply(want, change, "k")
        assert str(receipt.paid) == "22.16 USD"
        assert receipt.reference.endswith("/domains/renew.example")
        assert want.done(change, {change.share: bench.state(want)})
        assert (requests(bench)["renewDryRun"], requests(bench)["renew"]) == (1, 1)

    def test_what_is_accepted_and_does_not_show_is_ambiguous(
        self, bench: Bench
    ) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["latency"] = 600
        with pytest.raises(Ambiguous, match="does not show yet"):
            bench.driver.apply(DUE, change, "k")
        bench.sandbox.clock.advance(timedelta(seconds=600))
        assert bench.driver.happened(DUE, change, "k", NOW) is True
        assert len(bench.sandbox.charges()) == 1

    def test_a_price_that_rose_is_refused_before_anything_is_sent(
        self, bench: Bench
    ) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.edit("renew.example", price="12.34 USD")
        with pytest.raises(Rejected, match=r"planned with 11.08 USD, now 12.34 USD"):
            bench.driver.apply(DUE, change, "k")
        assert not {"renew", "renewDryRun"} & requests(bench).keys()

    def test_another_currency_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["accounts"][0]["currency"] = "EUR"
        with pytest.raises(Rejected, match="the price in EUR"):
            bench.driver.apply(DUE, change, "k")
        assert bench.sandbox.charges() == []

    def test_an_expiry_that_moved_is_refused(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.driver.apply(DUE, change, "k")
        with pytest.raises(Rejected, match="the expiry moved"):
            bench.driver.apply(DUE, change, "k")
        assert len(bench.sandbox.charges()) == 1

    @pytest.mark.parametrize(
        ("fields", "until"),
        [({"prohibited": True}, None), ({"begins": 3}, NOW + timedelta(days=3))],
    )
    def test_what_is_prohibited_for_now_is_a_wait(
        self, bench: Bench, fields: dict[str, Any], until: datetime | None
    ) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.edit("renew.example", **fields)
        with pytest.raises(TooEarly) as early:
            bench.driver.apply(DUE, change, "k")
        assert early.value.until == until
        assert bench.sandbox.charges() == []

    def test_a_check_that_fails_sends_nothing(self, bench: Bench) -> None:
        """A dry run answers 200, and says in its body that it would be refused."""
        path = "/domain/domains/renew.example/renew"
        with pytest.raises(Rejected, match="duration: 12 is not in the range"):
            bench.driver._api.check(path, "renew", {"duration": 12})  # type: ignore[attr-defined]
        assert bench.sandbox.charges() == []

    def test_a_lost_check_is_asked_again(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("lost-before", "renewDryRun")
        bench.driver.apply(DUE, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_the_declared_organization_pays(self, bench: Bench) -> None:
        own = GandiDomain(bench.account._replace(identity=ORGANIZATION))
        own.apply(DUE, renewal(own, DUE, bench.account), "k")
        own.close()
        (charge,) = bench.sandbox.charges()
        assert charge.amount == "11.08 USD"

    def test_too_little_credit_is_rejected(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        world(bench)["accounts"][0]["balance"] = 5
        with pytest.raises(Rejected, match="credit"):
            bench.driver.apply(DUE, change, "k")

    def test_a_malformed_answer_after_paying_is_ambiguous(self, bench: Bench) -> None:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("malformed", "renew")
        with pytest.raises(Ambiguous):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is True

    def test_what_it_cannot_do_it_says(self, bench: Bench) -> None:
        field = FieldChange(field="spec.privacy", before=False, after=True)
        change = Privacy(share=Share("main", "domain"), fields=(field,), because="x")
        with pytest.raises(Unsupported, match="cannot privacy"):
            bench.driver.apply(DUE, change, "k")
        assert bench.driver.happened(DUE, change, "k", NOW) is None


class TestFlags:
    def test_auto_renewal_is_for_the_declared_term(self, bench: Bench) -> None:
        want = domain("auto.example", renewal={"mode": "registrar", "term": "10y"})
        own = GandiDomain(bench.account._replace(identity=ORGANIZATION))
        body = own._auto_renew(want, change_of(bench, want))  # type: ignore[arg-type]
        own.close()
        assert body == {"enabled": True, "duration": 9, "org_id": ORGANIZATION}
        assert bench.driver.apply(want, change_of(bench, want), "k").reference

    def test_flags_are_turned_off_too(self, bench: Bench) -> None:
        want = domain("ns.example", transferLock=False, lifecycle="expire")
        share = want.registrar()
        assert share
        for change in want.diff({share: bench.state(want)}, NOW):
            bench.driver.apply(want, change, "k")
        state = bench.state(want)
        assert (state.auto_renew, state.locked) == (False, False)

    def test_an_accepted_delegation_that_takes_long_is_ambiguous(
        self, bench: Bench
    ) -> None:
        want = domain("ns.example", nameservers=HOSTS)
        change = change_of(bench, want)
        world(bench)["latency"] = 600
        with pytest.raises(Ambiguous, match="delegate was accepted"):
            bench.driver.apply(want, change, "k")
        assert bench.driver.happened(want, change, "k", NOW) is None
        bench.sandbox.clock.advance(timedelta(seconds=600))
        assert bench.driver.happened(want, change, "k", NOW) is True


class TestThePrepaidAccount:
    """Nothing lists orders: only an untouched account proves that nobody has paid."""

    def lost(self, bench: Bench) -> Renew:
        change = renewal(bench.driver, DUE, bench.account)
        bench.fault("lost-before", "renew")
        with pytest.raises(Ambiguous):
            bench.driver.apply(DUE, change, "k")
        bench.sandbox.clock.advance(timedelta(hours=25))
        return change

    def test_an_hour_is_no_proof_that_an_order_is_not_waiting(
        self, bench: Bench
    ) -> None:
        change = self.lost(bench)
        early = NOW + timedelta(hours=2)
        assert bench.driver.happened(DUE, change, "k", early) is None

    def test_an_untouched_account_has_not_paid(self, bench: Bench) -> None:
        change = self.lost(bench)
        assert bench.driver.happened(DUE, change, "k", NOW) is False

    @pytest.mark.parametrize(
        ("minutes", "verdict"), [(-10, False), (-1, None), (0, None), (30, None)]
    )
    def test_an_account_that_somebody_touched_proves_nothing(
        self, bench: Bench, minutes: int, verdict: bool | None
    ) -> None:
        change = self.lost(bench)
        moved = NOW + timedelta(minutes=minutes)
        world(bench)["accounts"][0]["moved"] = moved.isoformat()
        assert bench.driver.happened(DUE, change, "k", NOW) is verdict

    @pytest.mark.parametrize(
        "said",
        [
            {"balance": None},
            {"monthly": True},
            {"outstanding": 11.08},
        ],
    )
    def test_who_pays_later_proves_nothing(
        self, bench: Bench, said: dict[str, Any]
    ) -> None:
        change = self.lost(bench)
        world(bench)["accounts"][0].update(said)
        assert bench.driver.happened(DUE, change, "k", NOW) is None

    def test_what_cannot_be_read_proves_nothing(self, bench: Bench) -> None:
        change = self.lost(bench)
        bench.fault("status", "billingInfo", times=0)
        assert bench.driver.happened(DUE, change, "k", NOW) is None


KEY = (
    "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)
NEW = str(ds_of("ds.example", KEY))


def keyed(*wanted: str, **keys: str) -> Dnssec:
    """Return the change of the one DS that is there into *wanted*."""
    field = FieldChange(field="spec.dnssec", before=(DS,), after=wanted)
    details: Any = {"keys": dict.fromkeys(wanted, KEY)} if not keys else {}
    return Dnssec(share=HERE, fields=(field,), because="x", details=details)


class TestDsRecords:
    """Gandi takes keys and makes the DS; what it accepted has to show first."""

    def test_they_are_asked_once_a_day_and_where_they_matter(
        self, bench: Bench
    ) -> None:
        assert "listKeys" not in bench.asked(domain("ds.example"))
        assert bench.asked(SYNC)["listKeys"] == 1
        assert "listKeys" not in bench.asked(SYNC)
        assert bench.state(SYNC).ds == {DS}

    def test_the_new_key_shows_before_the_old_one_goes(self, bench: Bench) -> None:
        world(bench)["latency"] = 12
        receipt = bench.driver.apply(SYNC, keyed(NEW), "k")
        assert bench.state(SYNC).ds == {NEW}
        assert done(bench, "gandi", "ds.example") == ("createKey", "deleteKey")
        assert receipt.details == {"requests": 2}
        again = bench.driver.apply(SYNC, keyed(NEW), "k")
        assert again.details == {"requests": 0}

    def test_a_key_that_does_not_show_removes_nothing(self, bench: Bench) -> None:
        world(bench)["latency"] = 600
        with pytest.raises(Ambiguous, match="none was removed"):
            bench.driver.apply(SYNC, keyed(NEW), "k")
        assert done(bench, "gandi", "ds.example") == ("createKey",)
        assert bench.driver.happened(SYNC, keyed(NEW), "k", NOW) is None

    def test_half_of_it_is_no_failure_but_unknown(self, bench: Bench) -> None:
        bench.fault("status", "deleteKey", status=400, text="no")
        with pytest.raises(Ambiguous, match="half-way"):
            bench.driver.apply(SYNC, keyed(NEW), "k")
        bench.driver.apply(SYNC, keyed(NEW), "k")
        assert bench.driver.happened(SYNC, keyed(NEW), "k", NOW) is True

    def test_without_the_key_nothing_is_sent(self, bench: Bench) -> None:
        with pytest.raises(Rejected, match="was not seen"):
            bench.driver.apply(SYNC, keyed(NEW, none="x"), "k")
        assert done(bench, "gandi", "ds.example") == ()

    def test_a_delegation_leaves_no_ds_behind(self, bench: Bench) -> None:
        want = domain("ns.example", nameservers=HOSTS)
        change = change_of(bench, want)
        bench.edit("ns.example", ds=[DS])
        with pytest.raises(Rejected, match="do not answer for"):
            bench.driver.apply(want, change, "k")
        assert done(bench, "gandi", "ns.example") == ("by-hand",)


class TestGlue(GlueTests):
    vendor = "gandi"
    reads = ("", "listHosts")
    glue_writes = ("createHost", "updateHost", "deleteHost")

    def test_the_domain_itself_can_be_a_host(self, bench: Bench) -> None:
        """It is listed as ``@``; the inventory says nothing about it."""
        bench.edit("glue.example", glue={"glue.example": ["192.0.2.1"]})
        want = domain("glue.example", glue={"ns1.glue.example": []})
        assert bench.state(want).glue == {"glue.example": ("192.0.2.1",)}


class TestRestoring:
    WANT = domain("lost.example", renewal=RESTORE)

    def test_what_was_seen_in_time_can_be_bought_back(self, bench: Bench) -> None:
        state = bench.state(self.WANT)
        assert state.expires == NOW - timedelta(days=40)
        assert (state.phase, str(state.restore_price)) == (
            Phase.REDEMPTION,
            "80.00 USD",
        )
        assert bench.state(domain("lost.example")).restore_price is None

    def test_it_is_paid_once(self, bench: Bench) -> None:
        change = change_of(bench, self.WANT)
        receipt = bench.driver.apply(self.WANT, change, "k")
        assert str(receipt.paid) == "80.00 USD"
        assert bench.state(self.WANT).phase is Phase.ACTIVE
        with pytest.raises(Rejected, match="cannot be bought back"):
            bench.driver.apply(self.WANT, change, "k")
        assert len(bench.sandbox.charges()) == 1

    def test_a_price_that_rose_is_refused_before_anything_is_sent(
        self, bench: Bench
    ) -> None:
        change = change_of(bench, self.WANT)
        bench.edit("lost.example", restore="90.00 USD")
        with pytest.raises(Rejected, match=r"planned with 80.00 USD, now 90.00 USD"):
            bench.driver.apply(self.WANT, change, "k")
        assert bench.sandbox.charges() == []

    def test_a_date_that_is_too_old_is_of_an_earlier_life(self, bench: Bench) -> None:
        kept = bench.account.cache.kept  # type: ignore[attr-defined]
        (key,) = (one for one in kept if "|paid|lost.example" in one)
        kept[key] = (NOW - timedelta(days=201)).isoformat()
        assert "can be bought back" in bench.state(self.WANT).why

    def test_who_cannot_be_asked_knows_nothing(self, bench: Bench) -> None:
        bench.fault("status", "restoreInfo", times=0)
        assert isinstance(bench.state(self.WANT), Unknown)

    def test_a_lost_one_is_proven_by_the_name_or_by_the_account(
        self, bench: Bench
    ) -> None:
        change = change_of(bench, self.WANT)
        bench.fault("lost-before", "restore")
        with pytest.raises(Ambiguous):
            bench.driver.apply(self.WANT, change, "k")
        bench.sandbox.clock.advance(timedelta(minutes=61))
        assert bench.driver.happened(self.WANT, change, "k", NOW) is None
        bench.sandbox.clock.advance(timedelta(hours=24))
        assert bench.driver.happened(self.WANT, change, "k", NOW) is False
        world(bench)["accounts"][0]["moved"] = NOW.isoformat()
        assert bench.driver.happened(self.WANT, change, "k", NOW) is None


class TestLeaving:
    WANT = domain("leaving.example")

    def test_a_transfer_is_seen_and_declined(self, bench: Bench) -> None:
        assert bench.state(self.WANT).transfer == "pendingTransfer"
        change = change_of(bench, self.WANT)
        bench.driver.apply(self.WANT, change, "k")
        assert bench.state(self.WANT).transfer is None
        (effect,) = bench.sandbox.ledger.effects("gandi", "leaving.example")
        assert effect.details == {"accept": False}
        with pytest.raises(Rejected, match="any more"):
            bench.driver.apply(self.WANT, change, "k")

    def test_the_transfer_code_is_never_shown(self, bench: Bench) -> None:
        change = change_of(bench, self.WANT)
        told = "no code-leaving.example"
        bench.fault("status", "transferout", status=400, text=told)
        with pytest.raises(Rejected) as refused:
            bench.driver.apply(self.WANT, change, "k")
        assert "***" in str(refused.value)
        assert "code-leaving.example" not in str(refused.value)
        assert refused.value.__suppress_context__
