"""Certificates at the sites of a Plesk server: the contract, and what is Plesk's own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.certificate import (
    Certificate,
    Install,
    InstalledState,
    IssuanceState,
    Site,
)
from reconciler.model import Account, Material, Unknown
from reconciler.providers.plesk_install import OURS, PleskInstall
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.emulator import Bench as SandboxBench
from reconciler.sandbox.panel_tls import Installed as Served
from tests.support.certificates import (
    CA,
    InstallContract,
    MemoryKeys,
    authority,
    certificate,
    kept,
    mark,
    material,
    place,
)
from tests.support.contract import NOW, account

SECRETS = {"key": "plesk-sandbox-key"}
NEW = material("new.example", "www.new.example")
BOTH = material(
    "agency.example", "www.agency.example", "shop.example", "www.shop.example"
)
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key"}],
    "subscriptions": {
        "newone": {"domain": "new.example"},
        "agency": {"domain": "agency.example", "sites": ["shop.example"]},
        "auto": {
            "domain": "auto.example",
            "certificates": {"auto.example": {"ends": 40}},
        },
        "bought": {
            "domain": "bought.example",
            "certificates": {"bought.example": {"ends": 300, "automatic": False}},
        },
    },
}
LISTING = "webspace get+site get"


def at(name: str, user: str | None = None, **spec: Any) -> Certificate:
    where = place(f"HostingAccount/{name}", account=user, site=name)
    return certificate(name, [where], **spec)


class TestPleskInstall(InstallContract):
    driver = PleskInstall
    vendor = "plesk"
    part = PART
    secrets = SECRETS
    listing = LISTING
    operations = {"install": "site set"}
    deeds = {"install": "assign"}

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW}

    def wants(self) -> list[Certificate]:
        return [at("new.example", "newone")]

    def missing(self) -> Certificate:
        return at("missing.example")


class Bench:
    """One driver over one sandbox, with a key store."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"plesk": PART}))
        self.sandbox, self.keys = sandbox, MemoryKeys()
        self.keys.fill("new.example", NEW)
        self.keys.fill("agency.example", BOTH)
        self.account: Account = account(sandbox, "plesk", SECRETS, keys=self.keys)
        self.driver = PleskInstall(self.account)

    def site(self, want: Certificate) -> Site:
        state = self.driver.observe([want]).states[want.name]
        assert isinstance(state, InstalledState)
        (found,) = state.sites.values()
        return found

    def change(self, want: Certificate, one: Material) -> Install:
        state = self.driver.observe([want]).states[want.name]
        have: dict[Any, Any] = {s: state for s in want.shares() if s != CA}
        have[CA] = IssuanceState(kept=kept(one))
        (change,) = (c for c in want.diff(have, NOW) if isinstance(c, Install))
        return change

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        fault = Fault(vendor="plesk", operation=operation, kind=kind, **more)
        self.sandbox.inject(fault)

    def row(self, user: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.bench("plesk").state["accounts"][user]
        return found

    def effects(self) -> list[tuple[str, str]]:
        found = self.sandbox.ledger.effects("plesk")
        return [(one.operation, one.name) for one in found]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


WANT = at("new.example", "newone")
AGENCY = certificate(
    "agency.example",
    [place("HostingAccount/agency.example", account="agency", site="agency.example")],
    names=["agency.example", "www.agency.example", "shop.example", "www.shop.example"],
)


def test_one_request_for_all_sites(bench: Bench) -> None:
    seen = bench.driver.observe(
        [WANT, AGENCY, at("auto.example"), at("bought.example")]
    )
    assert seen.requests == {"sites": 1}


def test_what_is_installed_is_told_by_its_name(bench: Bench) -> None:
    assert bench.site(WANT) == Site()
    bench.driver.apply(WANT, bench.change(WANT, NEW), "k")
    site = bench.site(WANT)
    assert (site.fingerprint, site.names, site.renews) == (mark(NEW), (), None)
    assert site.not_after is not None
    found = bench.row("newone")["sites"]["new.example"]
    assert found["certificate"] == f"{OURS}{mark(NEW)}"
    assert "BEGIN CERTIFICATE" in found["pem"]
    assert "BEGIN CERTIFICATE" in found["cab"]
    assert "PRIVATE KEY" in found["key"]


@pytest.mark.parametrize(
    ("name", "renews"), [("auto.example", "plesk"), ("bought.example", None)]
)
def test_what_is_somebody_elses_is_never_taken_for_ours(
    bench: Bench, name: str, renews: str | None
) -> None:
    site = bench.site(at(name))
    assert site.fingerprint is not None
    assert len(site.fingerprint) == 64
    assert (site.not_after, site.renews, site.opaque) == (None, renews, True)
    assert site.names == (name, f"www.{name}")


def test_what_nobody_can_tell_the_end_of_is_replaced_by_a_person_alone(
    bench: Bench,
) -> None:
    one = material("bought.example", "www.bought.example")
    bench.keys.fill("bought.example", one)
    want = at("bought.example")
    change = bench.change(want, one)
    assert "does not tell when" in (change.hold or "")
    bench.driver.apply(want, change, "k")
    site = bench.site(want)
    assert (site.fingerprint, site.not_after is None) == (mark(one), False)


def served(bench: Bench, name: str) -> str | None:
    """Return the fingerprint that a visitor of *name* gets from the sandbox."""
    public = SandboxBench(
        "public",
        {},
        bench.sandbox.clock,
        bench.sandbox.faults,
        bench.sandbox.ledger,
        state={"panels": {"192.0.2.30": "plesk"}},
        beside={"plesk": bench.sandbox.bench("plesk")},
    )
    context = Served(public)("192.0.2.30", name)
    if context is None:
        return None
    mine, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    trust = ssl.create_default_context()
    authority()[0].configure_trust(trust)
    visitor = trust.wrap_bio(mine, theirs, server_hostname=name)
    server = context.wrap_bio(theirs, mine, server_side=True)
    for _ in range(3):
        for side in (visitor, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return sha256(visitor.getpeercert(binary_form=True) or b"").hexdigest()


def test_what_is_installed_is_what_visitors_get(bench: Bench) -> None:
    assert served(bench, "new.example") is None
    bench.driver.apply(WANT, bench.change(WANT, NEW), "k")
    assert served(bench, "new.example") == mark(NEW)
    assert served(bench, "www.new.example") == mark(NEW)
    assert served(bench, "shop.example") is None


def test_all_sites_of_an_account_that_answer_to_a_name(bench: Bench) -> None:
    bench.driver.apply(AGENCY, bench.change(AGENCY, BOTH), "k")
    assert bench.effects() == [("assign", "agency.example"), ("assign", "shop.example")]
    assert list(bench.row("agency")["pool"]) == [f"{OURS}{mark(BOTH)}"]
    assert bench.site(AGENCY).fingerprint == mark(BOTH)
    assert bench.site(AGENCY).trouble is None


def test_half_of_the_sites_is_no_failure(bench: Bench) -> None:
    change = bench.change(AGENCY, BOTH)
    bench.fault("site set", "status", skip=1, status=400)
    with pytest.raises(Ambiguous, match=r"and agency\.example has it"):
        bench.driver.apply(AGENCY, change, "k")
    assert "have different certificates" in (bench.site(AGENCY).trouble or "")
    assert bench.driver.happened(AGENCY, change, "k", NOW) is None
    bench.driver.apply(AGENCY, bench.change(AGENCY, BOTH), "k")
    assert bench.site(AGENCY).fingerprint == mark(BOTH)


def test_what_is_in_the_repository_is_not_sent_again(bench: Bench) -> None:
    change = bench.change(WANT, NEW)
    bench.fault("site set", "lost-before")
    with pytest.raises(Ambiguous):
        bench.driver.apply(WANT, change, "k")
    assert list(bench.row("newone")["pool"]) == [f"{OURS}{mark(NEW)}"]
    bench.driver.apply(WANT, change, "k")
    asked = bench.sandbox.ledger.requests()["plesk"]
    assert asked["certificate install"] == 1
    assert bench.site(WANT).fingerprint == mark(NEW)


def test_a_result_that_is_an_error_is_looked_into(bench: Bench) -> None:
    change = bench.change(WANT, NEW)
    bench.row("newone")["half"] = True
    with pytest.raises(Ambiguous, match="yet it seems to be installed"):
        bench.driver.apply(WANT, change, "k")
    assert bench.driver.happened(WANT, change, "k", NOW) is True


def test_a_refusal_before_anything_is_one(bench: Bench) -> None:
    change = bench.change(WANT, NEW)
    bench.fault("certificate get-pool", "stale")
    bench.row("newone")["pool"][f"{OURS}{mark(NEW)}"] = {
        "pem": "",
        "key": "",
        "cab": "",
    }
    with pytest.raises(Rejected, match="error 1007"):
        bench.driver.apply(WANT, change, "k")
    assert bench.effects() == []


def test_a_site_of_another_account_is_not_the_place(bench: Bench) -> None:
    want = at("new.example", "agency")
    site = bench.site(want)
    assert not site.reads
    assert "no site of agency" in (site.trouble or "")


def test_no_key_is_ever_shown(bench: Bench) -> None:
    change, secret = bench.change(WANT, NEW), NEW.key.decode()
    text = " ".join(secret.split("\n"))
    bench.fault("certificate install", "status", status=400, text=text)
    with pytest.raises(Rejected, match="certificate install: answer 400") as refused:
        bench.driver.apply(WANT, change, "k")
    assert bench.effects() == []
    shown = repr(bench.driver.observe([WANT])) + str(refused.value)
    assert not [line for line in secret.split("\n")[1:-2] if line in shown]


def test_a_listing_that_fails_proves_nothing(bench: Bench) -> None:
    bench.fault(LISTING, "malformed", times=0)
    assert isinstance(bench.driver.observe([WANT]).states["new.example"], Unknown)
