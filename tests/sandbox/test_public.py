"""The stand-in of the internet against RFC 9083, RFC 9224, RFC 1034 and RFC 2308."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HOSTS = ["ns1.due.example", "ns2.host.example"]
LOGIN = {"login": "agency-test", "secret": "sandbox-namecom-token"}
BASIC = httpx.BasicAuth("agency-test", "sandbox-namecom-token")
DOMAINS: dict[str, Any] = {
    "due.example": {"expires": 20, "nameservers": HOSTS},
    "grace.example": {"expires": -5, "autoRenew": False},
    "lost.example": {"expires": -40, "autoRenew": False},
    "gone.example": {"expires": -70, "autoRenew": False},
    "signed.example": {"expires": 50},
}
DS = "4711 13 2 " + "AB" * 32
PUBLIC = {
    "registrations": {"other.example": {"expires": 300, "vendor": "elsewhere"}},
    "zones": {
        "due.example": {
            "nameservers": HOSTS,
            "records": {
                "@/A": ["192.0.2.1"],
                "www/CNAME": ["due.example."],
                "a.b/TXT": ['"x"'],
            },
        }
    },
    "certificates": {"192.0.2.1": [{"names": ["due.example"], "days": 9}]},
    "oddities": {"signed.example": {"ds": [DS]}},
}
WORLD = World(
    {"namecom": {"accounts": [{**LOGIN, "domains": DOMAINS}]}, "public": PUBLIC}
)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


def get(sandbox: Sandbox, path: str) -> httpx.Response:
    return web("GET", f"{sandbox.endpoint('public')}{path}")


def registry(sandbox: Sandbox, name: str) -> Any:
    return get(sandbox, f"/registry/domain/{name}").json()


def events(said: Any) -> dict[str, str]:
    return {event["eventAction"]: event["eventDate"] for event in said["events"]}


def days(number: float) -> str:
    return (NOW + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- RDAP ------------------------------------------------------------------------


def test_the_list_of_servers(sandbox: Sandbox) -> None:
    """RFC 9224, 3: version, publication, and services as pairs of two lists."""
    said = get(sandbox, "/rdap/dns.json").json()
    assert said["version"] == "1.0"
    assert datetime.fromisoformat(said["publication"]) == NOW
    ((suffixes, urls),) = said["services"]
    assert suffixes == ["example"]
    assert urls == [f"{sandbox.endpoint('public')}/registry/"]


def test_a_domain_has_what_the_standard_asks_for(sandbox: Sandbox) -> None:
    """RFC 9083, 4 and 5.3; the media type is that of RFC 7480, 4.2."""
    answer = get(sandbox, "/registry/domain/DUE.example")
    assert answer.headers["content-type"] == "application/rdap+json"
    said = answer.json()
    assert said["objectClassName"] == "domain"
    assert "rdap_level_0" in said["rdapConformance"]
    assert said["ldhName"] == "DUE.EXAMPLE"
    assert said["status"] == ["client transfer prohibited"]
    assert events(said)["expiration"] == days(20)
    assert [n["ldhName"].lower() for n in said["nameservers"]] == HOSTS
    assert said["nameservers"][0]["objectClassName"] == "nameserver"
    assert said["secureDNS"] == {"delegationSigned": False}
    (entity,) = said["entities"]
    assert (entity["roles"], entity["vcardArray"][0]) == (["registrar"], "vcard")
    rels = {link["rel"]: link for link in said["links"]}
    assert set(rels) == {"self", "related"}
    assert rels["related"]["type"] == "application/rdap+json"


def test_the_registrar_answers_where_the_registry_says(sandbox: Sandbox) -> None:
    """ICANN's profile: the event ``registrar expiration``, from the registrar."""
    said = registry(sandbox, "grace.example")
    (related,) = (x["href"] for x in said["links"] if x["rel"] == "related")
    own = web("GET", related).json()
    assert events(own)["registrar expiration"] == days(-5)
    assert "registrar expiration" not in events(said)


@pytest.mark.parametrize(
    ("name", "statuses", "expires"),
    [
        ("grace.example", {"client transfer prohibited", "auto renew period"}, 360),
        ("lost.example", {"pending delete", "redemption period"}, -40),
    ],
)
def test_the_life_of_a_registration(
    sandbox: Sandbox, name: str, statuses: set[str], expires: float
) -> None:
    """RFC 3915 by the words of RFC 8056; in grace the registry's date has moved."""
    said = registry(sandbox, name)
    assert set(said["status"]) == statuses
    assert events(said)["expiration"] == days(expires)


def test_signed_delegations(sandbox: Sandbox) -> None:
    """RFC 9083, 5.3: secureDNS with dsData."""
    assert registry(sandbox, "signed.example")["secureDNS"] == {
        "delegationSigned": True,
        "dsData": [
            {"keyTag": 4711, "algorithm": 13, "digestType": 2, "digest": "AB" * 32}
        ],
    }


@pytest.mark.parametrize("name", ["free.example", "gone.example"])
def test_an_error_says_its_code(sandbox: Sandbox, name: str) -> None:
    """RFC 9083, 6: errorCode, title, description."""
    answer = get(sandbox, f"/registry/domain/{name}")
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == 404
    assert answer.headers["content-type"] == "application/rdap+json"


def test_it_follows_what_is_done_at_the_registrar(sandbox: Sandbox) -> None:
    api = f"{sandbox.endpoint('namecom')}/core/v1/domains/due.example"
    web("POST", f"{api}:renew", auth=BASIC, json={"years": 1})
    body = {"nameservers": ["ns1.new.example", "ns2.new.example"]}
    web("POST", f"{api}:setNameservers", auth=BASIC, json=body)
    said = registry(sandbox, "due.example")
    assert events(said)["expiration"] == days(20 + 365)
    hosts = [n["ldhName"].lower() for n in said["nameservers"]]
    assert hosts == body["nameservers"]
    answer = ask(sandbox, "198.51.100.2", "due.example", "NS")
    assert rows(answer.authority) == ["ns1.new.example.", "ns2.new.example."]


# -- DNS -------------------------------------------------------------------------


def ask(
    sandbox: Sandbox, server: str, name: str, rtype: str, *, tcp: bool = False
) -> dns.message.Message:
    routes = get(sandbox, "/routes").json()["routes"]
    host, _, port = routes[f"{server}:53"].rpartition(":")
    query = dns.message.make_query(name, rtype)
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, host, timeout=2, port=int(port))


def rows(section: Any) -> list[str]:
    return sorted(row.to_text() for rrset in section for row in rrset)


def served(sandbox: Sandbox, host: str) -> str:
    """Return the address of a nameserver, as the top-level domain says it."""
    answer = ask(sandbox, "198.51.100.2", host, "A")
    return rows(answer.answer or answer.additional)[0]


def test_the_root_refers_with_glue(sandbox: Sandbox) -> None:
    """RFC 1034, 4.3.2: a referral is not authoritative and has no answer."""
    (root,) = get(sandbox, "/routes").json()["roots"]
    answer = ask(sandbox, root, "due.example", "A")
    assert not answer.flags & dns.flags.AA
    assert not answer.answer
    assert answer.authority[0].name == dns.name.from_text("example")
    assert rows(answer.additional) == ["198.51.100.2"]
    nowhere = ask(sandbox, root, "due.nowhere", "A")
    assert nowhere.rcode() == dns.rcode.NXDOMAIN
    assert nowhere.flags & dns.flags.AA


def test_the_top_refers_with_the_glue_it_must_have(sandbox: Sandbox) -> None:
    """Glue for what is inside the delegated name, and for nothing else."""
    answer = ask(sandbox, "198.51.100.2", "www.due.example", "A")
    assert rows(answer.authority) == [f"{host}." for host in HOSTS]
    assert [r.name.to_text() for r in answer.additional] == ["ns1.due.example."]


def test_ds_is_the_parents_word(sandbox: Sandbox) -> None:
    """RFC 4035, 3.1.4.1: a DS is answered by the parent, authoritatively."""
    answer = ask(sandbox, "198.51.100.2", "signed.example", "DS")
    assert answer.flags & dns.flags.AA
    assert rows(answer.answer) == [DS.lower()]
    none = ask(sandbox, "198.51.100.2", "due.example", "DS")
    assert (none.rcode(), none.answer) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("tcp", [False, True])
def test_a_zone_answers_for_itself(sandbox: Sandbox, tcp: bool) -> None:
    at = served(sandbox, "ns1.due.example")
    answer = ask(sandbox, at, "due.example", "A", tcp=tcp)
    assert answer.flags & dns.flags.AA
    assert rows(answer.answer) == ["192.0.2.1"]
    assert rows(ask(sandbox, at, "due.example", "NS", tcp=tcp).answer) == [
        f"{host}." for host in HOSTS
    ]


def test_a_server_that_is_behind(sandbox: Sandbox) -> None:
    """It goes on with what it had, for so long; the others have what is new."""
    late = {"name": "due.example", "behind": {HOSTS[0]: 60}}
    sandbox.edit("public", "oddity", late)
    zone = sandbox.bench("public").state["zones"]["due.example"]
    zone["records"]["new/TXT"] = ['"y"']
    try:
        answers = []
        for seconds in (0, 59, 60):
            sandbox.clock.set(NOW + timedelta(seconds=seconds), frozen=True)
            ask_all = [
                rows(ask(sandbox, served(sandbox, h), "new.due.example", "TXT").answer)
                for h in HOSTS
            ]
            answers.append(ask_all)
        assert answers == [[[], ['"y"']], [[], ['"y"']], [['"y"'], ['"y"']]]
    finally:
        del zone["records"]["new/TXT"]


@pytest.mark.parametrize("address", ["192.0.2.1", "nowhere"])
def test_only_a_panel_keeps_what_it_serves(sandbox: Sandbox, address: str) -> None:
    with pytest.raises(ReconcilerError, match="cannot keep 'reload'"):
        sandbox.edit("public", "address", {"address": address, "keeps": "reload"})


def test_aliases_and_denials(sandbox: Sandbox) -> None:
    """RFC 2308: NXDOMAIN, or NODATA where other types or names below exist."""
    at = served(sandbox, "ns1.due.example")
    assert rows(ask(sandbox, at, "www.due.example", "A").answer) == ["due.example."]
    for name, rcode in (
        ("due.example", dns.rcode.NOERROR),
        ("b.due.example", dns.rcode.NOERROR),
        ("c.due.example", dns.rcode.NXDOMAIN),
    ):
        answer = ask(sandbox, at, name, "MX")
        assert (answer.rcode(), answer.answer) == (rcode, [])
        assert answer.flags & dns.flags.AA
        assert answer.authority[0].rdtype == dns.rdatatype.SOA


def test_what_a_server_does_not_have_it_refuses(sandbox: Sandbox) -> None:
    at = served(sandbox, "ns1.due.example")
    assert ask(sandbox, at, "grace.example", "SOA").rcode() == dns.rcode.REFUSED


def test_what_is_no_dns_is_not_answered(sandbox: Sandbox) -> None:
    import socket

    routes = get(sandbox, "/routes").json()["routes"]
    port = int(routes["198.51.100.1:53"].rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(0.1)
        plain.sendto(b"hello", ("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            plain.recv(512)
    assert ask(sandbox, "198.51.100.1", "due.example", "A").authority


# -- the whole -------------------------------------------------------------------


def test_every_route_stays_on_this_machine(sandbox: Sandbox) -> None:
    said = get(sandbox, "/routes").json()
    assert set(said) == {"roots", "routes", "authorities"}
    assert all(at.startswith("127.0.0.1:") for at in said["routes"].values())
    assert "192.0.2.1:443" in said["routes"]
    assert said["authorities"].startswith("-----BEGIN CERTIFICATE-----")


def test_real_servers_play_addresses_too() -> None:
    """They come before what the stand-in has there, and are trusted by their own."""
    played = {"198.51.100.3:53": "127.0.0.1:5301", "192.0.2.1:443": "127.0.0.1:8443"}
    part = {**PUBLIC, "played": played, "authorities": "-----BEGIN theirs-----\n"}
    with Sandbox(World({"public": part}), SandboxClock(NOW, frozen=True)) as beside:
        said = get(beside, "/routes").json()
    assert played.items() <= said["routes"].items()
    assert "198.51.100.1:53" in said["routes"]
    assert said["authorities"].endswith(
        "END CERTIFICATE-----\n-----BEGIN theirs-----\n"
    )


def test_changes_by_hand(sandbox: Sandbox) -> None:
    sandbox.edit("public", "oddity", {"name": "due.example", "statuses": ["inactive"]})
    assert registry(sandbox, "due.example")["status"] == ["inactive"]
    with pytest.raises(ReconcilerError, match="oddity"):
        sandbox.edit("public", "domain", {"name": "due.example"})


def test_a_world_with_an_unknown_part_is_refused() -> None:
    with pytest.raises(ReconcilerError, match="no part 'domains'"):
        Sandbox(World({"public": {"domains": {}}}), SandboxClock(NOW)).start()


def test_its_state_is_data(sandbox: Sandbox) -> None:
    json.dumps(sandbox.bench("public").state)
