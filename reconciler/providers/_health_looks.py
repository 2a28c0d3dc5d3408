"""
One look at one thing, as a visitor has it: HTTP, TCP, DNS, TLS.

Sources: those of ``_web`` (HTTP), ``_names`` (DNS from the root down), ``_handshake``
(TLS); RFC 6890 (addresses that are nobody's to be asked). What follows:

* Only what is declared is asked: a redirect is followed to the same host (with or
  without www) and no other, and a name whose address is private is refused, unless
  that very address is what was written: whoever can change a customer's DNS could
  otherwise send this tool to what only this machine can reach.
* What is answered decides between words of ours and is kept nowhere.
* That this machine has no way to an IPv6 address is no fault of it: nobody can tell.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from ipaddress import ip_address
from time import perf_counter
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from cryptography import x509

from reconciler.errors import ProviderError, Transient
from reconciler.kinds.health_check import HealthCheckSpec, Symptom, web_address
from reconciler.kinds.provider import is_loopback
from reconciler.model import Account
from reconciler.model.calendar import duration_text
from reconciler.model.names import covered as named
from reconciler.providers._certificate import names_of
from reconciler.providers._handshake import Trust, chain_of, unverified, why
from reconciler.providers._names import Names, text_of
from reconciler.providers._network import Network, NoRoute, Unreachable
from reconciler.providers._visit import covered
from reconciler.providers._web import Reply, Web

_HOPS: Final = 5
_MOVED: Final = {301, 302, 303, 307, 308}
_BANNER: Final = 1024
_USUAL: Final = {"http": 80, "https": 443}


class Bad(Exception):
    """It is not as it should be; ``str`` says why, in words of ours."""

    def __init__(self, said: str, symptom: Symptom = "reach") -> None:
        super().__init__(said)
        self.symptom: Symptom = symptom


class Untold(Exception):
    """Nobody can tell from here."""


class Target(NamedTuple):
    """What is asked: the parts of a URL."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(spec: HealthCheckSpec) -> Target:
    """Return what *spec* has looked at; raises Bad where nothing says it."""
    if spec.url is not None:
        url = web_address(spec.url)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = (url.hostname or "").lower()
        return Target(url.scheme, host, url.port or _USUAL[url.scheme], path)
    if spec.host is None:
        raise Bad("nothing says where it is: write host")
    scheme = "https" if spec.type == "http" else spec.type
    return Target(scheme, spec.host.lower(), spec.port or 443, spec.path or "/")


class Looker:
    """
    Whoever looks, for one round: what was resolved is good for that long.

    Args:
        door: The door of an address: so many go in at once.
    """

    def __init__(
        self,
        account: Account,
        network: Network,
        names: Names,
        door: Callable[[str], AbstractContextManager[object]],
    ) -> None:
        self._account, self._network, self._names = account, network, names
        self._door = door
        self._own_world = is_loopback(account.endpoint)
        self._trust = Trust(network, account.clock)
        self._webs: dict[float, Web] = {}

    def look(self, spec: HealthCheckSpec) -> timedelta:
        """
        Look once, and return how long it took, waiting at doors left out.

        Raises:
            Bad: It is not as it should be.
            Untold: Nobody can tell from here.
        """
        looks = {"http": self._http, "tcp": self._tcp, "tls": self._tls}
        if spec.type in looks:
            took = self._each(spec, looks[spec.type])
        elif spec.type == "dns":
            start = perf_counter()
            self._dns(spec)
            took = timedelta(seconds=perf_counter() - start)
        else:
            raise Untold("nobody looks at that from outside")
        within = spec.expect.within
        if within is not None and took > within:
            raise Bad(f"it took longer than {duration_text(within)}", "answer")
        return took

    # -- where it is -------------------------------------------------------------------

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return where *host* is, IPv4 first; raises Bad, Untold."""
        try:
            return (str(ip_address(host)),)
        except ValueError:
            pass
        try:
            found = self._names.addresses(host)
        except ProviderError as error:
            if self._names.cut_off:
                raise Untold("this machine cannot ask the DNS") from None
            raise Bad(f"its addresses cannot be found: {error.what}", "dns") from None
        if not found:
            raise Bad("it has no address", "dns")
        allowed = tuple(one for one in found if self._allowed(one))
        if not allowed:
            raise Bad("its address is not one of the internet's: not asked", "dns")
        return allowed

    def _allowed(self, address: str) -> bool:
        at = ip_address(address)
        inside = at.is_private or at.is_loopback or at.is_link_local
        return self._own_world or not (inside or at.is_multicast or at.is_reserved)

    def _each(
        self,
        spec: HealthCheckSpec,
        look: Callable[[HealthCheckSpec, Target, str], None],
    ) -> timedelta:
        """Look at every kind of address that is asked for, else at one that works."""
        target = target_of(spec)
        found = self.addresses(target.host)
        slowest = timedelta(0)

        def once(address: str) -> None:
            nonlocal slowest
            with self._door(address):
                start = perf_counter()
                look(spec, target, address)
            slowest = max(slowest, timedelta(seconds=perf_counter() - start))

        if not spec.addresses:
            _first(found, once)
            return slowest
        for family in spec.addresses:
            version = 4 if family == "v4" else 6
            mine = [one for one in found if ip_address(one).version == version]
            if not mine:
                raise Bad(f"it has no IPv{version} address", "dns")
            try:
                _first(mine, once)
            except Bad as bad:
                raise Bad(f"IPv{version}: {bad}", bad.symptom) from None
        return slowest

    # -- HTTP --------------------------------------------------------------------------

    def _web(self, spec: HealthCheckSpec) -> Web:
        seconds = spec.timeout.total_seconds()
        if seconds not in self._webs:
            limits = {**self._account.limits, "timeoutSeconds": seconds}
            account = self._account._replace(limits=limits)
            self._webs[seconds] = Web(account, self._network, self._names)
        return self._webs[seconds]

    def _http(self, spec: HealthCheckSpec, target: Target, address: str) -> None:
        wanted = spec.expect.status
        follow = not _MOVED & {*wanted}
        at, where = target, address
        for _ in range(_HOPS):
            reply = self._asked(spec, at, where)
            there = _moved(at, reply) if follow else None
            if there is None or not self._ours(there, target):
                break
            if there.host != at.host:
                where = self.addresses(there.host)[0]
            at = there
        else:
            raise Bad("one redirect after the other", "answer")
        good = {*wanted} or ({*range(200, 300)} | (_MOVED if there else set()))
        if reply.status not in good:
            raise Bad(f"it answers {reply.status}", "answer")
        if spec.expect.contains is not None and spec.expect.contains not in reply.text:
            raise Bad("what it answers lacks what it should contain", "answer")

    def _asked(self, spec: HealthCheckSpec, at: Target, address: str) -> Reply:
        reply = self._web(spec).visit(address, at.port, at.scheme, at.host, at.path)
        if at.scheme == "https":
            if reply.ends is not None and reply.ends <= self._account.clock():
                raise Bad("its certificate has ended", "certificate")
            if not reply.verified:
                raise Bad("its certificate is not to be trusted", "certificate")
        return reply

    @staticmethod
    def _ours(there: Target, first: Target) -> bool:
        usual = there.port in {_USUAL[there.scheme], first.port}
        return usual and covered(there.host, (first.host,))

    # -- TCP and TLS -------------------------------------------------------------------

    def _connected(
        self, spec: HealthCheckSpec, target: Target, address: str
    ) -> socket.socket:
        at = self._network.place(address, target.port)
        timeout = spec.timeout.total_seconds()
        try:
            return socket.create_connection((at.address, at.port), timeout)
        except ConnectionRefusedError as error:
            raise Unreachable(why(error)) from None
        except TimeoutError:
            raise Transient("no answer") from None
        except OSError as error:
            raise NoRoute(why(error)) from None

    def _tcp(self, spec: HealthCheckSpec, target: Target, address: str) -> None:
        with self._connected(spec, target, address) as opened:
            if spec.expect.contains is None:
                return
            try:
                said = opened.recv(_BANNER).decode("utf-8", "replace")
            except OSError:
                said = ""
        if spec.expect.contains not in said:
            raise Bad("what it says first lacks what it should contain", "answer")

    def _tls(self, spec: HealthCheckSpec, target: Target, address: str) -> None:
        with self._connected(spec, target, address) as opened:
            try:
                with unverified().wrap_socket(
                    opened, server_hostname=target.host
                ) as secured:
                    chain = chain_of(secured)
            except ssl.SSLError:
                raise Bad("no handshake") from None
            except OSError as error:
                raise Transient(why(error)) from None
        try:
            leaf, *others = [x509.load_der_x509_certificate(one) for one in chain]
        except ValueError:
            raise Bad("what it serves is no certificate", "certificate") from None
        self._judged(spec, target, leaf, others)

    def _judged(
        self,
        spec: HealthCheckSpec,
        target: Target,
        leaf: x509.Certificate,
        others: list[x509.Certificate],
    ) -> None:
        now, ends = self._account.clock(), leaf.not_valid_after_utc
        if ends <= now:
            raise Bad(f"its certificate has ended on {ends:%Y-%m-%d}", "certificate")
        if not named(target.host, names_of(leaf)):
            raise Bad("its certificate is for other names", "certificate")
        if not self._trust.holds(leaf, others):
            raise Bad("its certificate is not to be trusted", "certificate")
        least = spec.expect.not_after or timedelta(0)
        if ends - now < least:
            said = f"its certificate ends on {ends:%Y-%m-%d}, in less than "
            raise Bad(said + duration_text(least), "certificate")

    # -- DNS ---------------------------------------------------------------------------

    def _dns(self, spec: HealthCheckSpec) -> None:
        target, records = target_of(spec), spec.expect.records
        assert records is not None  # noqa: S101  (the spec has them)
        try:
            found = self._names.resolve(target.host, records.type)
        except ProviderError as error:
            if self._names.cut_off:
                raise Untold("this machine cannot ask the DNS") from None
            raise Bad(error.what, "dns") from None
        if not found.values:
            what = f"it has no {records.type} records"
            raise Bad(what if found.exists else "there is no such name", "dns")
        if records.values and _plain(records.type, found.values) != _plain(
            records.type, records.values
        ):
            raise Bad(f"its {records.type} records are others", "dns")


def _first(addresses: Sequence[str], look: Callable[[str], None]) -> None:
    """Look at the first address that can be reached at all."""
    refused: Bad | Untold = Untold("there is no way to it from here")
    for address in addresses:
        try:
            look(address)
        except NoRoute as error:
            if ip_address(address).version == 4:  # noqa: PLR2004
                refused = Bad(error.what)
        except Unreachable as error:
            refused = Bad(error.what)
        except Transient as error:
            raise Bad(error.what) from None
        else:
            return
    raise refused


def _moved(at: Target, reply: Reply) -> Target | None:
    """Return where *reply* leads to; None where it leads nowhere."""
    location = reply.first("location")
    if reply.status not in _MOVED or location is None:
        return None
    shown = f"[{at.host}]" if ":" in at.host else at.host
    here = f"{at.scheme}://{shown}:{at.port}{at.path}"
    try:
        there = urlsplit(urljoin(here, location.strip()))
        port = there.port
    except ValueError:
        return None
    if there.scheme not in _USUAL or not there.hostname:
        return None
    path = (there.path or "/") + (f"?{there.query}" if there.query else "")
    plain = path.isascii() and path.isprintable() and " " not in path
    host = there.hostname.lower()
    return Target(
        there.scheme, host, port or _USUAL[there.scheme], path if plain else "/"
    )


def _plain(rtype: str, values: Sequence[str]) -> set[str]:
    return set(_each_plain(rtype, values))


def _each_plain(rtype: str, values: Sequence[str]) -> Iterator[str]:
    """Yield values so that those that mean the same are the same."""
    for value in values:
        if rtype == "TXT":
            yield text_of(value) if value.startswith('"') else value
        elif rtype in {"A", "AAAA"}:
            try:
                yield str(ip_address(value))
            except ValueError:
                yield value
        elif rtype == "CAA":
            yield value.replace('"', "")
        else:
            yield value.lower().removesuffix(".")
