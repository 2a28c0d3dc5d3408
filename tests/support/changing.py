"""A name at two addresses, each a web server that may serve something else each time."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from reconciler.kinds.certificate import (
    TLS,
    Certificate,
    InstalledState,
    IssuanceState,
    Kept,
    Site,
)
from reconciler.model import Account, Makings, Place
from reconciler.providers.public_tls import PublicTls
from reconciler.sandbox import Sandbox, World
from reconciler.sandbox.tls_server import Authority, Wanted
from tests.support.contract import NOW
from tests.support.public import part, public, zone

NAME = "shop.example"
ONE, TWO = "192.0.2.1", "2001:db8::1"
WORLD = part({NAME: {"expires": 100}}, {NAME: zone(**{"@/A": [ONE], "@/AAAA": [TWO]})})


class Pair:
    """One certificate for the name, and a way to serve it."""

    def __init__(self, chain: bytes, key: bytes, folder: Path) -> None:
        self.chain, self.key = chain, key
        leaf = x509.load_pem_x509_certificate(chain)
        self.mark = leaf.fingerprint(hashes.SHA256()).hex()
        path = folder / f"{self.mark[:8]}.pem"
        path.write_bytes(chain + key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)


def issued(root: Authority, folder: Path, days: float = 60, name: str = NAME) -> Pair:
    """Return a certificate of *root* that is good for so long."""
    return Pair(*root.issue(Wanted((name,), NOW + timedelta(days=days))), folder)


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


class Scene:
    """The name, its two addresses, and a driver that looks at them."""

    def __init__(self, sandbox: Sandbox, root: Authority) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"public": WORLD}))
        self.sandbox, self.trusted = sandbox, root.pem
        self.account: Account = public(sandbox)
        self.servers: list[Changing] = []
        self.slept: list[float] = []

    def visited(
        self,
        *serves: Callable[[int], Pair | None],
        change: Any = None,
        doubted: bool = False,
        **more: Any,
    ) -> Any:
        """Return what is seen after *change*, or where nothing was done but doubted."""
        self.servers = [Changing(one) for one in serves]
        driver = PublicTls(self.account._replace(sleep=self.sleep, **more))
        with urllib.request.urlopen(f"{self.account.endpoint}/routes") as answer:
            told = json.load(answer)
        places = zip((ONE, TWO), self.servers, strict=True)
        told["routes"] |= {f"{address}:443": server.at for address, server in places}
        told["authorities"] = self.trusted
        driver._network._told = told
        want = certificate()
        driver.observe([want])
        for server in self.servers:
            server.visits = 0
        if change is not None or doubted:
            driver.touched(want, change)
        return driver.observe([want]).states[NAME]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.sandbox.clock.advance(timedelta(seconds=seconds))

    def close(self) -> None:
        for server in self.servers:
            server.stop()


def certificate() -> Certificate:
    """Return the certificate of the name, only looked at."""
    spec = {"names": [NAME, f"*.{NAME}"], "mode": "observe"}
    return Certificate.model_validate({"metadata": {"name": NAME}, "spec": spec})


def marks(state: Any) -> dict[str, str | None]:
    """Return what each address serves."""
    return {one.address: one.fingerprint for one in state.served}


def findings(state: Any, mark: str) -> dict[str, str]:
    """Return what the kind says where *mark* is issued and installed: code -> text."""
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
        fingerprint=mark,
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
        place.share: InstalledState(sites={place.mark: Site(fingerprint=mark)}),
    }
    return {one.code: one.message for one in want.findings(have, NOW)}
