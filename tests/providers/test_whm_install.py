"""Certificates at the sites of a WHM server: the contract, and what is WHM's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import trustme

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.kinds.certificate import (
    Certificate,
    Check,
    Install,
    InstalledState,
    IssuanceState,
    Reload,
)
from reconciler.model import FieldChange, Material, Unknown
from reconciler.providers.whm_install import WhmInstall
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.certificates import (
    CA,
    InstallContract,
    MemoryKeys,
    certificate,
    have,
    kept,
    mark,
    material,
    only,
    place,
    serves,
    unreadable,
)
from tests.support.contract import NOW, account

SECRETS = {"user": "root", "token": "whm-sandbox-token"}
NEW = material("new.example", "www.new.example")
STALE = material("stale.example", "www.stale.example", days=80)
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "autossl": True,
    "tokens": [{"user": "root", "token": "whm-sandbox-token"}],
    "accounts": {
        "newone": {"domain": "new.example"},
        "stale": {"domain": "stale.example"},
        "auto": {
            "domain": "auto.example",
            "autossl": True,
            "certificates": {"auto.example": {"ends": 5}},
        },
        "agency": {
            "domain": "agency.example",
            "addons": ["shop.example"],
            "autossl": True,
            "certificates": {
                "agency.example": {"ends": 60},
                "shop.example": {"ends": 60},
            },
        },
    },
}


def at(name: str, user: str | None = None, **spec: Any) -> Certificate:
    where = place(f"HostingAccount/{name}", account=user, site=name)
    return certificate(name, [where], **spec)


def wanted() -> Certificate:
    return at("new.example", "newone")


class TestWhmInstall(InstallContract):
    driver = WhmInstall
    vendor = "whm"
    part = PART
    secrets = SECRETS
    listing = "fetch_ssl_vhosts"
    operations = {
        "install": "installssl",
        "reload": "restartservice",
        "check": "start_autossl_check_for_one_user",
    }
    deeds = {"install": "installssl", "reload": "restart", "check": "autossl-check"}

    def start(self) -> Any:
        made = super().start()
        by_hand(self.sandbox, "stale", "stale.example", STALE)
        return made

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW, "stale.example": STALE}

    def wants(self) -> list[Certificate]:
        auto = at("auto.example", mode="provider")
        return [wanted(), at("stale.example"), auto]

    def missing(self) -> Certificate:
        return at("missing.example")


def by_hand(sandbox: Sandbox, user: str, site: str, one: Material) -> None:
    """Install *one* as somebody does in the panel."""
    row = sandbox.bench("whm").state["accounts"][user]["sites"][site]
    leaf = one.chain[: one.chain.index(b"-----END CERTIFICATE-----\n") + 26].decode()
    row.update(pem=leaf, key=one.key.decode(), automatic=False)


class Bench:
    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"whm": PART}))
        self.sandbox = sandbox
        self.keys = MemoryKeys()
        self.keys.fill("new.example", NEW)
        self.keys.fill("stale.example", STALE)
        self.account = account(sandbox, "whm", SECRETS, keys=self.keys)
        self.driver = WhmInstall(self.account)

    def state(self, want: Certificate) -> Any:
        return self.driver.observe([want]).states[want.name]

    def site(self, want: Certificate) -> Any:
        return only(self.state(want))

    def diff(self, want: Certificate, one: Material | None = None) -> list[Any]:
        return [*want.diff(have(want, self.state(want), one), self.now)]

    def findings(self, want: Certificate, one: Material | None = None) -> set[str]:
        found = want.findings(have(want, self.state(want), one), self.now)
        return {finding.code for finding in found}

    @property
    def now(self) -> Any:
        return self.sandbox.clock()

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        self.sandbox.inject(Fault(vendor="whm", operation=operation, kind=kind, **more))

    def edit(self, user: str, **fields: Any) -> None:
        self.sandbox.edit("whm", "account", {"user": user, **fields})

    def autossl(self, **settings: bool) -> None:
        self.sandbox.edit("whm", "autossl", settings)

    def done(self) -> list[str]:
        deeds = {"installssl", "restart", "autossl-check", "autossl"}
        found = self.sandbox.ledger.effects("whm")
        return [e.operation for e in found if e.operation in deeds]

    def requests(self) -> dict[str, int]:
        return dict(self.sandbox.ledger.requests().get("whm", {}))


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


def install(want: Certificate, fingerprint: str, **more: Any) -> Install:
    (where,) = want.makings.places
    return Install(
        share=where.share,
        fields=(FieldChange(field="deploy", after=fingerprint[:8]),),
        because="a test",
        details={
            "mark": where.mark,
            "fingerprint": fingerprint,
            "names": list(want.spec.names),
        },
        **more,
    )


# -- what is observed ---------------------------------------------------------------


def test_two_listings_and_one_detail_for_each_account_whose_certificates_changed(
    bench: Bench,
) -> None:
    wants = [wanted(), at("auto.example", "auto"), at("shop.example", "agency")]
    first = bench.driver.observe(wants).requests
    assert first["fetch_ssl_vhosts"] == first["get_domain_info"] == 1
    assert first["uapi_cpanel"] == 2
    again = bench.driver.observe(wants).requests
    assert again == {"fetch_ssl_vhosts": 1, "get_domain_info": 1}
    bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    assert bench.driver.observe(wants).requests["uapi_cpanel"] == 1


def test_no_private_key_is_ever_asked_for(bench: Bench) -> None:
    bench.driver.observe([wanted(), at("auto.example")])
    asked = bench.requests()
    assert not {"fetchsslinfo", "fetch_vhost_ssl_components"} & asked.keys()


def test_a_site_of_its_own_and_an_addon_domain(bench: Bench) -> None:
    assert bench.site(wanted()).fingerprint is None
    shop = certificate("shop.example", [place("HostingAccount/x", account="agency")])
    found = bench.site(shop)
    assert found.not_after == NOW + timedelta(days=60)
    assert found.renews == "autossl"
    assert found.names == ("mail.shop.example", "shop.example", "www.shop.example")
    by_name = certificate("shop.example", [place("Provider/main")])
    assert bench.site(by_name) == found


def test_a_site_that_only_a_wildcard_covers_is_left_alone(bench: Bench) -> None:
    want = at("new.example", "newone", names=["new.example", "*.new.example"])
    bench.edit("newone", addons=["blog.new.example"])
    bench.keys.fill("new.example", material("new.example", "*.new.example"))
    one = bench.keys.open(want).current
    assert one
    bench.driver.apply(want, install(want, mark(one)), "k")
    sites = bench.sandbox.bench("whm").state["accounts"]["newone"]["sites"]
    assert sites["new.example"]["pem"]
    assert not sites["blog.new.example"]["pem"]


@pytest.mark.parametrize("user", ["nobody", "auto"])
def test_a_place_that_is_not_there_is_one_that_cannot_be_read(
    bench: Bench, user: str
) -> None:
    (said,) = unreadable(bench.state(at("new.example", user)))
    assert "has no site" in said
    assert "place-unreadable" in bench.findings(at("new.example", user), NEW)


def test_an_account_that_cannot_be_read_takes_no_other_along(bench: Bench) -> None:
    bench.fault("uapi_cpanel", "empty")
    seen = bench.driver.observe([at("auto.example", mode="provider"), wanted()])
    (said,) = unreadable(seen.states["auto.example"])
    assert "account is locked" in said
    assert not unreadable(seen.states["new.example"])


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed", "lost-after"])
def test_a_broken_listing_proves_nothing(bench: Bench, kind: str) -> None:
    bench.fault("fetch_ssl_vhosts", kind, times=0)
    assert isinstance(bench.state(wanted()), Unknown)


def test_a_token_that_may_not_ask_about_autossl_still_reads(bench: Bench) -> None:
    bench.fault("get_autossl_providers", "status", status=403, times=0)
    bench.fault("get_autossl_metadata", "status", status=403, times=0)
    assert bench.site(at("auto.example")).renews is None
    watched = at("auto.example", mode="provider")
    assert "own-renewal-fails" in bench.findings(watched)
    assert "cannot be read" in (bench.site(watched).trouble or "")


# -- installing -----------------------------------------------------------------------


def test_the_key_travels_in_the_body_and_shows_nowhere(bench: Bench) -> None:
    bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    assert "leaked" not in bench.sandbox.bench("whm").state
    secret = NEW.key.decode()
    for text in (secret, secret.replace("\n", "%0A").replace(" ", "%20")):
        bench.fault("installssl", "status", status=400, text=f"bad key: {text}")
        with pytest.raises(Rejected) as refused:
            bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
        assert not [line for line in secret.split()[3:-4] if line in str(refused.value)]
        assert "PRIVATE" not in str(refused.value)


def test_what_was_issued_in_the_same_run_is_installed_whatever_it_is(
    bench: Bench,
) -> None:
    done = bench.driver.apply(wanted(), install(wanted(), "next"), "k")
    assert done.details == {"fingerprint": mark(NEW)}
    assert bench.site(wanted()).fingerprint == mark(NEW)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (None, "nothing is kept"),
        (Material(STALE.key, NEW.chain), "key that is kept is not"),
        (Material(NEW.key, b"nonsense"), "no certificate with its key"),
        (Material(b"nonsense", NEW.chain), "no certificate with its key"),
        (material("new.example"), "not good for www.new.example"),
        (material("new.example", "www.new.example", days=-0.5), "valid from"),
        (
            material("new.example", "www.new.example", days=9, begins=1),
            "valid from",
        ),
        (material("new.example", "www.new.example", number=2), "was to be installed"),
    ],
)
def test_what_may_not_be_installed_never_leaves_this_machine(
    bench: Bench, one: Material | None, why: str
) -> None:
    bench.keys.drawers.clear()
    if one:
        bench.keys.fill("new.example", one)
    with pytest.raises(Rejected, match=why):
        bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    assert "installssl" not in bench.requests()


def test_a_chain_that_is_missing_or_in_another_order(bench: Bench) -> None:
    leaf, issuer = (
        part + b"-----END CERTIFICATE-----\n"
        for part in NEW.chain.split(b"-----END CERTIFICATE-----\n")[:2]
    )
    other = STALE.chain[: len(STALE.chain) - len(issuer)]
    for chain, why in (
        (leaf, "without who signed it"),
        (leaf + other, "not in order"),
        (issuer + leaf, "key that is kept is not"),
    ):
        bench.keys.fill("new.example", Material(NEW.key, chain))
        with pytest.raises(Rejected, match=why):
            bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    assert bench.done() == []


def test_what_ends_later_is_replaced_by_nobody_but_a_person(bench: Bench) -> None:
    want = at("stale.example")
    sooner = material("stale.example", "www.stale.example", days=30)
    bench.keys.fill("stale.example", sooner)
    by_hand(bench.sandbox, "stale", "stale.example", STALE)
    (change,) = bench.diff(want, sooner)
    assert change.hold is not None
    with pytest.raises(Rejected, match="later than what would replace it"):
        bench.driver.apply(want, install(want, mark(sooner)), "k")
    # What we installed ourselves is replaced: it may have been revoked.
    ours = {f"installed/{change.details['mark']}": {"fingerprint": mark(STALE)}}
    bench.driver.apply(want.recalling(lambda: ours), install(want, mark(sooner)), "k")
    by_hand(bench.sandbox, "stale", "stale.example", STALE)
    bench.driver.apply(at("stale.example"), change, "k")
    assert bench.site(want).fingerprint == mark(sooner)


def test_all_sites_of_an_account_must_take_it(bench: Bench) -> None:
    names = ["agency.example", "shop.example"]
    want = at("agency.example", names=names)
    one = material(*names)
    bench.keys.fill("agency.example", one)
    change = install(want, mark(one))
    bench.fault("installssl", "status", status=400, text="no", skip=1)
    with pytest.raises(Ambiguous, match=r"400; and agency\.example has it"):
        bench.driver.apply(want, change, "k")
    half = bench.site(want)
    assert half.fingerprint not in {None, mark(one)}
    assert "have different certificates" in (half.trouble or "")
    assert [c.verb for c in bench.diff(want, one)] == ["install"]
    done = bench.driver.apply(want, change, "k")
    assert done.reference == "agency/agency.example,shop.example"
    assert bench.site(want).fingerprint == mark(one)


def test_a_staging_certificate_is_refused_by_the_server(bench: Bench) -> None:
    stage = trustme.CA(organization_name="(STAGING) Let's Encrypt")
    made = stage.issue_cert(
        "new.example",
        "www.new.example",
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=90),
    )
    chain = made.cert_chain_pems[0].bytes() + stage.cert_pem.bytes()
    bench.keys.fill("new.example", Material(made.private_key_pem.bytes(), chain))
    with pytest.raises(Rejected, match="No CA bundle"):
        bench.driver.apply(wanted(), install(wanted(), "next"), "k")
    assert bench.done() == []


def test_a_failure_after_the_effect_is_not_called_a_refusal(bench: Bench) -> None:
    bench.edit("newone", half=True)
    change = install(wanted(), mark(NEW))
    with pytest.raises(Ambiguous, match="could not be restarted"):
        bench.driver.apply(wanted(), change, "k")
    assert bench.driver.happened(wanted(), change, "k", NOW) is True


def test_another_host_is_not_written_to_while_it_cannot_be_read(bench: Bench) -> None:
    bench.fault("get_domain_info", "status", times=0)
    with pytest.raises(Transient):
        bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    assert bench.done() == []


# -- every link breaks once: its own finding, its own action ------------------------------


def test_installed_on_the_wrong_site(bench: Bench) -> None:
    bench.edit("agency", misplaced="shop.example")
    one = material("agency.example", "www.agency.example")
    want = at("agency.example", "agency")
    bench.keys.fill("agency.example", one)
    change = install(want, mark(one))
    with pytest.raises(Rejected, match=r"installed at shop\.example, and not at"):
        bench.driver.apply(want, change, "k")
    assert want.done(change, have(want, bench.state(want), one)) is False
    assert [c.verb for c in bench.diff(want, one)] == ["install"]
    # The site that got it says so by itself, and takes its own back.
    shop = material("shop.example", "www.shop.example")
    other = at("shop.example", "agency")
    (where,) = other.makings.places
    ours = {f"installed/{where.mark}": {"fingerprint": mark(shop)}}
    other.recalling(lambda: ours)
    assert "installation-replaced" in bench.findings(other, shop)
    assert [c.verb for c in bench.diff(other, shop)] == ["install"]


def test_installed_and_not_reloaded(bench: Bench) -> None:
    want = at("stale.example")
    by_hand(bench.sandbox, "stale", "stale.example", STALE)
    old = serves("stale.example", material("stale.example", days=9))
    known = have(want, bench.state(want), STALE, [old])
    (change,) = want.diff(known, NOW)
    assert isinstance(change, Reload)
    assert "not-served" in {f.code for f in want.findings(known, NOW)}
    done = bench.driver.apply(want, change, "k")
    assert done.reference == "restartservice/httpd"
    fresh = [serves("stale.example", STALE)]
    known = have(want, bench.state(want), STALE, fresh)
    assert want.done(change, known) is True


def test_autossl_fights_us(bench: Bench) -> None:
    """It replaces what we installed, every night, until somebody excludes the name."""
    bench.edit("newone", autossl=True)
    bench.autossl(fights=True, clobbers=True)
    bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    want = wanted()
    (where,) = want.makings.places
    ours = {f"installed/{where.mark}": {"fingerprint": mark(NEW)}}
    want.recalling(lambda: ours)
    assert bench.diff(want, NEW) == []
    bench.sandbox.clock.advance(timedelta(days=1))
    assert bench.site(want).fingerprint != mark(NEW)
    assert {"two-renew", "installation-replaced"} <= bench.findings(want, NEW)
    (change,) = bench.diff(want, NEW)
    assert isinstance(change, Install)
    names = ["new.example", "www.new.example", "mail.new.example"]
    bench.edit("newone", excluded=names)
    bench.sandbox.clock.advance(timedelta(days=2))
    assert bench.site(want).renews is None
    assert "two-renew" not in bench.findings(want, NEW)


def test_autossl_is_no_trouble_while_it_leaves_ours_alone(bench: Bench) -> None:
    bench.edit("newone", autossl=True)
    assert bench.site(wanted()).renews == "autossl"
    bench.driver.apply(wanted(), install(wanted(), mark(NEW)), "k")
    bench.sandbox.clock.advance(timedelta(days=40))
    assert bench.site(wanted()).renews is None
    bench.autossl(clobbers=True)
    bench.sandbox.clock.set(NOW + timedelta(days=88), frozen=True)
    assert bench.site(wanted()).renews == "autossl"


def test_the_wrong_key(bench: Bench) -> None:
    """What is kept cannot be used: it is said, and nothing is installed of it."""
    want = wanted()
    state = have(want, bench.state(want))
    state[CA] = IssuanceState(kept=kept(NEW, wrong="the key is another one's"))
    assert "certificate-unusable" in {f.code for f in want.findings(state, NOW)}
    changes = [*want.diff(state, NOW)]
    assert [c.verb for c in changes] == ["issue", "install"]
    assert changes[1].waits_for == ("issue",)
    bench.keys.fill("new.example", Material(STALE.key, NEW.chain))
    with pytest.raises(Rejected, match="key that is kept is not the certificate's"):
        bench.driver.apply(want, install(want, mark(NEW)), "k")


# -- what the server renews itself --------------------------------------------------------


def test_autossl_renews_by_itself_when_its_night_comes(bench: Bench) -> None:
    want = at("auto.example", mode="provider")
    assert bench.site(want).not_after == NOW + timedelta(days=5)
    bench.sandbox.clock.advance(timedelta(days=1))
    assert bench.site(want).not_after == NOW + timedelta(days=91)
    assert bench.diff(want) == []
    assert bench.findings(want) == {"tls-not-seen"}


def test_a_renewal_that_is_late_is_woken_up(bench: Bench) -> None:
    want = at("auto.example", mode="provider")
    (change,) = bench.diff(want)
    assert isinstance(change, Check)
    bench.driver.apply(want, change, "k")
    assert bench.diff(want) == []
    assert bench.driver.happened(want, change, "k", NOW) is True


def test_a_renewal_that_fails_says_why(bench: Bench) -> None:
    bench.edit("auto", problem="auto.example does not resolve to any IPv4 address")
    want = at("auto.example", mode="provider")
    bench.sandbox.clock.advance(timedelta(days=1))
    assert "does not resolve" in (bench.site(want).trouble or "")
    assert "own-renewal-fails" in bench.findings(want)


def test_nobody_renews(bench: Bench) -> None:
    bench.edit("auto", autossl=False)
    want = at("auto.example", mode="provider")
    assert bench.findings(want) == {"nobody-renews", "tls-not-seen"}


def test_a_check_whose_answer_was_lost_is_found_in_the_logs(bench: Bench) -> None:
    want = at("auto.example", mode="provider")
    (change,) = bench.diff(want)
    assert bench.driver.happened(want, change, "k", NOW) is None
    bench.sandbox.clock.advance(timedelta(minutes=6))
    assert bench.driver.happened(want, change, "k", NOW) is False
    bench.fault("start_autossl_check_for_one_user", "lost-after")
    since = bench.now
    with pytest.raises(Ambiguous):
        bench.driver.apply(want, change, "k")
    assert bench.driver.happened(want, change, "k", since) is True


def test_needs_its_endpoint(bench: Bench) -> None:
    with pytest.raises(Rejected, match="needs its endpoint"):
        WhmInstall(bench.account._replace(endpoint=None))


def test_the_states_are_what_the_kind_expects(bench: Bench) -> None:
    assert isinstance(bench.state(wanted()), InstalledState)
    assert bench.driver.identity() == "whm1.agency.example"
    assert repr(bench.driver) == "WhmInstall(main)"
