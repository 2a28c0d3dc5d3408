"""Looks from outside, over real sockets, DNS and TLS of the sandbox."""

from __future__ import annotations

import socket
from contextlib import closing
from threading import Thread

import pytest

from reconciler.kinds.health_check import HealthCheck, Sighting
from reconciler.model import Change, Share
from reconciler.providers._health_looks import Bad, Looker
from reconciler.providers._names import Names
from reconciler.providers._network import Network
from reconciler.providers.public_health import DRIVER, PublicHealth
from tests.support.public import part, public, running, trouble, zone

SHOP, SIX, STRANGE = "192.0.2.1", "2001:db8::1", "198.51.100.7"
WORLD = part(
    {f"{name}.example": {"expires": 200} for name in ("shop", "two", "old", "inside")},
    {
        "two.example": zone(**{"@/A": ["192.0.2.2", "192.0.2.3"], "@/AAAA": []}),
        "old.example": zone(**{"@/A": ["192.0.2.4"], "@/AAAA": [], "@/TXT": ['"a b"']}),
        "inside.example": zone(**{"@/A": ["10.0.0.8"], "@/AAAA": []}),
    },
    certificates={
        SHOP: [
            {"names": ["shop.example", "www.shop.example"], "days": 60},
        ],
        SIX: [{"names": ["shop.example"], "days": 60}],
        "192.0.2.3": [{"names": ["two.example"], "days": 5}],
        "192.0.2.4": [{"names": ["old.example"], "days": -1, "trusted": True}],
    },
    sites={"shop.example": {"files": {"/health": "all is well"}}},
)


def check(name="shop.example", **spec):
    where = {} if "url" in spec else {"host": name}
    spec = {"of": f"Domain/{name}", **where, **spec}
    return HealthCheck.model_validate({"metadata": {"name": name}, "spec": spec})


@pytest.fixture
def world():
    with running(WORLD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sound():
    """The same, for those that change nothing."""
    with running(WORLD) as sandbox:
        yield sandbox


def seen(sandbox, *wants, account=None):
    with closing(DRIVER(account or public(sandbox))) as driver:
        found = driver.observe(wants).states
    assert all(isinstance(one, Sighting) for one in found.values())
    return found


def one(sandbox, **spec):
    want = check(**spec)
    return seen(sandbox, want)[want.name]


GOOD = [
    {},
    {"path": "/health", "expect": {"status": 200, "contains": "well", "within": "9s"}},
    {"url": "https://shop.example/health"},
    {"url": "http://shop.example/"},  # redirects to its own https
    {"url": "http://shop.example/", "expect": {"status": 301}},
    {"addresses": ["v4", "v6"]},
    {"path": "/nowhere", "expect": {"status": [404, 410]}},
    {"type": "tls", "expect": {"notAfter": "30d"}},
    {"type": "tls", "addresses": ["v6", "v4"]},
    {"type": "tcp", "port": 443},
    {"type": "dns", "expect": {"records": {"type": "A"}}},
    {"type": "dns", "expect": {"records": {"type": "A", "values": [SHOP]}}},
    {"type": "dns", "expect": {"records": {"type": "AAAA", "values": ["2001:DB8:0::1"]}}},
    {"name": "two.example", "type": "tls"},  # the second address answers
    {"name": "old.example", "type": "dns", "expect": {"records": {"type": "TXT", "values": ["a b"]}}},
]  # fmt: skip


@pytest.mark.parametrize("spec", GOOD, ids=str)
def test_good(sound, spec):
    found = one(sound, **spec)
    assert (found.up, found.why, found.tries) == (True, "", 1)


BAD = [
    ({"path": "/nowhere"}, "it answers 404", "answer"),
    ({"expect": {"status": 204}}, "it answers 200", "answer"),
    ({"expect": {"contains": "sold out"}}, "lacks what it should", "answer"),
    ({"type": "tls", "expect": {"notAfter": "61d"}}, "in less than 61d", "certificate"),
    ({"type": "tcp", "port": 2087}, "nobody listens there", "reach"),
    ({"type": "dns", "expect": {"records": {"type": "A", "values": [STRANGE]}}}, "others", "dns"),
    ({"type": "dns", "expect": {"records": {"type": "SRV"}}}, "no SRV records", "dns"),
    ({"type": "dns", "host": "no.shop.example", "expect": {"records": {"type": "A"}}}, "no such name", "dns"),
    ({"host": "no.shop.example"}, "no address", "dns"),
    ({"name": "two.example", "addresses": ["v6"]}, "no IPv6 address", "dns"),
    ({"name": "two.example", "type": "tls", "expect": {"notAfter": "6d"}}, "ends on", "certificate"),
    ({"name": "old.example"}, "certificate has ended", "certificate"),
    ({"name": "old.example", "type": "tls"}, "certificate has ended", "certificate"),
    ({"name": "inside.example"}, "nobody listens", "reach"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "why", "symptom"), BAD, ids=str)
def test_bad(sound, spec, why, symptom):
    found = one(sound, retries=1, **spec)
    assert found.up is False
    assert why in found.why
    assert found.symptom == symptom


def site(world, **fields):
    world.edit("public", "site", {"name": "shop.example", **fields})


def test_a_redirect_to_others_is_an_answer_and_nobody_goes_there(world):
    site(world, location="https://two.example/")
    assert one(world).up is True
    assert world.ledger.requests()["public"]["web-https"] == 1
    assert one(world, expect={"status": 200}, retries=1).up is False


@pytest.mark.parametrize(
    "evil",
    [
        "http://169.254.169.254/",
        "https://shop.example:8443/",
        "ftp://x/",
        "//[",
        "\x00//evil.test/",
    ],
)
def test_a_redirect_leads_nowhere_that_is_not_declared(world, evil):
    site(world, location=evil)
    assert one(world, retries=1).up in {True, False}
    assert world.ledger.requests()["public"]["web-https"] == 1


def test_redirects_that_go_round_and_round_are_bad(world):
    site(world, location="/")
    found = one(world, retries=1)
    assert (found.up, found.why) == (False, "one redirect after the other")


def test_a_chain_of_somebody_unknown_is_no_answer():
    world = {
        **WORLD,
        "certificates": {
            SHOP: [{"names": ["shop.example"], "days": 9, "trusted": False}]
        },
    }
    with running(world) as sandbox:
        for kind in ("http", "tls"):
            found = one(sandbox, type=kind, retries=1)
            assert (found.up, found.symptom) == (False, "certificate")
            assert "not to be trusted" in found.why


def test_what_comes_and_goes_within_seconds_is_no_outage(world):
    trouble(world, "web-https", "status", status=503, times=2)
    found = one(world, retries=3)
    assert (found.up, found.tries) == (True, 3)
    trouble(world, "web-https", "status", status=503, times=3)
    found = one(world, retries=3)
    assert (found.up, found.tries, found.why) == (False, 3, "it answers 503")


def test_a_server_that_says_nothing_is_bad_in_time(world):
    site(world, mute=["/"])
    found = one(world, retries=1, timeout="1s")
    assert (found.up, found.why) == (False, "no answer")


def test_a_server_that_is_slow_is_bad(world):
    found = one(world, retries=1, expect={"within": "1s"})
    assert found.up is True
    want = check(retries=1)
    spec = want.spec.model_copy(
        update={
            "expect": want.spec.expect.model_copy(
                update={"within": want.spec.spacing / 10**6}
            )
        }
    )
    (slow,) = seen(world, want.model_copy(update={"spec": spec})).values()
    assert (slow.up, slow.symptom) == (False, "answer")
    assert "longer than" in slow.why


def test_a_machine_without_network_can_tell_nothing(world):
    trouble(world, "dns-*", "lost-before")
    wants = [
        check("shop.example", retries=1),
        check("192.0.2.1", retries=1, path="/no"),
    ]
    account = public(world)._replace(limits={"timeoutSeconds": 0.1})
    for found in seen(world, *wants, account=account).values():
        assert found.up is None
        assert "this machine" in found.why


def test_all_bad_at_once_is_down_where_the_root_answers(world):
    wants = [
        check(n, type="tcp", port=9, retries=1) for n in ("shop.example", "two.example")
    ]
    assert {one.up for one in seen(world, *wants).values()} == {False}


def test_a_name_that_leads_inside_is_not_asked(world):
    account = public(world)
    driver = PublicHealth(account)

    class Inside(Names):
        def addresses(self, host, nested=0):
            return host_of[host]

    host_of = {"meta": ("169.254.169.254",), "six": ("fd00::1",), "me": ("127.0.0.1",)}
    outside = account._replace(endpoint=None)
    network = Network(outside)
    looker = Looker(outside, network, Inside(outside, network), driver._door)
    for host in host_of:
        with pytest.raises(Bad, match="not one of the internet"):
            looker.addresses(host)
    host_of["mixed"] = ("10.0.0.1", "8.8.8.8")
    assert looker.addresses("mixed") == ("8.8.8.8",)
    assert looker.addresses("10.1.2.3") == ("10.1.2.3",)


def test_what_a_server_says_first():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve():
            for _ in range(2):
                peer, _ = server.accept()
                with peer:
                    peer.sendall(b"220 mail.shop.example ESMTP\r\n")

        Thread(target=serve, daemon=True).start()
        world = {**WORLD, "played": {f"{SHOP}:25": f"127.0.0.1:{port}"}}
        with running(world) as sandbox:
            mail = {"type": "tcp", "port": 25, "retries": 1}
            assert one(sandbox, **mail, expect={"contains": "ESMTP"}).up is True
            bad = one(sandbox, **mail, expect={"contains": "IMAP"})
            assert bad.why == "what it says first lacks what it should contain"


def test_hundreds_at_once(world):
    wants = [
        check("shop.example", retries=1).model_copy(
            update={"metadata": check().metadata.model_copy(update={"name": f"n{n}"})}
        )
        for n in range(300)
    ]
    found = seen(world, *wants)
    assert len(found) == 300
    assert all(one.up for one in found.values())


def test_it_only_looks(world):
    driver = DRIVER(public(world))
    assert not driver.can
    assert driver.identity() is None
    change = Change(verb="touch", share=Share("a", "b"), fields=(), because="x")
    with pytest.raises(NotImplementedError):
        driver.apply(check(), change, "key")
