"""After an installation the look is patient: every address, again and again."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from reconciler.errors import Rejected
from reconciler.kinds.certificate import (
    NEXT,
    TLS,
    Certificate,
    Check,
    Install,
    InstalledState,
    IssuanceState,
    Issue,
    Kept,
    Reload,
    Site,
)
from reconciler.model import Account, Drawer, Makings, Material, Place, Share
from reconciler.providers.public_tls import PublicTls
from reconciler.sandbox import Sandbox, World
from reconciler.sandbox.tls_server import Authority, Wanted
from tests.support.contract import NOW
from tests.support.public import part, public, running, zone

NAME = "shop.example"
ONE, TWO = "192.0.2.1", "2001:db8::1"
WORLD = part({NAME: {"expires": 100}}, {NAME: zone(**{"@/A": [ONE], "@/AAAA": [TWO]})})
HERE = Share("web-1", "install")


class Pair:
    """One certificate for the name, and a way to serve it."""

    def __init__(self, root: Authority, folder: Path) -> None:
        wanted = Wanted((NAME,), NOW + timedelta(days=60))
        self.chain, self.key = root.issue(wanted)
        leaf = x509.load_pem_x509_certificate(self.chain)
        self.mark = leaf.fingerprint(hashes.SHA256()).hex()
        path = folder / f"{self.mark[:8]}.pem"
        path.write_bytes(self.chain + self.key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)


class Changing:
    """A web server that may serve something else at each visit."""

    def __init__(self, serves: Callable[[int], Pair | None]) -> None:
        self.serves, self.visits = serves, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.thread = Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.listening.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.visits += 1
            pair = self.serves(self.visits)
            with connection, suppress(OSError):
                if pair is not None:
                    with pair.context.wrap_socket(connection, server_side=True) as it:
                        it.recv(1)

    def stop(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


class Ring:
    """A keyring that has this."""

    def __init__(self, pair: Pair | None) -> None:
        self.pair = pair

    def open(self, _: Any) -> Drawer:
        if self.pair is None:
            raise Rejected("the store cannot be read")
        return Drawer(Material(self.pair.key, self.pair.chain))

    def put(self, want: Any, drawer: Drawer) -> Drawer:
        raise AssertionError(want, drawer)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Sandbox Authority", NOW)


@pytest.fixture(scope="module")
def old(root: Authority, tmp_path_factory: Any) -> Pair:
    return Pair(root, tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def new(root: Authority, tmp_path_factory: Any) -> Pair:
    return Pair(root, tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


class Scene:
    """The name, its two addresses, and a driver that looks at them."""

    def __init__(self, sandbox: Sandbox, root: Authority) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"public": WORLD}))
        self.sandbox, self.root = sandbox, root
        self.account: Account = public(sandbox)
        self.servers: list[Changing] = []
        self.slept: list[float] = []

    def visited(
        self, *serves: Callable[[int], Pair | None], change: Any = None, **more: Any
    ) -> Any:
        self.servers = [Changing(one) for one in serves]
        driver = PublicTls(self.account._replace(sleep=self.sleep, **more))
        with urllib.request.urlopen(f"{self.account.endpoint}/routes") as answer:
            told = json.load(answer)
        places = zip((ONE, TWO), self.servers, strict=True)
        told["routes"] |= {f"{address}:443": server.at for address, server in places}
        told["authorities"] = self.root.pem
        driver._network._told = told
        want = certificate()
        driver.observe([want])
        for server in self.servers:
            server.visits = 0
        if change is not None:
            driver.touched(want, change)
        return driver.observe([want]).states[NAME]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sandbox.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        for server in self.servers:
            server.stop()


@pytest.fixture
def scene(sandbox: Sandbox, root: Authority) -> Iterator[Scene]:
    made = Scene(sandbox, root)
    yield made
    made.close()


def certificate() -> Certificate:
    spec = {"names": [NAME, f"*.{NAME}"], "mode": "observe"}
    return Certificate.model_validate({"metadata": {"name": NAME}, "spec": spec})


def install(mark: str, share: Share = HERE) -> Install:
    details = {"mark": "web-1", "fingerprint": mark, "names": [NAME]}
    return Install(share=share, fields=(), because="x", details=details)


def marks(state: Any) -> dict[str, str | None]:
    return {one.address: one.fingerprint for one in state.served}


def test_a_server_that_takes_its_time_is_waited_for(
    scene: Scene, old: Pair, new: Pair
) -> None:
    late = lambda n: new if n > 9 else old  # noqa: E731
    state = scene.visited(late, lambda _: new, change=install(new.mark))
    assert marks(state) == {ONE: new.mark, TWO: new.mark}
    assert [one.trusted for one in state.served] == [True, True]
    assert scene.servers[0].visits == 9 + 3 + 1
    assert scene.servers[1].visits == 3 + 1
    assert 5 < sum(scene.slept) < 60


def test_one_right_answer_among_the_old_is_not_enough(
    scene: Scene, old: Pair, new: Pair
) -> None:
    """Old and new processes answer in turn while a server changes over."""
    turns = lambda n: new if n % 2 or n > 8 else old  # noqa: E731
    state = scene.visited(turns, lambda _: new, change=install(new.mark))
    assert marks(state)[ONE] == new.mark
    assert scene.servers[0].visits == 8 + 3 + 1


def test_an_address_that_stays_behind_is_named(
    scene: Scene, old: Pair, new: Pair
) -> None:
    state = scene.visited(lambda _: new, lambda _: old, change=install(new.mark))
    assert marks(state) == {ONE: new.mark, TWO: old.mark}
    assert 120 <= sum(scene.slept) <= 125
    assert not_served(state, new) == [
        f"{TWO} serves {old.mark[:8]} for {NAME}, and {new.mark[:8]} is installed"
    ]


def test_what_goes_to_and_fro_is_not_served(scene: Scene, old: Pair, new: Pair) -> None:
    """One of two machines behind one address: a single look would be chance."""
    turns = lambda n: old if n % 2 and sum(scene.slept) < 120 else new  # noqa: E731
    state = scene.visited(turns, lambda _: new, change=install(new.mark))
    assert marks(state) == {ONE: old.mark, TWO: new.mark}
    assert len(not_served(state, new)) == 1


def test_a_server_that_does_not_come_back_is_said(
    scene: Scene, old: Pair, new: Pair
) -> None:
    gone = lambda n: old if n < 2 else None  # noqa: E731
    state = scene.visited(gone, lambda _: new, change=install(new.mark))
    (one,) = (one for one in state.served if one.address == ONE)
    assert one.problem is not None
    assert one.fingerprint is None


def not_served(state: Any, pair: Pair) -> list[str]:
    """What the kind says where everything is installed."""
    place = Place(target="Provider/web-1", provider="web-1", family="install")
    spec = {
        "names": [NAME],
        "mode": "import",
        "bought": {"certificate": {"env": "A"}, "key": {"env": "B"}},
        "deploy": [{"target": "Provider/web-1"}],
    }
    want = Certificate.model_validate({"metadata": {"name": NAME}, "spec": spec})
    want.joined(lambda: Makings(places=(place,)))
    kept = Kept(
        fingerprint=pair.mark,
        spki="",
        serial="1",
        issuer="x",
        names=(NAME,),
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=80),
        algorithm="ecdsa-p256",
    )
    have = {
        TLS: state,
        want.issuances()[0]: IssuanceState(kept=kept),
        place.share: InstalledState(sites={place.mark: Site(fingerprint=pair.mark)}),
    }
    found = want.findings(have, NOW)
    return [one.message for one in found if one.code == "not-served"]


@pytest.mark.parametrize("known", [True, False])
def test_what_was_issued_in_the_same_run_is_in_the_key_store(
    scene: Scene, old: Pair, new: Pair, known: bool
) -> None:
    late = lambda n: new if n > 4 else old  # noqa: E731
    ring = Ring(new if known else None)
    state = scene.visited(late, lambda _: new, change=install(NEXT), keys=ring)
    expected = new if known else old
    assert marks(state) == {ONE: expected.mark, TWO: new.mark}
    assert bool(scene.slept) is known


@pytest.mark.parametrize(
    "change",
    [
        Issue(share=Share("le", "issuance"), fields=(), because="x"),
        Check(share=HERE, fields=(), because="x", details={"mark": "web-1"}),
        install("ab" * 32, Share("cloud", "acm")),
        Install(share=HERE, fields=(), because="x", details={"mark": "web-1"}),
    ],
)
def test_nobody_waits_for_what_no_server_was_told(
    scene: Scene, old: Pair, change: Any
) -> None:
    state = scene.visited(lambda _: old, lambda _: old, change=change)
    assert marks(state) == {ONE: old.mark, TWO: old.mark}
    assert [server.visits for server in scene.servers] == [1, 1]
    assert scene.slept == []


def test_how_long_and_how_often_are_limits_of_the_account(
    scene: Scene, old: Pair, new: Pair
) -> None:
    limits = {"settleSeconds": 10, "probes": 5, "timeoutSeconds": 1}
    change = Reload(
        share=HERE,
        fields=(),
        because="x",
        details={"mark": "web-1", "fingerprint": new.mark},
    )
    scene.visited(lambda _: new, lambda _: old, change=change, limits=limits)
    assert scene.servers[0].visits == 5 + 1
    assert 10 <= sum(scene.slept) <= 12


def test_a_clock_that_stands_still_ends_it_too(
    scene: Scene, old: Pair, new: Pair
) -> None:
    scene.sleep = scene.slept.append  # type: ignore[method-assign]
    state = scene.visited(lambda _: old, lambda _: new, change=install(new.mark))
    assert marks(state)[ONE] == old.mark
    assert 120 <= sum(scene.slept) <= 125
