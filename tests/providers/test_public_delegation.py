"""The live DNS: every nameserver asked itself, and each fault found and named."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pytest

from reconciler.errors import Transient
from reconciler.kinds.domain import SEEN, DelegationState, Domain
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.model import Account, Unknown
from reconciler.providers._names import Names, text_of
from reconciler.providers._network import Network, NoRoute, Unreachable
from reconciler.providers._spf import lookups, spf
from reconciler.providers.public_delegation import PublicDelegation
from reconciler.sandbox import Sandbox, World
from reconciler.sandbox.powerdns import PowerDnsServer
from tests.support.contract import NOW
from tests.support.powerdns import real_powerdns
from tests.support.public import HOSTS, asked, part, public, running, trouble, zone
from tests.support.registrar import domain
from tests.support.witness_contract import WitnessContract

ONE, TWO = HOSTS
KEY = f"257 3 13 {base64.b64encode(bytes(range(64))).decode()}"
ZONE_KEY = f"256 3 13 {base64.b64encode(bytes(range(1, 65))).decode()}"
GOOD_DS = ds_of("signed.example", KEY)
SHA_384 = ds_of("signed.example", KEY, "4")
STALE = "4711 13 2 " + "AB" * 32
INCLUDES = [f"include:s{at}.example " for at in range(11)]
LONG = f'"v=spf1 {"".join(INCLUDES[:6])}" "{"".join(INCLUDES[6:])}-all"'
WORLD = part(
    {
        name: {"expires": 100}
        for name in (
            "ok.example", "two.example", "signed.example", "lame.example",
            "mute.example", "serials.example", "mail.example", "dangling.example",
            "deaf.example", "other.example", "nowhere.example", "big.example",
            "cached.example",
        )
    },
    {
        "mail.example": zone(
            **{
                "@/TXT": ['"v=spf1 -all"', '"v=spf1 +all"'],
                "_dmarc/TXT": [],
                "@/CAA": [],
            }
        ),
        "dangling.example": zone(
            **{
                "www/CNAME": ["gone.other.example."],
                "shop/CNAME": ["nobody.herokuapp.test."],
                "loop/CNAME": ["loop.dangling.example."],
            }
        ),
        "big.example": zone(**{"@/TXT": [LONG, *(f'"{"x" * 200}{n}"' for n in range(9))]}),
    },
    oddities={
        "signed.example": {"ds": [GOOD_DS, SHA_384, STALE], "keys": [KEY, ZONE_KEY]},
        "lame.example": {"lame": [TWO], "ds": [STALE]},
        "cached.example": {"cached": [TWO]},
        "mute.example": {"mute": [ONE]},
        "deaf.example": {"mute": HOSTS, "ds": [STALE]},
        "serials.example": {"serials": {TWO: 9}},
        "other.example": {"child": [ONE, "ns3.host.example"]},
        "nowhere.example": {"parent": []},
    },
)  # fmt: skip


def want(name: str, *aliases: str) -> Domain:
    rows = [{"name": a, "type": "CNAME", "value": "x.example."} for a in aliases]
    return domain(name, dns={"targets": ["host"], "records": rows})


class TestPublicDelegation(WitnessContract):
    driver = PublicDelegation
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with running(WORLD) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"public": WORLD}))
        return public(self.sandbox)._replace(limits={"timeoutSeconds": 0.2})

    def wants(self) -> Sequence[Domain]:
        return [want("ok.example"), want("two.example"), want("free.example")]

    def asked(self) -> int:
        return asked(self.sandbox, "dns-")

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known = {"silence": "lost-before", "refusal": "status"}
        trouble(self.sandbox, "dns-*", known[kind])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"public": WORLD}))
    return public(sandbox)._replace(limits={"timeoutSeconds": 0.2})


def look(account: Account, name: str, *aliases: str) -> Any:
    driver = PublicDelegation(account)
    return driver.observe([want(name, *aliases)]).states[name]


def codes(state: DelegationState, name: str = "ok.example") -> dict[str, str]:
    found = want(name).findings({SEEN: state}, NOW)
    return {f.code: f.message for f in found if str(f.severity) != "info"}


def test_a_sound_zone(account: Account) -> None:
    state = look(account, "ok.example")
    assert state == DelegationState(
        seen=NOW,
        nameservers=frozenset(HOSTS),
        child=frozenset(HOSTS),
        serials={ONE: 1, TWO: 1},
        parent_ds=frozenset(),
        live_ds=frozenset(),
        spf=("v=spf1 include:spf.mail.example -all",),
        spf_lookups=1,
        dmarc=("v=DMARC1; p=reject",),
        caa=True,
    )
    assert codes(state) == {}


def test_keys_and_the_ds_that_fits_none(account: Account) -> None:
    state = look(account, "signed.example")
    assert state.parent_ds == {GOOD_DS, SHA_384, STALE}
    assert state.live_ds == {GOOD_DS}
    assert state.dnskeys == {GOOD_DS: KEY}
    assert state.stale_ds == {STALE}
    assert "4711 13 2" in codes(state)["stale-ds"]


def test_a_ds_without_any_key_is_stale(account: Account) -> None:
    state = look(account, "lame.example")
    assert state.stale_ds == {STALE} == state.parent_ds
    assert "refuse the whole zone" in codes(state)["stale-ds"]
    # One nameserver was not heard: what is signed everywhere is not known.
    assert state.live_ds is None


def test_where_nobody_tells_the_keys_no_ds_is_called_stale(account: Account) -> None:
    state = look(account, "deaf.example")
    assert state.parent_ds == {STALE}
    assert state.stale_ds == frozenset()
    assert state.live_ds is None


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("lame.example", {TWO: "REFUSED"}),
        ("cached.example", {TWO: "it is not authoritative"}),
        ("mute.example", {ONE: "no answer"}),
        ("deaf.example", dict.fromkeys(HOSTS, "no answer")),
    ],
)
def test_a_lame_nameserver_is_named(
    account: Account, name: str, problems: dict[str, str]
) -> None:
    state = look(account, name)
    assert state.problems == problems
    said = [
        (f.message, str(f.severity))
        for f in want(name).findings({SEEN: state}, NOW)
        if f.code == "lame-nameserver"
    ]
    worst = "critical" if len(problems) == len(HOSTS) else "error"
    assert said == [
        (f"{host} does not answer for the zone ({why})", worst)
        for host, why in problems.items()
    ]


def test_a_nameserver_without_an_address_is_named(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "dns-A", "status")
    assert look(account, "ok.example").problems == dict.fromkeys(
        HOSTS, "its address cannot be found"
    )


def test_a_datagram_that_got_lost_makes_nobody_lame(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "dns-SOA", "lost-before", times=1)
    assert look(account, "ok.example").problems == {}


def test_an_address_without_a_way_to_it_proves_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = PublicDelegation(account)
    far = {host: driver._names.addresses(host)[0] for host in HOSTS}
    place = Network.place

    def without_ipv6(self: Network, address: str, port: int) -> Any:
        if address == far[TWO]:
            raise NoRoute("no IPv6 here")
        return place(self, address, port)

    monkeypatch.setattr(Network, "place", without_ipv6)
    state: Any = driver.observe([want("ok.example")]).states["ok.example"]
    assert state.problems == {}
    assert state.serials == {ONE: 1, TWO: None}
    assert state.live_ds is None  # nobody can say that it is there everywhere


def test_what_is_cut_off_from_the_root_asks_once(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "dns-*", "lost-before")
    names = [f"n{at}.example" for at in range(40)]
    seen = PublicDelegation(account).observe([want(name) for name in names])
    failed = [s for s in seen.states.values() if isinstance(s, Unknown) and not s.later]
    assert "is port 53 open" in failed[0].why
    assert asked(sandbox, "dns-") <= 16 < len(names)


def test_who_denies_a_whole_suffix_is_not_the_root(account: Account) -> None:
    """Something between here and the root answers for it: that proves nothing."""
    state = look(account, "shop.nowhere")
    assert isinstance(state, Unknown)
    assert "not the root" in state.why


def test_different_serials_are_named(account: Account) -> None:
    state = look(account, "serials.example")
    assert state.serials == {ONE: 1, TWO: 9}
    assert f"{ONE} 1, {TWO} 9" in codes(state)["serials-differ"]
    two_hosts = domain("a.example", dns={"targets": ["a", "b"]})
    assert not [
        f for f in two_hosts.findings({SEEN: state}, NOW) if f.code == "serials-differ"
    ]


def test_the_zones_own_nameservers_beside_the_parents(account: Account) -> None:
    state = look(account, "other.example")
    assert state.child == {ONE, "ns3.host.example"}
    assert (
        "the zone itself has ns1.host.example, ns3"
        in codes(state)["nameservers-disagree"]
    )


@pytest.mark.parametrize("name", ["nowhere.example", "free.example"])
def test_what_is_not_delegated(account: Account, name: str) -> None:
    state = look(account, name)
    assert state == DelegationState(seen=NOW, nameservers=frozenset())
    assert set(codes(state)) == {"not-delegated"}


def test_mail_records(account: Account) -> None:
    state = look(account, "mail.example")
    assert state.spf == ("v=spf1 +all", "v=spf1 -all")
    assert state.spf_lookups is None
    assert state.dmarc == ()
    assert state.caa is False
    assert "2 SPF records" in codes(state)["spf-several"]


def test_dangling_aliases(account: Account) -> None:
    state = look(account, "dangling.example", "shop", "loop")
    assert state.dangling == {
        "www.dangling.example": "gone.other.example",
        "shop.dangling.example": "nobody.herokuapp.test",
    }
    assert "gone.other.example, which does not exist" in codes(state)["dangling-cname"]


def test_a_large_answer_comes_over_tcp(account: Account) -> None:
    state = look(account, "big.example")
    assert state.spf_lookups == 11
    assert "takes 11 look-ups" in codes(state)["spf-too-many-lookups"]


def test_what_part_cannot_be_read_is_left_open(
    sandbox: Sandbox, account: Account
) -> None:
    trouble(sandbox, "dns-DS", "lost-before")
    trouble(sandbox, "dns-DNSKEY", "status")
    trouble(sandbox, "dns-TXT", "lost-before")
    trouble(sandbox, "dns-CAA", "status")
    state = look(account, "signed.example")
    assert (state.parent_ds, state.live_ds, state.stale_ds) == (None, None, frozenset())
    assert (state.spf, state.dmarc, state.caa) == (None, None, None)
    assert state.serials == {ONE: 1, TWO: 1}


def test_nothing_that_was_seen_lasts_longer_than_a_day(
    sandbox: Sandbox, account: Account
) -> None:
    """Actions are planned from it."""
    assert isinstance(look(account, "ok.example"), DelegationState)
    trouble(sandbox, "dns-NS", "status")
    sandbox.clock.advance(timedelta(hours=23, minutes=59))
    assert isinstance(look(account, "ok.example"), DelegationState)
    sandbox.clock.advance(timedelta(hours=2))
    assert isinstance(look(account, "ok.example"), Unknown)


def test_what_is_in_trouble_is_looked_at_every_hour(
    sandbox: Sandbox, account: Account
) -> None:
    assert look(account, "lame.example").problems
    sandbox.edit("public", "oddity", {"name": "lame.example", "lame": [], "ds": []})
    assert look(account, "lame.example").problems
    sandbox.clock.advance(timedelta(minutes=61))
    assert not look(account, "lame.example").problems


def test_the_way_down_is_asked_once_for_all(sandbox: Sandbox, account: Account) -> None:
    driver = PublicDelegation(account)
    driver.observe([want("ok.example")])
    first = asked(sandbox, "dns-")
    names = ["two.example", "serials.example", "other.example"]
    driver.observe([want(name) for name in names])
    each = (asked(sandbox, "dns-") - first) / len(names)
    assert each <= 14 < first


def test_a_sandbox_reaches_nothing_else(account: Account) -> None:
    network = Network(account)
    with pytest.raises(Unreachable):
        network.place("8.8.8.8", 53)
    with pytest.raises(Transient):
        Names(account, network).ask("8.8.8.8", "ok.example", "A")


def test_a_route_that_leaves_this_machine_is_none(account: Account) -> None:
    network = Network(account)
    network._told = {"roots": [], "routes": {"192.0.2.1:53": "192.0.2.7:53"}}
    with pytest.raises(Unreachable):
        network.place("192.0.2.1", 53)


# -- SPF -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "count"),
    [
        ("v=spf1 -all", 0),
        ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all", 0),
        ("v=spf1 a mx ptr exists:%{i}.x.example -all", 4),
        ("v=spf1 a:x.example/24 +mx -all", 2),
        ("v=spf1 include:one.example -all", 1 + 2),
        ("v=spf1 redirect=one.example", 1 + 2),
        ("v=spf1 include:loop.example -all", 2),
        ("v=spf1 include:nothing.example include:two.example -all", 2),
    ],
)
def test_how_many_lookups(record: str, count: int) -> None:
    known = {
        "one.example": ("v=spf1 a mx -all",),
        "loop.example": ("v=spf1 include:loop.example -all",),
        "two.example": ("v=spf1 a -all", "v=spf1 mx -all"),
    }
    assert lookups(record, lambda name: known.get(name, ())) == count


def test_counting_ends() -> None:
    grown = "v=spf1 " + " ".join(f"include:n{at}.example" for at in range(9))
    assert lookups(grown, lambda _: (grown,)) == 20


def test_which_texts_are_spf() -> None:
    texts = ("v=spf1", "V=SPF1 -all", "v=spf10 -all", "spf2.0/pra", "")
    assert spf(texts) == ("v=spf1", "V=SPF1 -all")


def test_the_strings_of_a_text_are_one() -> None:
    assert (
        text_of('"v=spf1 include:" "a.example -all"') == "v=spf1 include:a.example -all"
    )


# -- against a real server ---------------------------------------------------------


@pytest.fixture(scope="module")
def powerdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    yield from real_powerdns(tmp_path_factory.mktemp("pdns"))


@pytest.mark.real
def test_the_keys_of_a_real_signed_zone(powerdns: PowerDnsServer) -> None:
    zone_name = "real.example."
    made = {
        "name": zone_name,
        "kind": "Native",
        "nameservers": [f"{h}." for h in HOSTS],
    }
    powerdns.ask("POST", "/zones", made)
    key = {"keytype": "csk", "active": True, "algorithm": "ECDSAP256SHA256"}
    signed = powerdns.ask("POST", f"/zones/{zone_name}/cryptokeys", key)
    parent = [ds.upper() for ds in signed["ds"]]
    world = part(
        {"real.example": {"expires": 99}},
        oddities={"real.example": {"ds": [*parent, STALE]}},
    )
    with running(world) as sandbox:
        account = public(sandbox)
        driver = PublicDelegation(account)
        network = driver._names._network
        routes = network._stand_in["routes"]
        for host in HOSTS:
            (address,) = driver._names.addresses(host)
            routes[f"{address}:53"] = f"127.0.0.1:{powerdns.dns_port}"
        state = driver.observe([want("real.example")]).states["real.example"]
    assert state.problems == {}
    assert state.stale_ds == {STALE}
    assert state.live_ds is not None
    assert state.live_ds < state.parent_ds
    assert set(parent) <= set(state.parent_ds)
    assert state.child == set(HOSTS)
