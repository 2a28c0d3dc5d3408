"""Challenges and CAA looked up for real, against RFC 8555, 8, RFC 8659 and RFC 8657."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.acme_caa import Asker, forbidding
from reconciler.sandbox.acme_dns import DnsTrouble, lookup_of
from reconciler.sandbox.dns_server import DnsServers
from tests.support.acme_client import AcmeClient, Said, kept_open, request
from tests.support.acme_world import NOW, AcmeWorld

HOSTS = ["ns1.host.test", "ns2.host.test"]
US = Asker(["letsencrypt.org"], "http://ca.test/acct/1", "dns-01")


def failure(ann: AcmeClient, order: Said) -> tuple[str, str]:
    """Why the only authorization of an order failed."""
    (found,) = ann.authorizations(order)
    assert found["status"] == "invalid", found
    error = found["challenges"][0]["error"]
    return error["type"].rpartition(":")[2], error["detail"]


def tried(ann: AcmeClient, name: str, kind: str = "dns-01") -> Said:
    order = ann.order(name)
    ann.post(ann.pick(ann.authorizations(order)[0], kind)["url"], {})
    return order


class TestDns01:
    def test_the_record_is_the_hash_of_the_proof(self) -> None:
        """RFC 8555, 8.4; others beside it do not matter."""
        world = AcmeWorld()
        ann = world.account()
        world.records["_acme-challenge.a.example"] = ["something else"]
        ann.obtain(world.records, "*.a.example", "a.example")
        assert len(world.records["_acme-challenge.a.example"]) == 3

    def test_what_is_said_of_a_wrong_none_and_no_name(self) -> None:
        """Boulder's words: unauthorized, unauthorized, dns."""
        world = AcmeWorld()
        ann = world.account()
        assert failure(ann, tried(ann, "a.example")) == (
            "unauthorized",
            "No TXT record found at _acme-challenge.a.example",
        )
        world.records["_acme-challenge.a.example"] = ["old", "older"]
        assert failure(ann, tried(ann, "a.example")) == (
            "unauthorized",
            'Incorrect TXT record "old" (and 1 more) found at _acme-challenge.a.example',
        )
        world.gone.add("_acme-challenge.a.example")
        kind, said = failure(ann, tried(ann, "a.example"))
        assert kind == "dns"
        assert said.startswith(
            "DNS problem: NXDOMAIN looking up TXT for _acme-challenge"
        )

    def test_a_zone_whose_signatures_are_wrong(self) -> None:
        """A validating resolver says SERVFAIL; then there is no certificate."""
        world = AcmeWorld()
        ann = world.account()
        world.edit("bogus", name="a.example")
        kind, said = failure(ann, tried(ann, "www.a.example"))
        assert (kind, "SERVFAIL" in said) == ("dns", True)
        world.edit("bogus", name="a.example", mended=True)
        ann.obtain(world.records, "www.a.example")

    def test_another_accounts_proof_is_none(self) -> None:
        world = AcmeWorld()
        ann, bob = world.account(), world.account()
        order = bob.order("a.example")
        challenge = bob.pick(bob.authorizations(order)[0])
        world.records["_acme-challenge.a.example"] = [ann.txt(challenge)]
        bob.post(challenge["url"], {})
        assert failure(bob, order)[0] == "unauthorized"

    def test_whatever_breaks_nothing_is_under_way_for_ever(self) -> None:
        world = AcmeWorld()
        ann = world.account()
        world.records["_acme-challenge.a.example"] = 7  # type: ignore[assignment]
        assert failure(ann, tried(ann, "a.example"))[0] == "serverInternal"


class TestHttp01:
    def test_inside(self) -> None:
        world = AcmeWorld()
        ann = world.account()
        order = ann.order("a.example")
        challenge = ann.pick(ann.authorizations(order)[0], "http-01")
        path = f"/.well-known/acme-challenge/{challenge['token']}"
        world.pages[f"a.example {path}"] = f"{ann.proof(challenge)}\n".encode()
        ann.post(challenge["url"], {})
        assert ann.post(order.headers["location"])["status"] == "ready"

    def test_what_is_said_of_another_page_and_of_none(self) -> None:
        world = AcmeWorld()
        ann = world.account()
        kind, said = failure(ann, tried(ann, "a.example", "http-01"))
        assert (kind, "Connection refused" in said) == ("connection", True)
        order = ann.order("a.example")
        challenge = ann.pick(ann.authorizations(order)[0], "http-01")
        path = f"/.well-known/acme-challenge/{challenge['token']}"
        world.pages[f"a.example {path}"] = b"parked"
        ann.post(challenge["url"], {})
        kind, said = failure(ann, order)
        assert (kind, '(got "parked")' in said) == ("unauthorized", True)


class TestDnsPersist01:
    def world(self) -> AcmeWorld:
        return AcmeWorld(
            main={"challenges": ["dns-persist-01"], "reuseAuthorizations": True}
        )

    def standing(self, ann: AcmeClient, more: str = "") -> str:
        return f"letsencrypt.org; accounturi={ann.kid}{more}"

    def test_one_standing_record_serves_every_order(self) -> None:
        """The challenge has no token, but the account's URL and the authority's names."""
        world = self.world()
        ann = world.account()
        world.records["_validation-persist.a.example"] = [
            "other.example; accounturi=x",
            self.standing(ann, "; policy=wildcard"),
        ]
        for profile in ("classic", "tlsserver"):
            order = ann.order("a.example", "*.a.example", profile=profile)
            for one in ann.authorizations(order):
                assert one["status"] == "pending"  # never used again
                (challenge,) = one["challenges"]
                assert challenge["accounturi"] == ann.kid
                assert challenge["issuer-domain-names"] == ["letsencrypt.org"]
                assert "token" not in challenge
                ann.post(challenge["url"], {})
            assert ann.post(order.headers["location"])["status"] == "ready"

    @pytest.mark.parametrize(
        ("name", "more", "said"),
        [
            ("*.a.example", "", "policy mismatch"),
            ("a.example", "x", "accounturi mismatch"),
            ("a.example", "; persistUntil=1795338000", "is after persistUntil"),
            ("a.example", "; persistUntil=soon", "malformed persistUntil"),
        ],
    )
    def test_a_record_that_does_not_do(self, name: str, more: str, said: str) -> None:
        world = self.world()
        ann = world.account()
        world.later(days=1)
        world.records["_validation-persist.a.example"] = [self.standing(ann, more)]
        assert said in failure(ann, tried(ann, name, "dns-persist-01"))[1]


class TestCaa:
    @pytest.mark.parametrize(
        ("name", "records", "where"),
        [
            ("www.a.example", {}, ""),
            ("www.a.example", {"a.example": ['0 issue "letsencrypt.org"']}, ""),
            ("www.a.example", {"a.example": ['0 issue "pki.example"']}, "a.example"),
            ("www.a.example", {"example": ['0 issue ";"']}, "example"),
            # The closest that has any decides.
            (
                "www.a.example",
                {"www.a.example": ['0 issue "letsencrypt.org"'], "a.example": ['0 issue ";"']},
                "",
            ),
            ("a.example", {"a.example": ['0 issue "pki.example"', '0 issue "letsencrypt.org"']}, ""),
            # issuewild is for wildcards, and then instead of issue.
            ("*.a.example", {"a.example": ['0 issue "letsencrypt.org"']}, ""),
            ("*.a.example", {"a.example": ['0 issue "letsencrypt.org"', '0 issuewild ";"']}, "a.example"),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org"', '0 issuewild ";"']}, ""),
            ("*.a.example", {"a.example": ['0 issue ";"', '0 issuewild "letsencrypt.org"']}, ""),
            ("a.example", {"a.example": ['0 issuewild "letsencrypt.org"']}, ""),
            # Others are no business of ours, unless they are critical.
            ("a.example", {"a.example": ['0 iodef "mailto:a@a.example"']}, ""),
            ("a.example", {"a.example": ['128 iodef "mailto:a@a.example"']}, ""),
            ("a.example", {"a.example": ['0 future "x"']}, ""),
            ("a.example", {"a.example": ['128 future "x"', '0 issue "letsencrypt.org"']}, "a.example"),
            ("a.example", {"a.example": ['1 future "x"']}, "a.example"),
            # RFC 8657.
            ("a.example", {"a.example": ['0 issue "letsencrypt.org; accounturi=http://ca.test/acct/1"']}, ""),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org; accounturi=http://ca.test/acct/2"']}, "a.example"),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org;validationmethods=http-01,dns-01"']}, ""),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org;validationmethods=http-01"']}, "a.example"),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org; accounturi"']}, "a.example"),
            ("a.example", {"a.example": ['0 issue "letsencrypt.org;"']}, ""),
        ],
    )  # fmt: skip
    def test_who_may_issue(self, name: str, records: Any, where: str) -> None:
        assert forbidding(lambda n, _: records.get(n, []), name, US) == where

    def test_it_forbids_at_validation(self) -> None:
        world = AcmeWorld()
        ann = world.account()
        world.caa["a.example"] = ['0 issue "pki.example"']
        order = ann.order("www.a.example")
        ann.prove(order, world.records)
        assert failure(ann, order) == (
            "caa",
            "CAA record for a.example prevents issuance",
        )
        world.edit("caa", name="a.example", rows=['0 issue "letsencrypt.org"'])
        ann.obtain(world.records, "www.a.example")
        world.edit("caa", name="a.example", rows=None)
        assert ann.order("b.a.example").status == 201

    def test_it_is_read_again_before_a_certificate_on_an_old_proof(self) -> None:
        """Baseline Requirements, 4.2.2.1: eight hours; the order says why it failed."""
        world = AcmeWorld()
        ann = world.account()
        ann.obtain(world.records, "a.example")
        world.caa["a.example"] = ['0 issue ";"']
        world.later(hours=6)
        ann.obtain(world.records, "a.example")
        world.later(hours=2)
        order = ann.order("a.example")
        assert order["status"] == "ready"
        ann.finalize(order, request(["a.example"]))
        failed = ann.post(order.headers["location"])
        assert failed["status"] == "invalid"
        assert failed["error"]["type"] == "urn:ietf:params:acme:error:caa"

    def test_what_cannot_be_read_is_no_consent(self) -> None:
        def broken(name: str, kind: str) -> list[str]:
            raise DnsTrouble("SERVFAIL")

        with pytest.raises(DnsTrouble):
            forbidding(broken, "a.example", US)


class Pages(BaseHTTPRequestHandler):
    """A web server of all names."""

    found: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        where = f"{self.headers['Host']}{self.path}"
        said = self.found.get(where)
        if said is None or said.startswith("to "):
            self.send_response(301 if said else 404)
            if said:
                self.send_header("Location", said.removeprefix("to "))
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *args: Any) -> None:
        del args


class Zone:
    """An authoritative server, with an alias to another zone of its own."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[str]] = {}
        self.server = DnsServers(1, self._answer)

    def _answer(self, _: int, query: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(query)
        said.flags |= dns.flags.AA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        if name.endswith("bogus.example"):
            said.set_rcode(dns.rcode.SERVFAIL)
        elif not name.endswith(".example"):
            said.set_rcode(dns.rcode.REFUSED)
        else:
            for one in (kind, "CNAME"):
                rows = self.rows.get((name, one))
                if rows:
                    said.answer.append(
                        dns.rrset.from_text_list(question.name, 60, "IN", one, rows)
                    )
                    break
            else:
                if not any(n.endswith(name) for n, _ in self.rows):
                    said.set_rcode(dns.rcode.NXDOMAIN)
        return said


@pytest.fixture(scope="module")
def zone() -> Iterator[Zone]:
    made = Zone()
    made.server.start("127.0.0.1")
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def sandbox(zone: Zone, pages: int) -> Iterator[Sandbox]:
    part = {
        "resolver": f"127.0.0.1:{zone.server.ports[0]}",
        "http": f"127.0.0.1:{pages}",
        "authorities": {"main": {"limits": "off", "retryAfter": 1}},
    }
    with Sandbox(World({"acme": part}), SandboxClock(NOW, frozen=True)) as running:
        yield running


@pytest.fixture
def ann(sandbox: Sandbox) -> Iterator[AcmeClient]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        made = AcmeClient(
            kept_open(client), f"{sandbox.endpoint('acme')}/main/directory"
        )
        assert made.register().status == 201
        yield made


def ended(ann: AcmeClient, order: Said) -> Said:
    """Poll as a client does, until an authorization is over."""
    (url,) = order["authorizations"]
    for _ in range(500):
        found = ann.post(url)
        if found["status"] != "pending":
            return found
        time.sleep(0.005)
    raise AssertionError("it never ends")


class TestOnSockets:
    def test_txt_over_udp_and_along_an_alias(self, zone: Zone, ann: AcmeClient) -> None:
        """A CNAME to a zone for challenges alone is followed (RFC 8555, 8.4)."""
        for name, where in (
            ("plain.example", "_acme-challenge.plain.example"),
            ("alias.example", "x.challenges.example"),
        ):
            order = ann.order(name)
            challenge = ann.pick(ann.authorizations(order)[0])
            zone.rows["_acme-challenge.alias.example", "CNAME"] = [
                "x.challenges.example."
            ]
            zone.rows[where, "TXT"] = [f'"{ann.txt(challenge)}"', '"v=spf1 -all"']
            ann.post(challenge["url"], {})
            assert ended(ann, order)["status"] == "valid"

    def test_caa_over_udp(self, zone: Zone, ann: AcmeClient) -> None:
        zone.rows["caa.example", "CAA"] = ['0 issue "pki.example"']
        order = ann.order("www.caa.example")
        challenge = ann.pick(ann.authorizations(order)[0])
        zone.rows["_acme-challenge.www.caa.example", "TXT"] = [
            f'"{ann.txt(challenge)}"'
        ]
        ann.post(challenge["url"], {})
        assert ended(ann, order)["challenges"][0]["error"]["type"].endswith(":caa")

    def test_servfail_nxdomain_and_refused(self, sandbox: Sandbox, zone: Zone) -> None:
        """An authoritative server refuses what is not its own: it has nothing there."""
        look = lookup_of(sandbox.bench("acme"))
        with pytest.raises(DnsTrouble):
            look("www.bogus.example", "TXT")
        assert look("nobody.nowhere.example", "TXT") is None
        assert look("test", "CAA") == []
        assert zone.rows is not None

    def test_http_01_and_a_redirect(self, ann: AcmeClient) -> None:
        """RFC 8555, 8.3: redirects are followed."""
        order = ann.order("web.example")
        challenge = ann.pick(ann.authorizations(order)[0], "http-01")
        path = f"/.well-known/acme-challenge/{challenge['token']}"
        Pages.found[f"web.example{path}"] = "to http://www.web.example/x"
        Pages.found["www.web.example/x"] = ann.proof(challenge)
        ann.post(challenge["url"], {})
        assert ended(ann, order)["status"] == "valid"

    @pytest.mark.parametrize(
        ("to", "kind"),
        [
            ("", "unauthorized"),
            ("to https://loop.example/", "connection"),
            ("to /.well-known/again", "connection"),
        ],
    )
    def test_a_page_that_does_not_do(self, ann: AcmeClient, to: str, kind: str) -> None:
        order = ann.order("loop.example")
        challenge = ann.pick(ann.authorizations(order)[0], "http-01")
        if to:
            path = f"/.well-known/acme-challenge/{challenge['token']}"
            Pages.found[f"loop.example{path}"] = to
        Pages.found["loop.example/.well-known/again"] = "to /.well-known/again"
        ann.post(challenge["url"], {})
        error = ended(ann, order)["challenges"][0]["error"]
        assert error["type"].rpartition(":")[2] == kind


def test_the_sandboxes_own_public_dns() -> None:
    """``resolver: public``: from the root down, as the zones are served there."""
    world = World.from_dict(
        {
            "vendors": {
                "acme": {"resolver": "public", "authorities": {"main": {}}},
                "public": {
                    "registrations": {
                        "shop.example": {
                            "expires": 90,
                            "nameservers": HOSTS,
                        },
                    },
                    "zones": {
                        "shop.example": {
                            "nameservers": HOSTS,
                            "records": {
                                "_acme-challenge/TXT": ['"first" "half"', '"other"'],
                                "@/CAA": ['0 issue "letsencrypt.org"'],
                                "www/CNAME": ["shop.example."],
                            },
                        }
                    },
                },
            }
        }
    )
    sandbox = Sandbox(world, SandboxClock(NOW, frozen=True))
    with sandbox:
        look = lookup_of(sandbox.bench("acme"))
        assert sorted(look("_acme-challenge.shop.example", "TXT") or ()) == [
            "firsthalf",
            "other",
        ]
        assert look("www.shop.example", "CAA") == ['0 issue "letsencrypt.org"']
        assert look("nothing.shop.example", "TXT") is None
        assert look("shop.example", "TXT") == []
        assert look("unregistered.example", "TXT") is None
        assert not look("example", "CAA")
        sandbox.edit("public", "oddity", {"name": "shop.example", "lame": HOSTS})
        with pytest.raises(DnsTrouble):
            look("shop.example", "TXT")
