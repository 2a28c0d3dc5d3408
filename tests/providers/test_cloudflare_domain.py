from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient, Unsupported
from reconciler.kinds.domain import AutoRenew, DomainChange, Lock
from reconciler.model import FieldChange, Share, Unknown
from reconciler.providers.cloudflare_domain import CloudflareDomain
from reconciler.sandbox import Sandbox
from tests.support.contract import NOW
from tests.support.registrar import (
    RECONCILER,
    Bench,
    RegistrarContract,
    benches,
    domain,
    domains,
    fill,
)

SECRETS = {"token": "sandbox-cloudflare-token"}
PART = {
    "accounts": [
        {"id": "acc1", "token": SECRETS["token"], "domains": domains()},
        {"id": "acc2", "token": "sandbox-other-token", "domains": {}},
    ]
}


class TestCloudflareKeepsTheContract(RegistrarContract):
    driver = CloudflareDomain
    vendor = "cloudflare"
    part = PART
    secrets = SECRETS
    listing = "list-registrations"
    operations = {"auto-renew": "update-registration"}

    def pages(self) -> int:
        fill(self.sandbox, self.vendor, 51)
        return 2


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    yield from benches(TestCloudflareKeepsTheContract)


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(TestCloudflareKeepsTheContract, sandbox)
    yield made
    made.driver.close()


FAR = domain("ns.example")
AUTO = domain("auto.example", renewal={"mode": "registrar"})


def world(bench: Bench) -> dict[str, Any]:
    return bench.sandbox.bench("cloudflare").state


def change_of(bench: Bench) -> DomainChange:
    share = AUTO.registrar()
    assert share
    (found,) = AUTO.diff({share: bench.state(AUTO)}, bench.account.clock())
    assert isinstance(found, AutoRenew)
    return found


class TestWhatIsRead:
    def test_a_line_becomes_a_state(self, bench: Bench) -> None:
        state = bench.state(FAR)
        assert state.expires == NOW + timedelta(days=300)
        assert (state.auto_renew, state.locked, state.privacy) == (True, True, True)
        assert (state.nameservers, state.renewable) == (None, False)

    def test_nothing_is_ever_paid_by_us(self, bench: Bench) -> None:
        """There is no call for it, whatever the inventory says."""
        want = domain("renew.example", renewal=RECONCILER)
        share = want.registrar()
        assert share
        assert [*want.diff({share: bench.state(want)}, NOW)] == []

    def test_the_token_says_whose_it_is(self, bench: Bench) -> None:
        assert bench.driver.identity() == "acc1"
        bench.fault("wrong-account", "list-accounts")
        assert bench.driver.identity() not in {"acc1", None}

    def test_identity_raises_where_the_question_failed(self, bench: Bench) -> None:
        bench.fault("status", "list-accounts", times=0)
        with pytest.raises(Transient):
            bench.driver.identity()

    def test_without_the_right_to_read_accounts_the_id_has_to_be_declared(
        self, bench: Bench
    ) -> None:
        bench.fault("empty", "list-accounts", times=0)
        assert bench.driver.identity() is None
        assert "which account" in bench.state(FAR).why
        declared = CloudflareDomain(bench.account._replace(identity="acc1"))
        assert declared.observe([FAR]).states["ns.example"].locked  # type: ignore[union-attr]
        declared.close()

    def test_another_account_than_declared_cannot_be_read(self, bench: Bench) -> None:
        declared = CloudflareDomain(bench.account._replace(identity="acc2"))
        assert isinstance(declared.observe([FAR]).states["ns.example"], Unknown)
        assert declared.identity() == "acc1"
        declared.close()

    def test_a_listing_of_two_pages_is_whole(self, bench: Bench) -> None:
        fill(bench.sandbox, "cloudflare", 51)
        seen = bench.driver.observe([FAR])
        assert seen.requests["list-registrations"] == 2
        assert len(seen.unmanaged) == 51 + len(domains()) - 1

    def test_a_page_twice_proves_nothing(self, bench: Bench) -> None:
        fill(bench.sandbox, "cloudflare", 51)
        bench.fault("duplicate-page", "list-registrations", skip=1)
        assert "twice" in bench.state(FAR).why

    @pytest.mark.parametrize(
        "info", [{}, {"cursor": "", "count": 2}, {"count": 0}, {"cursor": None}]
    )
    def test_a_page_that_does_not_say_how_it_goes_on_proves_nothing(
        self, bench: Bench, info: dict[str, Any]
    ) -> None:
        said = {"success": True, "result": [], "result_info": info}
        bench.driver._read = lambda *_, **__: said  # type: ignore[attr-defined]
        bench.driver._id = "acc1"  # type: ignore[attr-defined]
        assert "whole" in bench.state(FAR).why

    @pytest.mark.parametrize(
        ("days", "phase"),
        [(-5, "grace"), (-40, "redemption"), (-62, "pending-delete")],
    )
    def test_the_status_gives_the_phase(
        self, bench: Bench, days: int, phase: str
    ) -> None:
        bench.edit("ns.example", expires=days, autoRenew=False)
        assert bench.state(FAR).phase == phase

    def test_a_pending_registration_is_unknown(self, bench: Bench) -> None:
        bench.edit("ns.example", prohibited=True)
        assert "registration_pending" in bench.state(FAR).why

    def test_privacy_that_is_off_is_seen(self, bench: Bench) -> None:
        bench.edit("ns.example", privacy=False, locked=False)
        state = bench.state(FAR)
        assert (state.privacy, state.locked) == (False, False)


class TestUpdating:
    def test_a_workflow_is_awaited(self, bench: Bench) -> None:
        world(bench)["latency"] = 5
        receipt = bench.driver.apply(AUTO, change_of(bench), "k")
        assert receipt.request_id == "8f0000000000-AMS"
        assert bench.state(AUTO).auto_renew

    def test_it_is_turned_off_too(self, bench: Bench) -> None:
        want = domain("ns.example", lifecycle="expire")
        share = want.registrar()
        assert share
        (change,) = want.diff({share: bench.state(want)}, NOW)
        bench.driver.apply(want, change, "k")
        assert bench.state(want).auto_renew is False

    def test_a_workflow_without_end_is_ambiguous(self, bench: Bench) -> None:
        change = change_of(bench)
        world(bench)["latency"] = 9999
        with pytest.raises(Ambiguous, match="has begun and is in_progress"):
            bench.driver.apply(AUTO, change, "k")
        assert bench.driver.happened(AUTO, change, "k", bench.account.clock()) is None

    @pytest.mark.parametrize(
        ("state", "error", "match"),
        [
            ("failed", Rejected, "Registry rejected"),
            ("action_required", Ambiguous, "somebody's action"),
            ("blocked", Ambiguous, "has begun and is blocked"),
        ],
    )
    def test_how_a_workflow_can_end(
        self, bench: Bench, state: str, error: type[Exception], match: str
    ) -> None:
        change = change_of(bench)
        world(bench)["latency"] = 9999
        sleep = bench.account.sleep

        def turn(seconds: float) -> None:
            world(bench)["workflows"]["auto.example"]["state"] = state
            sleep(seconds)

        driver = CloudflareDomain(bench.account._replace(sleep=turn))
        with pytest.raises(error, match=match):
            driver.apply(AUTO, change, "k")
        driver.close()
        assert bench.sandbox.ledger.effects("cloudflare", "auto.example") == []

    def test_a_status_that_cannot_be_read_is_asked_again(self, bench: Bench) -> None:
        change = change_of(bench)
        world(bench)["latency"] = 5
        bench.fault("status", "get-update-status", times=4)
        bench.driver.apply(AUTO, change, "k")
        assert bench.state(AUTO).auto_renew

    def test_a_name_that_is_gone_is_rejected_with_the_vendors_words(
        self, bench: Bench
    ) -> None:
        change = change_of(bench)
        bench.edit("auto.example", remove=True)
        with pytest.raises(Rejected, match="10000 Domain not found") as refused:
            bench.driver.apply(AUTO, change, "k")
        assert refused.value.request_id == "8f0000000000-AMS"
        assert bench.driver.happened(AUTO, change, "k", NOW) is None

    def test_what_it_cannot_do_it_says(self, bench: Bench) -> None:
        field = FieldChange(field="spec.transferLock", before=False, after=True)
        change = Lock(share=Share("main", "domain"), fields=(field,), because="x")
        with pytest.raises(Unsupported, match="cannot lock"):
            bench.driver.apply(FAR, change, "k")
        assert bench.driver.happened(FAR, change, "k", NOW) is None


@pytest.mark.parametrize("owner", ["user", "account"])
@pytest.mark.parametrize(
    ("days", "said"), [(None, None), (31, None), (29, "ends on"), (0, "ends on")]
)
def test_a_token_that_ends_soon_is_named(
    bench: Bench, owner: str, days: int | None, said: str | None
) -> None:
    (mine, _) = world(bench)["accounts"]
    mine["token_of"] = owner
    if days is not None:
        ends = bench.account.clock() + timedelta(days=days)
        mine["token_ends"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    told = [advice.said for advice in bench.driver.examine()]
    assert [said in each for each in told] if said else told == []


def test_a_token_that_is_not_taken_says_so(bench: Bench) -> None:
    world(bench)["accounts"][0]["token"] = "another"
    with pytest.raises(Rejected):
        list(bench.driver.examine())
