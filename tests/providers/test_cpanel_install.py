"""Certificates of one cPanel account: the contract, and what is cPanel's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.certificate import Certificate, Check, Install
from reconciler.model import FieldChange, Material, Unknown
from reconciler.providers.cpanel_install import CpanelInstall
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.certificates import (
    InstallContract,
    MemoryKeys,
    certificate,
    have,
    mark,
    material,
    only,
    place,
    unreadable,
    why,
)
from tests.support.contract import NOW, account

SECRETS = {"user": "agency", "token": "cpanel-sandbox-token"}
NEW = material("new.example", "www.new.example")
PART: dict[str, Any] = {
    "user": "agency",
    "token": "cpanel-sandbox-token",
    "domain": "auto.example",
    "addons": ["new.example"],
    "autossl": True,
    "excluded": ["new.example", "www.new.example", "mail.new.example"],
    "certificates": {"auto.example": {"ends": 5}},
}


def at(name: str, **spec: Any) -> Certificate:
    return certificate(name, [place("Provider/main")], **spec)


class TestCpanelInstall(InstallContract):
    driver = CpanelInstall
    vendor = "cpanel"
    part = PART
    secrets = SECRETS
    listing = "list_domains"
    operations = {"install": "install_ssl", "check": "start_autossl_check"}
    deeds = {"install": "install_ssl", "check": "autossl-check"}

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW}

    def wants(self) -> list[Certificate]:
        return [at("new.example"), at("auto.example", mode="provider")]

    def missing(self) -> Certificate:
        return at("missing.example")


class Bench:
    def __init__(self, sandbox: Sandbox, **part: Any) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"cpanel": {**PART, **part}}))
        self.sandbox = sandbox
        self.keys = MemoryKeys()
        self.keys.fill("new.example", NEW)
        self.driver = CpanelInstall(account(sandbox, "cpanel", SECRETS, keys=self.keys))

    def state(self, want: Certificate) -> Any:
        return self.driver.observe([want]).states[want.name]

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(
            Fault(vendor="cpanel", operation=operation, kind=kind, **more)
        )

    def edit(self, **fields: Any) -> None:
        self.sandbox.edit("cpanel", "account", fields)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"cpanel": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


def install(want: Certificate) -> Install:
    (where,) = want.makings.places
    return Install(
        share=where.share,
        fields=(FieldChange(field="deploy"),),
        because="a test",
        details={"mark": where.mark, "fingerprint": mark(NEW)},
    )


@pytest.mark.parametrize("nested", [False, True])
def test_both_envelopes_are_read(running: Sandbox, nested: bool) -> None:
    bench = Bench(running, nested=nested)
    want = at("new.example")
    assert bench.driver.identity() == "agency"
    bench.driver.apply(want, install(want), "k")
    assert only(bench.state(want)).fingerprint == mark(NEW)
    bench.edit(off=True)
    assert "disabled by the server's roles" in why(bench.state(want))
    bench.driver.close()


def test_the_key_travels_in_the_body(bench: Bench) -> None:
    want = at("new.example")
    bench.driver.apply(want, install(want), "k")
    assert "leaked" not in bench.sandbox.bench("cpanel").state
    asked = bench.sandbox.ledger.requests()["cpanel"]
    assert asked["install_ssl"] == 1


def test_autossl_of_the_account_and_what_it_leaves_alone(bench: Bench) -> None:
    assert only(bench.state(at("new.example"))).renews is None
    bench.edit(excluded=[])
    bench.driver.close()
    fresh = CpanelInstall(bench.driver.account._replace(name="main"))
    fresh.account.cache.kept.clear()  # type: ignore[attr-defined]
    want = at("new.example")
    seen = fresh.observe([want]).states
    assert only(seen["new.example"]).renews == "autossl"
    codes = {f.code for f in want.findings(have(want, seen["new.example"], NEW), NOW)}
    assert "two-renew" in codes
    fresh.close()


def test_what_it_renews_itself(bench: Bench) -> None:
    want = at("auto.example", mode="provider")
    (change,) = want.diff(have(want, bench.state(want)), NOW)
    assert isinstance(change, Check)
    bench.edit(problem="auto.example does not resolve.")
    bench.driver.apply(want, change, "k")
    assert "does not resolve" in (only(bench.state(want)).trouble or "")
    assert bench.driver.happened(want, change, "k", NOW) is True


def test_a_feature_that_is_off_is_an_answer(running: Sandbox) -> None:
    bench = Bench(running, autossl=False)
    want = at("auto.example", mode="provider")
    assert only(bench.state(want)).renews is None
    codes = {f.code for f in want.findings(have(want, bench.state(want)), NOW)}
    assert "nobody-renews" in codes
    bench.driver.close()


def test_a_failure_after_the_effect_is_not_called_a_refusal(bench: Bench) -> None:
    bench.edit(half=True)
    want = at("new.example")
    with pytest.raises(Ambiguous, match="could not be restarted"):
        bench.driver.apply(want, install(want), "k")
    assert bench.driver.happened(want, install(want), "k", NOW) is True


def test_installed_on_the_wrong_site(bench: Bench) -> None:
    bench.edit(misplaced="auto.example")
    want = at("new.example")
    with pytest.raises(Rejected, match=r"at auto\.example, and not at new\.example"):
        bench.driver.apply(want, install(want), "k")
    changes = want.diff(have(want, bench.state(want), NEW), NOW)
    assert [change.verb for change in changes] == ["install"]


def test_another_account_is_not_this_one(bench: Bench) -> None:
    want = certificate("new.example", [place("HostingAccount/x", account="other")])
    (said,) = unreadable(bench.state(want))
    assert said == "the token is of agency, not other"
    bench.fault("get_user_information", "wrong-account")
    assert bench.driver.identity() == "stranger"


def test_a_broken_listing_proves_nothing(bench: Bench) -> None:
    bench.fault("installed_hosts", "malformed", times=0)
    assert isinstance(bench.state(at("new.example")), Unknown)


def test_it_cannot_reload_and_says_so() -> None:
    assert "reload" not in CpanelInstall.can


def test_needs_its_endpoint(bench: Bench) -> None:
    with pytest.raises(Rejected, match="needs its endpoint"):
        CpanelInstall(bench.driver.account._replace(endpoint=None))
