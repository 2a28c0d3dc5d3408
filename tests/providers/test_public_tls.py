"""TLS as visitors meet it: every address, and what exactly is wrong at each."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from datetime import timedelta
from threading import Thread
from typing import Any, ClassVar, Literal

import pytest
import trustme
from cryptography import x509

from reconciler.kinds.certificate import TLS, Certificate, Served, TlsState
from reconciler.model import Account, Unknown
from reconciler.model.names import covered
from reconciler.providers._certificate import names_of
from reconciler.providers.public_tls import PublicTls
from reconciler.sandbox import Sandbox, World
from tests.support.contract import NOW
from tests.support.public import asked, part, public, running, trouble, zone
from tests.support.witness_contract import WitnessContract


def at(*addresses: str) -> dict[str, Any]:
    four = [a for a in addresses if ":" not in a]
    six = [a for a in addresses if ":" in a]
    return zone(**{"@/A": four, "@/AAAA": six, "www/CNAME": ["x.elsewhere.example."]})


def serves(*names: str, days: float = 60, trusted: bool = True) -> dict[str, Any]:
    return {"names": list(names), "days": days, "trusted": trusted}


WORLD = part(
    {
        name: {"expires": 100}
        for name in (
            "ok.example", "two.example", "old.example", "wrong.example",
            "stranger.example", "closed.example", "empty.example", "over.example",
        )
    },
    {
        "ok.example": at("192.0.2.1", "2001:db8::1"),
        "two.example": at("192.0.2.2"),
        "old.example": at("192.0.2.3", "2001:db8::3"),
        "wrong.example": at("192.0.2.4"),
        "stranger.example": at("192.0.2.5"),
        "closed.example": at("192.0.2.99"),
        "empty.example": at(),
        "over.example": at("192.0.2.6"),
    },
    certificates={
        "192.0.2.1": [serves("other.example"), serves("ok.example", "*.ok.example")],
        "2001:db8::1": [serves("ok.example", "*.ok.example")],
        "192.0.2.2": [serves("two.example")],
        "192.0.2.3": [serves("old.example", days=2)],
        "2001:db8::3": [serves("old.example", days=80)],
        "192.0.2.4": [serves("elsewhere.example")],
        "192.0.2.5": [serves("stranger.example", trusted=False)],
        "192.0.2.6": [serves("over.example", days=-1)],
    },
)  # fmt: skip


def want(name: str, *names: str) -> Certificate:
    spec = {"mode": "observe", "names": list(names or (name,))}
    return Certificate.model_validate({"metadata": {"name": name}, "spec": spec})


class TestPublicTls(WitnessContract):
    driver = PublicTls
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

    def wants(self) -> Sequence[Certificate]:
        return [want("two.example"), want("ok.example")]

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
    return public(sandbox)._replace(limits={"timeoutSeconds": 1})


def look(account: Account, name: str, *names: str) -> Any:
    return PublicTls(account).observe([want(name, *names)]).states[name]


def codes(name: str, state: TlsState) -> dict[str, str]:
    return {f.code: f.message for f in want(name).findings({TLS: state}, NOW)}


def test_every_address_of_every_name(account: Account) -> None:
    state = look(account, "ok.example", "ok.example", "*.ok.example")
    assert [(one.name, one.address) for one in state.served] == [
        ("ok.example", "192.0.2.1"),
        ("ok.example", "2001:db8::1"),
    ]
    for one in state.served:
        assert (one.matches, one.trusted, one.problem) == (True, True, None)
        assert one.not_after == NOW + timedelta(days=60)
        assert one.issuer == "Sandbox Authority"
        assert len(one.fingerprint) == 64


def test_the_old_one_of_two_addresses_is_named(account: Account) -> None:
    state = look(account, "old.example")
    assert codes("old.example", state) == {
        "tls-addresses-differ": "192.0.2.3 serves a certificate that ends in 2 d, "
        "2001:db8::3 a newer one"
    }


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("wrong.example", "tls-name-mismatch", "is not for wrong.example"),
        ("stranger.example", "tls-untrusted", "leads to no trusted authority"),
        ("closed.example", "tls-unreachable", "nobody listens there"),
        ("empty.example", "tls-no-address", "it has no address"),
        ("over.example", "certificate-expired", "192.0.2.6 ended 1 d ago"),
    ],
)
def test_what_is_wrong_is_said_once(
    account: Account, name: str, code: str, said: str
) -> None:
    found = codes(name, look(account, name))
    assert set(found) == {code}
    assert said in found[code]


def test_what_cannot_be_found_is_unknown(sandbox: Sandbox, account: Account) -> None:
    trouble(sandbox, "dns-A", "status")
    state = look(account, "ok.example")
    assert isinstance(state, Unknown)
    assert not state.later


def test_one_name_of_several_that_cannot_be_found(
    sandbox: Sandbox, account: Account
) -> None:
    state = look(account, "ok.example", "ok.example", "gone.ok.example")
    assert state.unknown == {"gone.ok.example": "it has no address"}
    assert len(state.served) == 2


def test_trouble_is_looked_at_every_hour(sandbox: Sandbox, account: Account) -> None:
    for name, later in (("two.example", 0), ("wrong.example", 1)):
        look(account, name)
        before = asked(sandbox, "dns-A")
        sandbox.clock.advance(timedelta(minutes=61))
        look(account, name)
        assert (asked(sandbox, "dns-A") > before) == bool(later)


# -- against a server of another's making ---------------------------------------


class Served1:
    """One server of trustme's certificates, and an account that leads to it."""

    def __init__(self, *, intermediate: bool) -> None:
        self.root = trustme.CA()
        self.signer = self.root.create_child_ca() if intermediate else self.root
        leaf = self.signer.issue_cert("real.example")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = Thread(target=self._serve, args=(context,), daemon=True)
        self.thread.start()

    def _serve(self, context: ssl.SSLContext) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
                with (
                    connection,
                    context.wrap_socket(connection, server_side=True) as it,
                ):
                    it.recv(1)
            except ssl.SSLError:
                continue  # the client does not want this certificate
            except OSError:
                return

    def seen(self, account: Account, authority: bytes) -> Served:
        driver = PublicTls(account)
        port = self.listening.getsockname()[1]
        driver._network._told = {
            "roots": [],
            "routes": {"192.0.2.7:443": f"127.0.0.1:{port}"},
            "authorities": authority.decode(),
        }
        found = driver._served("real.example", "192.0.2.7")
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()
        return found


@pytest.mark.parametrize("intermediate", [False, True])
def test_a_whole_chain_is_trusted(account: Account, intermediate: bool) -> None:
    server = Served1(intermediate=intermediate)
    found = server.seen(account, server.root.cert_pem.bytes())
    assert (found.trusted, found.matches, found.problem) == (True, True, None)


def test_another_authority_is_not(account: Account) -> None:
    found = Served1(intermediate=False).seen(account, trustme.CA().cert_pem.bytes())
    assert (found.trusted, found.matches) == (False, True)


def test_what_is_no_tls_is_said(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = Thread(target=answer, daemon=True)
        thread.start()
        driver = PublicTls(account)
        port = listening.getsockname()[1]
        driver._network._told = {
            "roots": [],
            "routes": {"192.0.2.7:443": f"127.0.0.1:{port}"},
            "authorities": "",
        }
        found = driver._served("real.example", "192.0.2.7")
        thread.join()
    assert found.problem.startswith("no handshake (")


@pytest.mark.parametrize(
    ("names", "name", "fits"),
    [
        (["a.example"], "a.example", True),
        (["A.Example"], "a.example", True),
        (["*.a.example"], "www.a.example", True),
        (["*.a.example"], "a.example", False),
        (["*.a.example"], "x.www.a.example", False),
        (["b.example"], "a.example", False),
    ],
)
def test_which_names_fit(names: list[str], name: str, fits: bool) -> None:
    pem = trustme.CA().issue_cert(*names).cert_chain_pems[0].bytes()
    leaf = x509.load_pem_x509_certificate(pem)
    assert sorted(names_of(leaf)) == sorted(n.lower() for n in names)
    assert covered(name, names_of(leaf)) is fits
