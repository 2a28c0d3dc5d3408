"""RDAP: what registries and registrars say, and what proves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal

import pytest

from reconciler.errors import Rejected
from reconciler.kinds.domain import Domain, RdapState, Renew, Standing
from reconciler.kinds.domain.witness import paid
from reconciler.model import Account, FieldChange, Share, Unknown
from reconciler.providers._rdap import Bootstrap, standing, view
from reconciler.providers.public_rdap import PublicRdap, shipped
from reconciler.sandbox import Sandbox, World
from tests.support.contract import NOW
from tests.support.public import asked, part, public, running, trouble
from tests.support.registrar import domain
from tests.support.witness_contract import WitnessContract

WORLD = part(
    {
        "ok.example": {"expires": 100},
        "grace.example": {"expires": -4, "autoRenew": False},
        "redeem.example": {"expires": -40, "autoRenew": False},
        "last.example": {"expires": -62, "autoRenew": False},
        "silent.example": {"expires": 50},
        "undated.example": {"expires": 50},
        "odd.example": {"expires": 50, "locked": False},
        "moved.example": {"expires": 50},
    },
    oddities={
        "moved.example": {"moved": True},
        "silent.example": {"silent": True},
        "undated.example": {"undated": True, "unlinked": True},
        "odd.example": {"registryExpires": 300, "statuses": ["pending transfer"]},
    },
)


def want(name: str) -> Domain:
    return domain(name, provider="none", renewal={})


class TestPublicRdap(WitnessContract):
    driver = PublicRdap
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with running(WORLD) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"public": WORLD}))
        return public(self.sandbox)

    def wants(self) -> Sequence[Domain]:
        return [want("ok.example"), want("odd.example"), want("free.example")]

    def asked(self) -> int:
        return asked(self.sandbox, "registry")

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known: dict[str, Any] = {
            "silence": {"kind": "lost-before"},
            "refusal": {"kind": "status", "status": 400},
        }
        trouble(self.sandbox, "registry", **known[kind])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"public": WORLD}))
    return public(sandbox)


def look(account: Account, *names: str) -> list[Any]:
    driver = PublicRdap(account)
    seen = driver.observe([want(name) for name in names])
    driver.close()
    return [seen.states[name] for name in names]


def one(account: Account, name: str) -> Any:
    (state,) = look(account, name)
    return state


def after(days: float) -> datetime:
    return NOW + timedelta(days=days)


def test_registry_and_registrar_are_kept_apart(account: Account) -> None:
    state = one(account, "ok.example")
    assert state.standing is Standing.REGISTERED
    assert state.registry_expires == state.registrar_expires == after(100)
    assert state.statuses == ("client transfer prohibited",)
    assert state.nameservers == ("ns1.host.example", "ns2.host.example")
    assert state.registrar == "Elsewhere (sandbox)"
    assert state.seen == NOW


def test_a_date_that_moved_in_grace_is_no_renewal(account: Account) -> None:
    """The registry's date is a year ahead, and nobody has paid."""
    state = one(account, "grace.example")
    assert state.standing is Standing.AUTO_RENEW_GRACE
    assert state.registry_expires == after(361)
    assert state.registrar_expires == after(-4)
    assert paid(state) == after(-4)
    silent = state.model_copy(update={"registrar_expires": None})
    assert paid(silent) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("redeem.example", Standing.REDEMPTION),
        ("last.example", Standing.PENDING_DELETE),
        ("free.example", Standing.AVAILABLE),
        ("name.elsewhere", Standing.UNPUBLISHED),
    ],
)
def test_where_a_name_stands(account: Account, name: str, found: Standing) -> None:
    assert one(account, name).standing is found


def test_a_registrar_that_is_silent_is_said_to_be(account: Account) -> None:
    state = one(account, "silent.example")
    assert state.registry_expires == after(50)
    assert state.registrar_expires is None
    assert "503" in state.registrar_error


def test_a_redirect_is_followed(sandbox: Sandbox, account: Account) -> None:
    """RFC 7480, 5.2: to another server, or another place on the same."""
    assert one(account, "moved.example").registry_expires == after(50)
    assert asked(sandbox, "registry") == 2


def test_no_date_is_no_failure(account: Account) -> None:
    state = one(account, "undated.example")
    assert state.registry_expires is None
    assert state.registrar_error is None


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 404},
        {"kind": "malformed"},
        {"kind": "lost-before"},
        {"kind": "throttle", "retry_after": 3600},
        {"kind": "status", "status": 302},
    ],
    ids=["5xx", "a 404 without RDAP", "garbage", "lost", "throttled", "redirected"],
)
def test_what_fails_is_unknown_and_never_absent(
    sandbox: Sandbox, account: Account, fault: dict[str, Any]
) -> None:
    trouble(sandbox, "registry", **fault)
    state = one(account, "ok.example")
    assert isinstance(state, Unknown)
    assert not state.later
    assert state.since == NOW


def test_a_server_that_takes_too_long_is_unknown(
    sandbox: Sandbox, account: Account
) -> None:
    slow = account._replace(limits={"timeoutSeconds": 0.05})
    one(slow, "name.elsewhere")  # the list of servers is there
    trouble(sandbox, "registry", "slow", seconds=0.3)
    assert isinstance(one(slow, "ok.example"), Unknown)


def test_waits_as_it_is_told(sandbox: Sandbox, account: Account) -> None:
    trouble(sandbox, "registry", "throttle", retry_after=7, times=1)
    assert isinstance(one(account, "ok.example"), RdapState)
    assert sandbox.clock() >= NOW + timedelta(seconds=7)


def test_a_host_that_fell_silent_is_not_asked_again(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "registry", "status", status=503)
    states = look(account, *(f"n{at}.example" for at in range(20)))
    assert all(isinstance(state, Unknown) for state in states)
    assert sum(not state.later for state in states) <= 2
    assert asked(sandbox, "registry") <= 2 * 4


def test_an_old_answer_is_kept_for_a_week_where_no_new_one_is_to_be_had(
    sandbox: Sandbox, account: Account
) -> None:
    first = one(account, "ok.example")
    trouble(sandbox, "registry", "status", status=400)
    sandbox.clock.advance(timedelta(days=3))
    assert one(account, "ok.example") == first
    sandbox.clock.advance(timedelta(days=5))
    state = one(account, "ok.example")
    assert isinstance(state, Unknown)
    assert state.since == NOW + timedelta(days=3)


def test_what_failed_is_asked_again_within_the_hour(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "registry", "status", status=400, times=1)
    assert isinstance(one(account, "ok.example"), Unknown)
    assert isinstance(one(account, "ok.example"), Unknown)
    sandbox.clock.advance(timedelta(hours=1))
    assert isinstance(one(account, "ok.example"), RdapState)


def test_the_nearest_deadline_comes_first(sandbox: Sandbox, account: Account) -> None:
    names = ["ok.example", "silent.example", "grace.example"]
    look(account, *names)
    # The first look took its time, as far as it was told to wait.
    then = sandbox.clock.advance(timedelta(days=1, hours=1))
    one_look = account._replace(limits={"lookups": 1})
    states = dict(zip(names, look(one_look, *names), strict=True))
    assert {name for name, s in states.items() if s.seen >= then} == {"grace.example"}


def test_only_what_a_registry_sees_is_asked_again(
    sandbox: Sandbox, account: Account
) -> None:
    one(account, "ok.example")
    driver = PublicRdap(account)
    for verb, more in (("records", 0), ("renew", 1)):
        before = asked(sandbox, "registry")
        change = Renew(
            share=Share("main", "domain"),
            fields=(FieldChange(field="spec.renewal", after="2027-01-01"),),
            because="a test",
        ).model_copy(update={"verb": verb})
        driver.touched(want("ok.example"), change)
        one(account, "ok.example")
        assert asked(sandbox, "registry") - before == more
    driver.close()


def test_the_list_of_servers_is_read_once_a_week(
    sandbox: Sandbox, account: Account
) -> None:
    for hours in (0, 20, 40, 60):
        sandbox.clock.set(NOW + timedelta(hours=hours), frozen=True)
        one(account, "ok.example")
    assert asked(sandbox, "bootstrap") == 1


def test_without_its_own_list_a_sandbox_asks_nobody(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "bootstrap", "status", status=400)
    state = one(account, "verisign.com")
    assert isinstance(state, Unknown)
    assert asked(sandbox, "regist") == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://rdap.example/domain/x",
        "http://192.0.2.1/domain/x",
        "http://user@127.0.0.1/domain/x",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_sandbox_sends_nobody_away_from_this_machine(
    account: Account, url: str
) -> None:
    with pytest.raises(Rejected, match="is no server to ask"):
        PublicRdap(account)._check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://rdap.example/domain/x",
        "https://127.0.0.1/domain/x",
        "https://169.254.169.254/latest",
        "https://user@rdap.example/domain/x",
    ],
)
def test_a_registry_sends_nobody_to_this_machine(account: Account, url: str) -> None:
    with pytest.raises(Rejected, match="is no server to ask"):
        PublicRdap(account._replace(endpoint=None))._check(url)
    PublicRdap(account._replace(endpoint=None))._check("https://rdap.example/domain/x")


# -- words -----------------------------------------------------------------------

#: RFC 9083, 5.3: the domain object, cut to what is read here.
EXAMPLE = json.loads(
    """
{
  "objectClassName": "domain", "handle": "XXXX", "ldhName": "xn--fo-5ja.example",
  "unicodeName": "fóo.example",
  "status": ["locked", "transfer prohibited"],
  "nameservers": [
    {"objectClassName": "nameserver", "handle": "XXXX", "ldhName": "ns1.example.com",
     "status": ["active"], "ipAddresses": {"v6": ["2001:db8::123"]}},
    {"objectClassName": "nameserver", "ldhName": "NS2.example.com."}
  ],
  "secureDNS": {"zoneSigned": true, "delegationSigned": true, "maxSigLife": 604800},
  "entities": [
    {"objectClassName": "entity", "handle": "XXXX", "roles": ["registrant"],
     "vcardArray": ["vcard", [["version", {}, "text", "4.0"],
                              ["fn", {}, "text", "Joe User"]]]},
    {"objectClassName": "entity", "roles": ["registrar"],
     "vcardArray": ["vcard", [["version", {}, "text", "4.0"],
                              ["fn", {}, "text", "Example Registrar"]]]}
  ],
  "links": [{"value": "https://example.net/domain/xn--fo-5ja.example", "rel": "self",
             "href": "https://example.net/domain/xn--fo-5ja.example",
             "type": "application/rdap+json"},
            {"value": "x", "rel": "related", "href": "https://r.example/about",
             "type": "text/html"},
            {"value": "x", "rel": "related",
             "href": "https://r.example/domain/xn--fo-5ja.example",
             "type": "application/rdap+json"}],
  "events": [
    {"eventAction": "registration", "eventDate": "1990-12-31T23:59:59Z"},
    {"eventAction": "last changed", "eventDate": "1991-12-31T23:59:59Z",
     "eventActor": "joe@example.com"},
    {"eventAction": "expiration", "eventDate": "2016-12-31T23:59:60Z"}
  ]
}
""".replace("23:59:60", "23:59:59")
)


def test_the_example_of_the_standard_is_understood() -> None:
    said = view(EXAMPLE, "xn--fo-5ja.example")
    assert said.expires == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert said.registrar_expires is None
    assert said.nameservers == ("ns1.example.com", "ns2.example.com")
    assert said.registrar == "Example Registrar"
    assert said.related == "https://r.example/domain/xn--fo-5ja.example"
    assert "Joe" not in str(said)


def test_strangers_words_are_not_printed_as_they_are() -> None:
    hosts = [{"ldhName": "ns1.a.example"}, {"ldhName": "\x1b[2Jns2.a.example"}]
    card = [["fn", {}, "text", "Evil\x1b[31m\nRegistrar"]]
    entity = {"roles": ["registrar"], "vcardArray": ["vcard", card]}
    said = view(
        {**EXAMPLE, "nameservers": hosts, "entities": [entity]}, "xn--fo-5ja.example"
    )
    assert said.nameservers == ("ns1.a.example",)
    assert said.registrar == "Evil [31m Registrar"


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        "text",
        {},
        {**EXAMPLE, "objectClassName": "entity"},
        {**EXAMPLE, "ldhName": "other.example"},
        {**EXAMPLE, "events": {}},
        {**EXAMPLE, "events": [{"eventAction": "expiration", "eventDate": "soon"}]},
        {**EXAMPLE, "status": "active"},
    ],
)
def test_what_is_no_such_answer_proves_nothing(spoilt: Any) -> None:
    with pytest.raises(ValueError):
        view(spoilt, "xn--fo-5ja.example")


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        ((), Standing.REGISTERED),
        (("active",), Standing.REGISTERED),
        (("renew period",), Standing.REGISTERED),
        (("client hold", "auto renew period"), Standing.AUTO_RENEW_GRACE),
        (("pending delete", "redemption period"), Standing.REDEMPTION),
        (("pending restore", "pending delete"), Standing.REDEMPTION),
        (("pending delete",), Standing.PENDING_DELETE),
        (("pending delete", "auto renew period"), Standing.PENDING_DELETE),
    ],
)
def test_statuses(statuses: tuple[str, ...], found: Standing) -> None:
    assert standing(statuses) is found


def test_the_longest_suffix_and_https_win() -> None:
    list_ = Bootstrap(
        {
            "services": [
                [["uk"], ["https://uk.example"]],
                [["co.uk", "COM"], ["http://a.example/x", "https://b.example/x/"]],
                [["none"], []],
            ]
        }
    )
    assert list_.server("a.co.uk") == "https://b.example/x/"
    assert list_.server("a.uk") == "https://uk.example/"
    assert list_.server("a.b.com") == "https://b.example/x/"
    assert list_.server("a.none") is None
    assert list_.server("a.nowhere") is None
    assert list_.server("com") is None


@pytest.mark.parametrize(
    "data", [None, [], {}, {"services": {}}, {"services": [["com"]]}]
)
def test_what_is_no_list_of_servers_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="no RDAP bootstrap file"):
        Bootstrap(data)


def test_the_shipped_list_knows_what_agencies_have() -> None:
    list_ = shipped()
    for suffix in ("com", "net", "org", "info", "shop", "online", "dev", "fr", "uk"):
        assert str(list_.server(f"a.{suffix}")).startswith("https://")
    assert list_.server("a.de") is None  # publishes no dates
