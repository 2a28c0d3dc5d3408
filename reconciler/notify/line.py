"""
The one way to speak HTTP: TLS verified, no redirect, no proxy, no inner network.

An address comes from a secret and is not reviewed: the host is looked up once, every
address it has must be public, and the connection goes to the address that was checked
(a second look-up could give another answer).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import httpx

from reconciler.audit import redactor
from reconciler.audit.redact import MASK
from reconciler.model.addresses import without_addresses
from reconciler.notify.body import one_line

TIMEOUT: Final = httpx.Timeout(15.0, connect=10.0)
#: More of an answer than this is not read.
_MOST: Final = 64 * 1024
_SAID: Final = 160
_NAT64: Final = ip_network("64:ff9b::/96")
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


class NotSent(Exception):
    """Nothing left this machine; the text says why and holds no address."""


class Lost(Exception):
    """It may have arrived; the text says what happened to the answer."""


class Answer(NamedTuple):
    """What the receiver said."""

    status: int
    body: bytes


@cache
def trusted(protocol: str) -> ssl.SSLContext:
    """
    Return a context that verifies, by httpx's and this machine's authorities.

    One for each *protocol* (``https``, ``smtp``): httpx writes its own into the one
    it is given. Dear to make, so it is made once, and only where it is needed.
    """
    del protocol
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def shown(text: str, hidden: Iterable[str]) -> str:
    """Return what may be shown of a receiver's words: cut, without *hidden*."""
    clean = without_addresses(str(redactor(hidden)(text)), MASK)
    return one_line(clean)[:_SAID]


class Line:
    """
    Posts.

    Args:
        tls: Makes the context for https, when it is needed.
        loopback: Whether servers on this machine may be posted to, without TLS too:
            only where every account is on this machine.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext], *, loopback: bool) -> None:
        self._tls = tls
        self._loopback = loopback

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post *body* and return the answer; see ``ask``."""
        return self.ask("POST", url, headers, body)

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """
        Send a request and return the answer, whatever it is.

        Raises:
            NotSent: The address is refused, or nobody is there.
            Lost: No whole answer came.
        """
        pinned, host = self._pinned(url)
        secure = pinned.startswith("https:")
        try:
            with (
                httpx.Client(
                    verify=self._tls() if secure else ssl.SSLContext(_PLAIN),
                    timeout=TIMEOUT,
                    follow_redirects=False,
                    trust_env=False,
                ) as client,
                client.stream(
                    method,
                    pinned,
                    headers={**headers, "Host": host},
                    content=body,
                    extensions={"sni_hostname": host.rpartition(":")[0] or host}
                    if secure
                    else {},
                ) as response,
            ):
                return Answer(response.status_code, _read(response))
        except _NOT_SENT as error:
            raise NotSent(f"not sent: {type(error).__name__}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Lost(f"the answer was lost: {type(error).__name__}") from None

    def trouble(self, url: str) -> str | None:
        """Return why nothing is posted to *url*; None where it may be."""
        try:
            self._pinned(url)
        except NotSent as error:
            return str(error)
        return None

    def _pinned(self, url: str) -> tuple[str, str]:
        """Return *url* with the address that was checked, and the Host header."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise NotSent("the URL cannot be read") from None
        if not host or parts.username is not None or not url.isprintable():
            raise NotSent("the URL is not of the form https://host/path")
        address = self._checked(host, port or 443)
        plain = parts.scheme == "http" and address.is_loopback and self._loopback
        if parts.scheme != "https" and not plain:
            raise NotSent("the URL is not https")
        there = f"[{address}]" if address.version == _V6 else str(address)
        number = f":{port}" if port else ""
        to = (parts.scheme, there + number, parts.path or "/", parts.query, "")
        return urlunsplit(to), f"{host}{number}"

    def _checked(self, host: str, port: int) -> IPv4Address | IPv6Address:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotSent("the host of the URL is not known") from None
        found = [ip_address(str(row[4][0]).partition("%")[0]) for row in rows]
        if not all(self._allowed(address) for address in found):
            raise NotSent("the host of the URL is no public address")
        return found[0]

    def _allowed(self, address: IPv4Address | IPv6Address) -> bool:
        inner = _inner(address)
        if inner.is_loopback:
            return self._loopback
        return inner.is_global and not inner.is_multicast


_PLAIN: Final = ssl.PROTOCOL_TLS_CLIENT
_V6: Final = 6


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _read(response: httpx.Response) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MOST:
            break
    return body[:_MOST]
