"""
The ACME emulator on a socket: beside an independent client, under faults, restarted.

The client is certbot's library ``acme``: it was written against Let's Encrypt, and
knows nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import acme.client
import acme.errors
import acme.messages
import httpx
import josepy
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.acme_client import AcmeClient, by_web, kept_open, request
from tests.support.acme_world import NOW
from tests.support.web import web


class Names:
    """The DNS of a test, without a server."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = {}

    def __call__(self, name: str, kind: str) -> list[str]:
        return self.rows.get(name, []) if kind == "TXT" else []


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def sandbox(names: Names) -> Iterator[Sandbox]:
    part = {"resolver": names, "authorities": {"main": {"retryAfter": 1}, "other": {}}}
    world = World({"acme": part})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as running:
        yield running


def directory(sandbox: Sandbox, authority: str = "main") -> str:
    return f"{sandbox.endpoint('acme')}/{authority}/directory"


class Certbot:
    """An account of the library ``acme``."""

    def __init__(self, sandbox: Sandbox, key: Any = None) -> None:
        private = key or ec.generate_private_key(ec.SECP256R1())
        rsa_key = isinstance(private, rsa.RSAPrivateKey)
        jwk = josepy.JWKRSA(key=private) if rsa_key else josepy.JWKEC(key=private)
        algorithm = josepy.RS256 if rsa_key else josepy.ES256
        self.net = acme.client.ClientNetwork(jwk, alg=algorithm, verify_ssl=False)
        known = acme.client.ClientV2.get_directory(directory(sandbox), self.net)
        self.client = acme.client.ClientV2(known, self.net)
        new = acme.messages.NewRegistration.from_data(
            email="ops@agency.example", terms_of_service_agreed=True
        )
        self.account = self.client.new_account(new)

    def obtain(
        self, names: Names, wanted: list[str], profile: str | None = None
    ) -> Any:
        key = ec.generate_private_key(ec.SECP256R1())
        csr = request(wanted, key)
        order = self.client.new_order(csr.public_bytes(Encoding.PEM), profile)
        for authorization in order.authorizations:
            body = authorization.body.challenges
            chosen = next(c for c in body if c.chall.typ == "dns-01")
            value = chosen.chall.validation(self.net.key)
            name = chosen.chall.validation_domain_name(
                authorization.body.identifier.value
            )
            names.rows.setdefault(name, []).append(value)
            self.client.answer_challenge(chosen, chosen.response(self.net.key))
        # Deadlines are by the machine's clock, which the sandbox's is ahead of.
        far = acme.client.datetime.datetime.now() + timedelta(days=4000)
        order = self.client.poll_authorizations(order, far)
        return self.client.finalize_order(order, far, fetch_alternative_chains=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits whole seconds; what it asks is not changed by that."""
    monkeypatch.setattr(acme.client.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("quick")
class TestBesideTheLibraryAcme:
    @pytest.mark.parametrize(
        "key", [None, rsa.generate_private_key(65537, 2048)], ids=["ES256", "RS256"]
    )
    def test_a_whole_order(self, sandbox: Sandbox, names: Names, key: Any) -> None:
        bot = Certbot(sandbox, key)
        wanted = ["shop.example", "*.shop.example"]
        done = bot.obtain(names, wanted, profile="tlsserver")
        leaf, middle = x509.load_pem_x509_certificates(done.fullchain_pem.encode())
        leaf.verify_directly_issued_by(middle)
        root = x509.load_pem_x509_certificate(
            sandbox.look("acme", "roots")["main"][0].encode()
        )
        middle.verify_directly_issued_by(root)
        found = leaf.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
        assert sorted(found.get_values_for_type(x509.DNSName)) == sorted(wanted)
        assert len(done.alternative_fullchains_pem) == 1
        assert done.alternative_fullchains_pem[0] != done.fullchain_pem
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 44

    def test_its_renewal_time_is_in_our_window(
        self, sandbox: Sandbox, names: Names
    ) -> None:
        bot = Certbot(sandbox)
        done = bot.obtain(names, ["a.example"])
        when, again = bot.client.renewal_time(done.fullchain_pem.encode())
        assert when is not None
        assert (
            NOW + timedelta(days=58)
            < when.astimezone(NOW.tzinfo)
            < NOW + timedelta(days=62)
        )
        assert again > acme.client.datetime.datetime.now()
        sandbox.edit("acme", "revoke", {"authority": "main"})
        when, _ = bot.client.renewal_time(done.fullchain_pem.encode())
        assert when < NOW

    def test_revocation_update_and_closing(
        self, sandbox: Sandbox, names: Names
    ) -> None:
        bot = Certbot(sandbox)
        done = bot.obtain(names, ["a.example"])
        leaf = x509.load_pem_x509_certificate(done.fullchain_pem.encode())
        bot.client.revoke(leaf, 4)
        with pytest.raises(acme.messages.Error) as refused:
            bot.client.revoke(leaf, 4)
        assert refused.value.code == "alreadyRevoked"
        again = bot.client.query_registration(bot.account)
        assert again.body.contact == ("mailto:ops@agency.example",)
        closed = bot.client.deactivate_registration(bot.account)
        assert closed.body.status == "deactivated"

    def test_it_reads_our_refusals(self, sandbox: Sandbox) -> None:
        bot = Certbot(sandbox)
        with pytest.raises(acme.messages.Error) as refused:
            bot.client.new_order(
                request(["a.example"]).public_bytes(Encoding.PEM), "gold"
            )
        assert refused.value.typ == "urn:ietf:params:acme:error:invalidProfile"
        sandbox.edit("acme", "settings", {"authority": "main", "limits": {"ordersPerAccount": {"burst": 1, "period": "1h"}}})  # fmt: skip
        bot.client.new_order(request(["a.example"]).public_bytes(Encoding.PEM))
        with pytest.raises(acme.messages.Error) as limited:
            bot.client.new_order(request(["b.example"]).public_bytes(Encoding.PEM))
        assert limited.value.code == "rateLimited"

    def test_a_wrong_proof_and_a_refused_nonce(
        self, sandbox: Sandbox, names: Names
    ) -> None:
        """It repeats a request once where a nonce was refused; twice is an error."""
        bot = Certbot(sandbox)
        sandbox.edit("acme", "nonces", {"authority": "main", "refuse": 1})
        bot.obtain(names, ["a.example"])
        sandbox.edit("acme", "nonces", {"authority": "main", "refuse": 2})
        with pytest.raises(acme.messages.Error) as refused:
            bot.client.new_order(request(["b.example"]).public_bytes(Encoding.PEM))
        assert refused.value.code == "badNonce"
        names.rows = {"_acme-challenge.c.example": ["wrong"]}
        with pytest.raises(acme.errors.ValidationError):
            bot.obtain(Names(), ["c.example"])


@pytest.fixture
def ann(sandbox: Sandbox) -> Iterator[AcmeClient]:
    with httpx.Client(trust_env=False, timeout=5) as client:
        made = AcmeClient(kept_open(client), directory(sandbox))
        assert made.register().status == 201
        yield made


class TestFaults:
    def test_they_meet_one_operation_of_one_authority(self, sandbox: Sandbox) -> None:
        fault = Fault(vendor="acme", operation="main/newOrder", kind="status", status=503, times=0, retry_after=60)  # fmt: skip
        sandbox.inject(fault)
        ann = AcmeClient(by_web, directory(sandbox))
        ann.register()
        refused = ann.order("a.example")
        assert (refused.status, refused.headers["retry-after"]) == (503, "60")
        bob = AcmeClient(by_web, directory(sandbox, "other"))
        bob.register()
        assert bob.order("a.example").status == 201
        assert sandbox.ledger.requests()["acme"]["main/newOrder"] == 1

    def test_an_answer_that_is_lost_before_and_after(
        self, sandbox: Sandbox, ann: AcmeClient
    ) -> None:
        """After the effect the order is there, and is given again; before, it is not."""
        for kind, orders in (("lost-before", 0), ("lost-after", 1)):
            sandbox.inject(Fault(vendor="acme", operation="*/newOrder", kind=kind))
            with pytest.raises(httpx.HTTPError):
                ann.order("a.example")
            ann.nonce = ""
            assert len(sandbox.look("acme", "orders")) == orders
        assert ann.order("a.example").headers["location"].endswith("/order/1")

    def test_a_certificate_whose_answer_was_lost_is_there(
        self, sandbox: Sandbox, names: Names, ann: AcmeClient
    ) -> None:
        order = ann.order("a.example")
        ann.prove(order, names.rows)
        until(ann, order.headers["location"], "ready")
        fault = Fault(vendor="acme", operation="main/finalize", kind="status-after")
        sandbox.inject(fault)
        assert ann.finalize(order, request(["a.example"])).status == 500
        until(ann, order.headers["location"], "valid")
        assert len([e for e in sandbox.ledger.effects() if e.operation == "issue"]) == 1

    def test_half_an_answer_about_renewal(
        self, sandbox: Sandbox, names: Names, ann: AcmeClient
    ) -> None:
        fault = Fault(vendor="acme", operation="main/renewalInfo", kind="malformed")
        sandbox.inject(fault)
        answer = web("GET", ann.directory["renewalInfo"] + "/a.b")
        with pytest.raises(json.JSONDecodeError):
            answer.json()


def until(ann: AcmeClient, url: str, status: str) -> Any:
    """Poll an order until it is so; threads need a moment."""
    for _ in range(1000):
        found = ann.post(url)
        if found["status"] == status:
            return found
        assert found["status"] != "invalid", found
    raise AssertionError(f"it never is {status}")


def test_many_at_once(sandbox: Sandbox, names: Names) -> None:
    """Twelve accounts and names at once; nobody gets another's certificate."""
    sandbox.edit("acme", "settings", {"authority": "main", "limits": "off"})

    def go(number: int) -> list[str]:
        with httpx.Client(trust_env=False, timeout=10) as client:
            ann = AcmeClient(kept_open(client), directory(sandbox))
            ann.register()
            order = ann.order(f"n{number}.example")
            ann.prove(order, names.rows)
            until(ann, order.headers["location"], "ready")
            ann.finalize(order, request([f"n{number}.example"]))
            leaf = ann.leaf(until(ann, order.headers["location"], "valid"))
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return found.value.get_values_for_type(x509.DNSName)

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(go, range(12)))
    assert found == [[f"n{n}.example"] for n in range(12)]


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Accounts, orders, the authority's keys, and what was under way."""
    settings = {"alwaysValid": True, "validating": "60s"}
    world = World({"acme": {"authorities": {"main": settings}}})
    key = ec.generate_private_key(ec.SECP256R1())
    with Sandbox(world, SandboxClock(NOW, frozen=True), folder=tmp_path) as first:
        ann = AcmeClient(by_web, directory(first), key)
        ann.register()
        order = ann.order("a.example")
        challenge = ann.pick(ann.authorizations(order)[0])
        ann.post(challenge["url"], {})
        roots = first.look("acme", "roots")
        port = int(first.endpoint("acme").rpartition(":")[2])
        first.clock.advance(timedelta(minutes=2))
    clock = SandboxClock(NOW + timedelta(minutes=2), frozen=True)
    with Sandbox(world, clock, ports={"acme": port}, folder=tmp_path) as second:
        again = AcmeClient(by_web, directory(second), key)
        assert again.register().status == 200
        until(again, order.headers["location"], "ready")
        again.finalize(order, request(["a.example"]))
        done = until(again, order.headers["location"], "valid")
        _, middle = x509.load_pem_x509_certificates(
            again.post(done["certificate"]).body
        )
        assert second.look("acme", "roots") == roots
        root = x509.load_pem_x509_certificate(roots["main"][0].encode())
        middle.verify_directly_issued_by(root)


def test_the_control_endpoint_shows_and_changes(
    sandbox: Sandbox, ann: AcmeClient
) -> None:
    said = web(
        "POST", f"{sandbox.control}/acme/down", json={"authority": "main", "for": 60}
    )
    assert said.json() == {"done": True}
    assert ann.order("a.example").status == 503
    sandbox.clock.advance(timedelta(minutes=1))
    ann.nonce = ""
    assert ann.order("a.example").status == 201
    orders = web("GET", f"{sandbox.control}/acme/orders").json()["orders"]
    assert orders[0]["names"] == ["a.example"]
    wrong = web("POST", f"{sandbox.control}/acme/down", json={"for": 60})
    assert "there is no authority None" in wrong.json()["error"]


def test_a_reset_begins_anew(sandbox: Sandbox, ann: AcmeClient) -> None:
    ann.order("a.example")
    roots = sandbox.look("acme", "roots")
    sandbox.reset(
        World({"acme": {"authorities": {"main": {"website": "https://new.test/"}}}})
    )
    assert sandbox.look("acme", "orders") == []
    assert sandbox.look("acme", "roots") != roots
    shown = web("GET", directory(sandbox)).json()
    assert shown["meta"]["website"] == "https://new.test/"
    assert web("GET", directory(sandbox, "other")).status_code == 404
    with pytest.raises(ReconcilerError):
        sandbox.edit("acme", "down", {"authority": "other", "for": 1})
