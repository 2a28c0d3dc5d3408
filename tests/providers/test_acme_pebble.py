"""Certificates of a real Pebble, proven in a real PowerDNS: RFC 8555 by others' hands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from reconciler.errors import Rejected
from reconciler.model import Receipt
from reconciler.providers.acme_issuance import AcmeIssuance
from tests.support.issuing import account_key, got, issue, ordered, want
from tests.support.pebble import Town, now, real_pebble, real_town

pytestmark = pytest.mark.real
_numbers = itertools.count()
MANY = 20


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    yield from real_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def driver(town: Town) -> Iterator[AcmeIssuance]:
    made = AcmeIssuance(town.account())
    yield made
    made.close()


@pytest.fixture
def zone(town: Town) -> str:
    name = f"z{next(_numbers)}.example"
    town.zone(name)
    return name


def leaf(town: Town, name: str) -> list[x509.Certificate]:
    current = town.keys().open(want(name)).current
    assert current is not None
    return x509.load_pem_x509_certificates(current.chain)


def test_a_wildcard_and_its_apex(town: Town, driver: AcmeIssuance, zone: str) -> None:
    receipt = got(driver, want(zone))
    chain = leaf(town, zone)
    root = x509.load_pem_x509_certificate(town.root())
    policy = PolicyBuilder().store(Store([root])).time(now())
    policy.build_server_verifier(x509.DNSName(f"www.{zone}")).verify(
        chain[0], chain[1:]
    )
    policy.build_server_verifier(x509.DNSName(zone)).verify(chain[0], chain[1:])
    assert f"{chain[0].serial_number:x}" == receipt.details["serial"]
    assert town.texts(zone) == {}
    state = driver.observe([want(zone)]).states[zone]
    assert state.trouble is None  # type: ignore[union-attr]
    assert state.advised is None  # type: ignore[union-attr]  # this Pebble has no ARI


def test_many_at_once_though_nonces_are_refused(
    town: Town, driver: AcmeIssuance, zone: str
) -> None:
    """Every one of them, in one change of the zone there and one back."""
    wants = [
        want(f"c{n}.{zone}", [f"c{n}.{zone}", f"a.c{n}.{zone}", f"*.b.c{n}.{zone}"])
        for n in range(MANY)
    ]
    orders, patches = town.orders(), town.writer.requests().get("patch-zone", 0)
    driver.observe(wants)  # counted apart
    found = ordered(driver, *wants)
    assert [one for one in found if not isinstance(one, Receipt)] == []
    assert town.orders() == orders + MANY
    assert town.writer.requests()["patch-zone"] == patches + 2
    assert town.texts(zone) == {}
    sent = sum(driver._http.counts().values())
    assert sent <= 16 * MANY


def test_values_of_others_stay(town: Town, driver: AcmeIssuance) -> None:
    name = f"z{next(_numbers)}.example"
    town.zone(name, ("_acme-challenge", "TXT", ['"somebody-elses"']))
    got(driver, want(name))
    assert town.texts(name) == {f"_acme-challenge.{name}": {"somebody-elses"}}


def test_an_alias_is_followed(town: Town, driver: AcmeIssuance, zone: str) -> None:
    name = f"z{next(_numbers)}.example"
    town.zone(name, ("_acme-challenge", "CNAME", [f"{name}.proofs.{zone}."]))
    got(driver, want(name))
    assert town.texts(zone) == {}
    assert town.texts(name) == {}


def test_a_proof_that_is_not_there(town: Town, zone: str) -> None:
    """What the authority says of it is told, and the order is given up."""

    class Nowhere:
        def present(self, texts: object) -> dict[str, str]:
            return {}

        remove = present

    made = AcmeIssuance(town.account(challenges=Nowhere()))
    (no,) = ordered(made, want(zone))
    made.close()
    assert isinstance(no, Rejected)
    assert no.reason == "unauthorized"
    assert "_acme-challenge" in no.what
    assert town.keys().open(want(zone)).pending is None


def test_the_account_moves_to_its_next_key(town: Town, zone: str) -> None:
    first, second = account_key(2), account_key(3)
    for number, secrets in enumerate(
        (
            {"accountKey": first},
            {"accountKey": first, "nextAccountKey": second},
            {"accountKey": second},
        )
    ):
        made = AcmeIssuance(town.account(secrets=secrets))
        got(made, want(f"k{number}.{zone}"))
        made.close()
    gone = AcmeIssuance(town.account(secrets={"accountKey": first}))
    assert [one.said for one in gone.examine()] == [
        "there is no account with its key yet"
    ]
    gone.close()


def test_a_key_of_the_other_kind(town: Town, zone: str) -> None:
    one = want(zone, key={"algorithm": "rsa-2048", "store": {"file": "keys"}})
    made = AcmeIssuance(town.account())
    assert made.apply(one, issue(one), "key").reference
    made.close()
    assert leaf(town, zone)[0].public_key().key_size == 2048  # type: ignore[union-attr]


def test_a_web_server_shows_the_files(tmp_path: Path, town: Town) -> None:
    """Another Pebble: one that looks at our port."""
    name = f"z{next(_numbers)}.example"
    town.zone(name, ("www", "A", ["127.0.0.1"]))
    (tmp_path / "www").mkdir()
    with serving(tmp_path / "www") as port:
        dns = f"127.0.0.1:{town.pdns.dns_port}"
        once = {"PEBBLE_AUTHZREUSE": "0"}
        settings = {"httpPort": port}
        for pebble in real_pebble(tmp_path / "p", dns, once, settings):
            proofs = town.challenges(webroot={"web": tmp_path / "www"}.get)
            at = {"endpoint": pebble.directory, "trust": pebble.trust}
            made = AcmeIssuance(town.account(challenges=proofs, **at))
            wild = {"names": [f"www.{name}"], "challenge": "http-01"}
            one = want(f"www.{name}", places=["web", "elsewhere"], **wild)
            got(made, one)
            assert [*(tmp_path / "www").rglob("*.*")] == [tmp_path / "www/.well-known"]
            (no,) = ordered(made, want(f"b.{name}", places=["elsewhere"], **wild))
            assert "settings.webroot" in str(no)
            made.close()


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve the files of *folder* to everybody."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_external_account_is_bound(tmp_path: Path, town: Town, zone: str) -> None:
    """Another Pebble, on the same DNS, that takes nobody else."""
    folder, mac = (
        tmp_path,
        "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
    )
    settings = {
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {"kid-1": mac},
    }
    dns = f"127.0.0.1:{town.pdns.dns_port}"
    for pebble in real_pebble(folder, dns, settings=settings):
        secrets = {"accountKey": account_key(), "eabHmac": mac}
        at = {"endpoint": pebble.directory, "trust": pebble.trust, "secrets": secrets}
        made = AcmeIssuance(town.account(settings={"eabKid": "kid-1"}, **at))
        got(made, want(f"eab.{zone}"))
        made.close()
