"""
A visitor's HTTP over the network of an account: GET only, bounded, and to be judged.

Source: RFC 9110 and 9112. What follows:

* A web server that is looked at is no vendor: its certificate is read and judged, and
  not required, its answer may be anything, and nothing of it is sent anywhere.
* Every answer is bounded: so many bytes, so long. What is longer is cut, what is slower
  is no answer.
* Redirects are told to the caller and never followed here.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Timer
from typing import Final, NamedTuple

from cryptography import x509

from reconciler.errors import Transient
from reconciler.model import Account
from reconciler.providers._certificate import names_of
from reconciler.providers._handshake import (
    Trust,
    chain_of,
    unverified,
    why,
)
from reconciler.providers._names import Names
from reconciler.providers._network import Network, NoRoute, Unreachable

TIMEOUT: Final = 5.0
#: A page is read so far; of a longer one nobody knows what is in the rest.
PAGE: Final = 1024 * 1024
_WHOLE: Final = 3  # an answer takes so many timeouts at most
_TOO_MANY, _BROKEN = 429, 500
_PORTS: Final = {"http": 80, "https": 443}
_AGENT: Final = "reconciler (looks at its owner's sites once a day)"
_HEADERS: Final = {
    "User-Agent": _AGENT,
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Reply(NamedTuple):
    """
    One answer.

    Attributes:
        headers: By lower-case name, each as often as it was sent.
        body: At most as much as was asked for.
        verified: Whether it came by https from a chain and for a name that hold.
        ends: Until when the certificate is good that it came with.
        cut: Whether there may be more than *body*.
    """

    status: int
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    verified: bool = False
    cut: bool = False
    ends: datetime | None = None

    def first(self, name: str) -> str | None:
        """Return the first value of a header; None where it was not sent."""
        return next(iter(self.headers.get(name, ())), None)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


def unwilling(reply: Reply) -> bool:
    """Say whether the server did not look: it is asked too much, or broken."""
    return reply.status == _TOO_MANY or reply.status >= _BROKEN


class Web:
    """Whoever visits the sites of one account; thread-safe."""

    def __init__(self, account: Account, network: Network, names: Names) -> None:
        self._network = network
        self._names = names
        self._trust = Trust(network, account.clock)
        self._timeout = account.limits.get("timeoutSeconds", TIMEOUT)

    def get(
        self,
        scheme: str,
        host: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        most: int = PAGE,
    ) -> Reply:
        """
        Ask *host* for *path*, at the first of its addresses that listens.

        Raises:
            Unreachable: Nobody listens: there is no such server.
            Transient: No answer, half of one, or none that is HTTP.
            ProviderError: Its addresses cannot be found.
        """
        refused: Transient = Unreachable("it has no address")
        for address in self._names.addresses(host):
            try:
                plain = self._connected(address, _PORTS[scheme])
            except (Unreachable, NoRoute) as error:
                refused = error
                continue
            sent = {**_HEADERS, "Host": host, **(headers or {})}
            return self._bounded(plain, scheme, host, path, sent, most)
        raise refused

    def visit(
        self, address: str, port: int, scheme: str, host: str, path: str
    ) -> Reply:
        """Ask *host* for *path* at one of its addresses; raises as ``get``."""
        plain = self._connected(address, port)
        shown = f"[{host}]" if ":" in host else host
        named = shown if port == _PORTS[scheme] else f"{shown}:{port}"
        sent = {**_HEADERS, "Host": named}
        return self._bounded(plain, scheme, host, path, sent, PAGE)

    def _bounded(
        self,
        plain: socket.socket,
        scheme: str,
        host: str,
        path: str,
        headers: Mapping[str, str],
        most: int,
    ) -> Reply:
        with plain, _at_most(plain, self._timeout * _WHOLE) as late:
            reply = self._asked(plain, scheme, host, path, headers, most)
        if late.is_set():
            raise Transient("half an answer")
        return reply

    def _connected(self, address: str, port: int) -> socket.socket:
        at = self._network.place(address, port)
        try:
            return socket.create_connection((at.address, at.port), self._timeout)
        except ConnectionRefusedError as error:
            raise Unreachable(why(error)) from None
        except TimeoutError:
            raise Transient("no answer") from None
        except OSError as error:
            raise NoRoute(why(error)) from None

    def _asked(
        self,
        plain: socket.socket,
        scheme: str,
        host: str,
        path: str,
        headers: Mapping[str, str],
        most: int,
    ) -> Reply:
        try:
            if scheme == "http":
                return _said(plain, host, path, headers, most)
            with unverified().wrap_socket(plain, server_hostname=host) as secured:
                holds, ends = self._holds(chain_of(secured), host)
                said = _said(secured, host, path, headers, most)
                return said._replace(verified=holds, ends=ends)
        except ssl.SSLError:
            raise Transient("no handshake") from None
        except TimeoutError:
            raise Transient("no answer") from None
        except (http.client.HTTPException, ValueError):
            raise Transient("what it answers is no HTTP") from None
        except OSError as error:
            raise Transient(why(error)) from None

    def _holds(self, chain: list[bytes], host: str) -> tuple[bool, datetime]:
        leaf, *others = [x509.load_der_x509_certificate(one) for one in chain]
        parent = f"*.{host.partition('.')[2]}"
        named = set(names_of(leaf)) & {host, parent}
        holds = bool(named) and self._trust.holds(leaf, others)
        return holds, leaf.not_valid_after_utc


class _Opened(http.client.HTTPConnection):
    """A connection that is open already and is never opened again."""

    def __init__(self, host: str, opened: socket.socket) -> None:
        super().__init__(host)
        self.auto_open = 0
        self.sock = opened


def _said(
    opened: socket.socket,
    host: str,
    path: str,
    headers: Mapping[str, str],
    most: int,
) -> Reply:
    """Ask over *opened* and return what is said, read so far."""
    connection = _Opened(host, opened)
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found: dict[str, tuple[str, ...]] = {}
    for name, value in answer.getheaders():
        known = found.get(name.lower(), ())
        found[name.lower()] = (*known, value)
    body = answer.read(most)
    if answer.length and len(body) < most:
        raise Transient("half an answer")
    return Reply(answer.status, found, body, cut=len(body) == most)


@contextmanager
def _at_most(plain: socket.socket, seconds: float) -> Iterator[Event]:
    """
    Hang up after so long: who sends a byte now and then never ends by itself.

    Yields what is set where that was done.
    """
    late = Event()
    same = plain.dup()  # TLS takes the other one over
    guard = Timer(seconds, _hang_up, (same, late))
    guard.daemon = True
    guard.start()
    try:
        yield late
    finally:
        guard.cancel()
        same.close()


def _hang_up(opened: socket.socket, late: Event) -> None:
    late.set()
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
