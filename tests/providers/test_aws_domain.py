"""Route 53 Domains, on the sandbox's registrar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, TooEarly, Transient
from reconciler.kinds.domain import (
    SEEN,
    DelegationState,
    Domain,
    DomainChange,
    Phase,
    Renew,
)
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.model import Absent, Money, Share, Unknown
from reconciler.providers.aws_domain import Route53Domains
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, account
from tests.support.registrar import (
    DS,
    HOSTS,
    RECONCILER,
    RESTORE,
    RegistrarContract,
    domain,
    domains,
    fill,
)

SECRETS = {"accessKeyId": "AKIASANDBOX", "secretAccessKey": "sandbox-secret"}
OWN_HOSTS = ["ns1.glue.example", "ns2.glue.example"]
PART = {
    "accessKeyId": "AKIASANDBOX",
    "domains": {
        **domains(),
        "lost.example": {"expires": -40, "autoRenew": False},
        "leaving.example": {"expires": 300, "transfer": "account"},
        "glue.example": {
            "expires": 300,
            "nameservers": OWN_HOSTS,
            "glue": {host: ["192.0.2.1"] for host in OWN_HOSTS},
        },
    },
}


class TestRoute53DomainsKeepsTheContract(RegistrarContract):
    driver = Route53Domains
    vendor = "aws"
    part = PART
    secrets = SECRETS
    listing = "ListDomains"
    operations = {
        "renew": "RenewDomain",
        "auto-renew": "EnableDomainAutoRenew",
        "lock": "EnableDomainTransferLock",
        "privacy": "UpdateDomainContactPrivacy",
        "delegate": "UpdateDomainNameservers",
        "ds": "DisassociateDelegationSignerFromDomain",
        "glue": "UpdateDomainNameservers",
        "restore": "RestoreDomain",
        "block-transfer": "CancelDomainTransferToAnotherAwsAccount",
    }

    def pages(self) -> int:
        fill(self.sandbox, self.vendor, 101)
        return 2


WORLD = {
    "accessKeyId": "AKIASANDBOX",
    "prices": {"com": "14.00 USD"},
    "unpriced": ["zz"],
    "windows": {"it": 15},
    "domains": {
        "due.com": {"expires": 20, "autoRenew": False},
        "ok.com": {"expires": 300},
        "late.com": {"expires": -40, "autoRenew": False},
        "gone.com": {"expires": -62, "autoRenew": False},
        "early.it": {"expires": 20, "autoRenew": False},
        "odd.zz": {"expires": 20, "autoRenew": False},
        "premium.com": {"expires": 20, "autoRenew": False, "price": "19.50 USD"},
    },
}


class Rig:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.account = account(sandbox, "aws", SECRETS)

    @property
    def driver(self) -> Route53Domains:
        return Route53Domains(self.account)

    def state(self, want: Domain) -> Any:
        return self.driver.observe([want]).states[want.name]

    def renewal(self, want: Domain) -> Renew:
        have = {Share("main", "domain"): self.state(want)}
        changes = list(want.diff(have, self.sandbox.clock()))
        (change,) = (c for c in changes if isinstance(c, Renew))
        return change

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(Fault(vendor="aws", operation=operation, kind=kind, **more))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    clock = SandboxClock(NOW, frozen=True)
    with Sandbox(World({"aws": WORLD}), clock) as running:
        yield running


@pytest.fixture
def rig(sandbox: Sandbox) -> Rig:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"aws": WORLD}))
    return Rig(sandbox)


DUE = domain("due.com", renewal=RECONCILER)
OK = domain("ok.com", renewal=RECONCILER)


def test_what_the_listing_and_the_detail_say(rig: Rig) -> None:
    state = rig.state(DUE)
    assert state.expires == NOW + timedelta(days=20)
    assert (state.auto_renew, state.locked, state.privacy) == (False, True, True)
    assert state.nameservers == {"ns1.registrar.example", "ns2.registrar.example"}
    assert str(state.renew_price) == "14.00 USD"
    assert state.phase is Phase.ACTIVE
    assert rig.state(OK).renew_price is None


@pytest.mark.parametrize(
    ("name", "phase"),
    [("late.com", Phase.REDEMPTION), ("gone.com", Phase.PENDING_DELETE)],
)
def test_phases(rig: Rig, name: str, phase: Phase) -> None:
    assert rig.state(domain(name)).phase is phase


def test_a_premium_name_has_its_own_price(rig: Rig) -> None:
    state = rig.state(domain("premium.com", renewal=RECONCILER))
    assert str(state.renew_price) == "19.50 USD"


def test_the_price_is_that_of_the_whole_term(rig: Rig) -> None:
    two = domain("due.com", renewal={**RECONCILER, "term": "2y"})
    assert str(rig.state(two).renew_price) == "28.00 USD"
    receipt = rig.driver.apply(two, rig.renewal(two), "key")
    assert str(receipt.paid) == "28.00 USD"
    assert rig.state(two).expires.year == (NOW + timedelta(days=20)).year + 2


def test_a_tld_without_a_price_is_no_error(rig: Rig) -> None:
    assert rig.state(domain("odd.zz", renewal=RECONCILER)).renew_price is None


def test_details_are_asked_once_a_day(rig: Rig) -> None:
    driver = rig.driver
    first = driver.observe([OK])
    asked = {"list_domains": 1, "get_domain_detail": 1, "list_operations": 1}
    assert first.requests == asked
    assert driver.observe([OK]).requests == {"list_domains": 1}
    rig.sandbox.clock.advance(timedelta(hours=24))
    assert driver.observe([OK]).requests == first.requests


def test_details_are_asked_when_the_listing_shows_a_change(rig: Rig) -> None:
    driver = rig.driver
    driver.observe([OK])
    rig.sandbox.edit("aws", "domain", {"name": "ok.com", "locked": False})
    again = driver.observe([OK])
    assert again.requests["get_domain_detail"] == 1
    assert again.states["ok.com"].locked is False


def test_details_are_asked_when_a_renewal_is_due(rig: Rig) -> None:
    driver = rig.driver
    driver.observe([DUE])
    assert driver.observe([DUE]).requests["get_domain_detail"] == 1


def test_the_expiry_year_guards_against_a_second_renewal(rig: Rig) -> None:
    change = rig.renewal(DUE)
    rig.driver.apply(DUE, change, "key")
    with pytest.raises(Rejected, match="CurrentExpiryYear"):
        rig.driver.apply(DUE, change, "key")
    assert [e.amount for e in rig.sandbox.charges()] == ["14.00 USD"]


def test_aws_itself_refuses_more_than_the_ceiling(rig: Rig) -> None:
    change = rig.renewal(DUE)
    rig.sandbox.edit("aws", "price", {"tld": "com", "price": "20.01 USD"})
    with pytest.raises(Rejected, match="MaxPrice"):
        rig.driver.apply(DUE, change, "key")
    assert rig.sandbox.charges() == []


def test_nothing_is_paid_without_a_ceiling(rig: Rig) -> None:
    change = rig.renewal(DUE).model_copy(update={"ceiling": None})
    with pytest.raises(Rejected, match="ceiling"):
        rig.driver.apply(DUE, change, "key")
    assert rig.sandbox.ledger.requests().get("aws", {}).get("RenewDomain") is None


def test_too_early_is_a_wait(rig: Rig) -> None:
    early = domain("early.it", renewal=RECONCILER)
    with pytest.raises(TooEarly):
        rig.driver.apply(early, rig.renewal(early), "key")


def test_an_operation_that_ends_later_is_waited_for(rig: Rig) -> None:
    rig.sandbox.edit("aws", "operations", {"delay": 12})
    receipt = rig.driver.apply(DUE, rig.renewal(DUE), "key")
    assert receipt.details == {"status": "SUCCESSFUL"}
    assert rig.sandbox.ledger.requests()["aws"]["GetOperationDetail"] == 5


def test_an_operation_that_does_not_end_is_unknown(rig: Rig) -> None:
    rig.sandbox.edit("aws", "operations", {"delay": 3600})
    change, since = rig.renewal(DUE), NOW
    with pytest.raises(Ambiguous, match="operation 0000"):
        rig.driver.apply(DUE, change, "key")
    assert rig.driver.happened(DUE, change, "key", since) is None
    with pytest.raises(Ambiguous, match="in progress"):
        rig.driver.apply(DUE, change, "key")
    rig.sandbox.clock.advance(timedelta(hours=1))
    assert rig.driver.happened(DUE, change, "key", since) is True
    assert len(rig.sandbox.charges()) == 1


def test_an_operation_that_fails_is_no_effect(rig: Rig) -> None:
    rig.sandbox.edit("aws", "operations", {"outcome": "FAILED"})
    change = rig.renewal(DUE)
    with pytest.raises(Rejected, match="failed"):
        rig.driver.apply(DUE, change, "key")
    assert rig.driver.happened(DUE, change, "key", NOW) is False
    assert rig.sandbox.charges() == []


def test_asking_the_books_can_fail(rig: Rig) -> None:
    change = rig.renewal(DUE)
    rig.fault("ListOperations", "status", times=3)
    assert rig.driver.happened(DUE, change, "key", NOW) is None


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed"])
def test_a_listing_that_does_not_fit_together(rig: Rig, kind: str) -> None:
    fill(rig.sandbox, "aws", 150)
    rig.fault("ListDomains", kind, skip=1, times=0)
    seen = rig.driver.observe([DUE, domain("missing.com")])
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


def test_one_detail_that_fails_is_one_unknown(rig: Rig) -> None:
    rig.fault("GetDomainDetail", "status", times=3)
    states = rig.driver.observe([DUE, OK]).states
    assert isinstance(states["due.com"], Unknown)
    assert not isinstance(states["ok.com"], Unknown)


def test_the_account_says_who_it_is(rig: Rig) -> None:
    assert rig.driver.identity() == "123456789012"
    rig.fault("GetCallerIdentity", "wrong-account")
    assert rig.driver.identity() == "210987654321"


def test_nothing_listens(rig: Rig) -> None:
    rig.account = rig.account._replace(endpoint="http://127.0.0.1:9")
    change = Renew(
        share=Share("main", "domain"),
        fields=(),
        because="",
        ceiling=Money.model_validate("20.00 USD"),
        details={"years": 1, "expires": NOW.isoformat()},
    )
    with pytest.raises(Transient):
        rig.driver.apply(DUE, change, "key")


@pytest.mark.parametrize("operation", ["RenewDomain", "GetOperationDetail"])
def test_an_answer_that_cannot_be_read_is_unknown(rig: Rig, operation: str) -> None:
    """botocore takes half a JSON document for an empty answer."""
    change = rig.renewal(DUE)
    rig.fault(operation, "malformed", times=0)
    with pytest.raises(Ambiguous):
        rig.driver.apply(DUE, change, "key")
    rig.sandbox.faults.clear()
    assert rig.driver.happened(DUE, change, "key", NOW) is True
    assert len(rig.sandbox.charges()) == 1


@pytest.mark.parametrize("operation", ["GetDomainDetail", "GetDomainPrices"])
def test_a_detail_that_cannot_be_read_is_unknown(rig: Rig, operation: str) -> None:
    rig.fault(operation, "malformed", times=0)
    assert isinstance(rig.state(DUE), Unknown)


def test_books_that_cannot_be_read_tell_nothing(rig: Rig) -> None:
    change = rig.renewal(DUE)
    rig.fault("ListOperations", "malformed")
    rig.sandbox.clock.advance(timedelta(days=1))
    assert rig.driver.happened(DUE, change, "key", NOW) is None


KEY = (
    "257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)
HERE = Share("main", "domain")


def changes(rig: Rig, want: Domain, **seen: Any) -> list[DomainChange]:
    have: dict[Share, Any] = {HERE: rig.state(want)}
    if seen:
        have[SEEN] = DelegationState(**seen)
    return list(want.diff(have, rig.sandbox.clock()))


class TestDsRecords:
    """AWS takes keys and makes the digest; its ids are its own."""

    want = domain("ok.com", dnssec="sync")

    def live(self, rig: Rig, *keys: str) -> dict[str, Any]:
        made = {str(ds_of("ok.com", key)): key for key in keys}
        hosts = rig.state(self.want).nameservers
        return {"nameservers": hosts, "live_ds": frozenset(made), "dnskeys": made}

    def test_follow_the_live_keys(self, rig: Rig) -> None:
        live = self.live(rig, KEY)
        (change,) = changes(rig, self.want, **live)
        rig.driver.apply(self.want, change, "k")
        assert rig.state(self.want).ds == live["live_ds"]
        assert changes(rig, self.want, **live) == []

    def test_a_new_key_comes_before_the_old_one_goes(self, rig: Rig) -> None:
        first = self.live(rig, KEY)
        (change,) = changes(rig, self.want, **first)
        rig.driver.apply(self.want, change, "k")
        other = KEY.replace("mdss", "ndss")
        (rolled,) = changes(rig, self.want, **self.live(rig, other))
        rig.driver.apply(self.want, rolled, "k")
        begun = [e.operation for e in rig.sandbox.ledger.effects("aws", "ok.com")]
        assert begun == ["ADD_DNSSEC", "ADD_DNSSEC", "REMOVE_DNSSEC"]
        assert rig.state(self.want).ds == {ds_of("ok.com", other)}

    def test_a_second_step_that_is_refused_leaves_it_open(self, rig: Rig) -> None:
        (change,) = changes(rig, self.want, **self.live(rig, KEY))
        rig.driver.apply(self.want, change, "k")
        other = KEY.replace("mdss", "ndss")
        (rolled,) = changes(rig, self.want, **self.live(rig, other))
        remove = "DisassociateDelegationSignerFromDomain"
        rig.fault(remove, "status", status=400, text="no")
        with pytest.raises(Ambiguous, match="half-way"):
            rig.driver.apply(self.want, rolled, "k")
        rig.driver.apply(self.want, rolled, "k")
        assert rig.state(self.want).ds == {ds_of("ok.com", other)}

    def test_without_the_key_nothing_is_sent(self, rig: Rig) -> None:
        live = {**self.live(rig, KEY), "dnskeys": {}}
        (change,) = changes(rig, self.want, **live)
        with pytest.raises(Rejected, match="was not seen"):
            rig.driver.apply(self.want, change, "k")


class TestGlue:
    def test_comes_with_the_delegation(self, rig: Rig) -> None:
        hosts = ["ns1.ok.com", "ns.host.example"]
        glue = {"ns1.ok.com": ["192.0.2.1", "2001:db8::1"]}
        want = domain("ok.com", nameservers=hosts, glue=glue)
        (change,) = changes(rig, want)
        assert change.verb == "delegate"
        rig.driver.apply(want, change, "k")
        assert rig.state(want).glue == {"ns1.ok.com": ("192.0.2.1", "2001:db8::1")}
        moved = domain("ok.com", nameservers=hosts, glue={"ns1.ok.com": ["192.0.2.9"]})
        (glued,) = changes(rig, moved)
        assert glued.verb == "glue"
        rig.driver.apply(moved, glued, "k")
        assert rig.state(moved).glue == {"ns1.ok.com": ("192.0.2.9",)}
        assert changes(rig, moved) == []

    def test_a_delegation_leaves_no_ds_behind(self, rig: Rig) -> None:
        want = domain("ok.com", nameservers=HOSTS)
        (change,) = changes(rig, want)
        rig.sandbox.edit("aws", "domain", {"name": "ok.com", "ds": [DS]})
        with pytest.raises(Rejected, match="do not answer for"):
            rig.driver.apply(want, change, "k")


class TestRestoring:
    want = domain("late.com", renewal=RESTORE)

    def test_what_is_lost_is_found_in_the_books(self, rig: Rig) -> None:
        state = rig.state(self.want)
        assert state.phase is Phase.REDEMPTION
        assert state.expires == NOW - timedelta(days=10)
        assert str(state.restore_price) == "80.00 USD"
        assert rig.state(domain("late.com")).restore_price is None

    def test_is_paid_once(self, rig: Rig) -> None:
        (change,) = changes(rig, self.want)
        receipt = rig.driver.apply(self.want, change, "k")
        assert str(receipt.paid) == "80.00 USD"
        assert rig.state(self.want).phase is Phase.ACTIVE
        with pytest.raises(Rejected):
            rig.driver.apply(self.want, change, "k")
        assert len(rig.sandbox.charges()) == 1

    def test_never_above_the_ceiling(self, rig: Rig) -> None:
        (change,) = changes(rig, self.want)
        rig.sandbox.edit("aws", "domain", {"name": "late.com", "restore": "120.00 USD"})
        with pytest.raises(Rejected, match="MaxPrice"):
            rig.driver.apply(self.want, change, "k")
        bare = change.model_copy(update={"ceiling": None})
        with pytest.raises(Rejected, match="maxRestore"):
            rig.driver.apply(self.want, bare, "k")
        assert rig.sandbox.charges() == []

    def test_a_price_that_cannot_be_read_is_unknown(self, rig: Rig) -> None:
        rig.fault("GetDomainPrices", "status", times=0)
        assert isinstance(rig.state(self.want), Unknown)

    def test_what_is_gone_for_good_is_absent(self, rig: Rig) -> None:
        rig.sandbox.clock.advance(timedelta(days=26))
        assert isinstance(rig.state(self.want), Absent)


class TestLeaving:
    def test_another_registrar_is_told_and_cannot_be_stopped(self, rig: Rig) -> None:
        rig.sandbox.edit("aws", "domain", {"name": "ok.com", "transfer": "registrar"})
        state = rig.state(OK)
        assert state.transfer.startswith("to another registrar")
        (change,) = changes(rig, OK)
        with pytest.raises(Rejected, match="not being transferred"):
            rig.driver.apply(OK, change, "k")

    def test_what_has_left_is_said_to_have(self, rig: Rig) -> None:
        rig.sandbox.edit("aws", "domain", {"name": "ok.com", "transfer": "done"})
        assert rig.state(OK).phase is Phase.TRANSFERRED

    def test_it_is_looked_for_four_times_a_day(self, rig: Rig) -> None:
        driver = rig.driver
        driver.observe([OK])
        rig.sandbox.edit("aws", "domain", {"name": "ok.com", "transfer": "registrar"})
        assert driver.observe([OK]).states["ok.com"].transfer is None
        rig.sandbox.clock.advance(timedelta(hours=6))
        assert driver.observe([OK]).states["ok.com"].transfer

    def test_a_book_that_cannot_be_read_is_unknown(self, rig: Rig) -> None:
        rig.fault("ListOperations", "status", times=0)
        assert isinstance(rig.state(OK), Unknown)
