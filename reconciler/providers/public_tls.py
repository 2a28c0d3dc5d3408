"""
What visitors of a name are served: its certificate, at every one of its addresses.

Sources: RFC 8446 (TLS 1.3), RFC 6066 (SNI), RFC 9525 (which names a certificate is
good for), RFC 5280 (chains). What follows:

* All A and AAAA addresses are found from the root down and each is connected to, with
  the name as SNI: balancers, old machines and the other protocol serve old ones.
* The first handshake verifies nothing, so that what is wrong can be read; chain and
  name are then judged from what was served, at the account's own time, so that a
  certificate that has ended is not called untrusted as well. What that (strict)
  reading refuses is shown to OpenSSL, in a second handshake that verifies: a chain is
  untrusted where both refuse it.
* After an installation or a reload the next look is patient: see ``_settling``.
* An intermediate that is not served is not fetched: browsers that have never seen it
  fail too.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from pydantic import JsonValue

from reconciler.errors import ProviderError, Transient
from reconciler.kinds.certificate import (
    NEXT,
    Certificate,
    Install,
    Reload,
    Served,
    TlsState,
)
from reconciler.model import Account, Change, Observation, Witness
from reconciler.model.names import covered
from reconciler.providers._certificate import chain_mark, names_of
from reconciler.providers._handshake import (
    NO_ROUTE,
    Trust,
    chain_of,
    unverified,
    why,
)
from reconciler.providers._looks import Habits, Looks
from reconciler.providers._names import Names
from reconciler.providers._network import Network
from reconciler.providers._said import shown
from reconciler.providers._settling import Settling, Shown, Spot

TIMEOUT: Final = 5.0
_PORT: Final = 443
#: The family of the places that serve what is installed at them.
_SERVES: Final = "install"


class PublicTls(Witness[Certificate]):
    """The certificates that are served to anyone."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._network = Network(account)
        self._names = Names(account, self._network)
        self._trust = Trust(self._network, account.clock)
        self._timeout = account.limits.get("timeoutSeconds", TIMEOUT)
        habits = Habits("tls", TlsState, _mark, _first_end, _in_trouble)
        self._looks = Looks(account, account.endpoint or "", habits)
        self._settling = Settling(account, self._names.addresses, self._shown)
        self._installed: dict[str, str] = {}
        self._unsettled: dict[Spot, Shown] = {}

    def __repr__(self) -> str:
        return f"PublicTls({self._account.name})"

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """
        Report what is served for each certificate, once a day.

        What was just installed is waited for: an address that does not come to serve
        it, again and again, is reported with what it served instead.
        """
        fresh = {w.name: mark for w in wants if (mark := self._expected(w)) is not None}
        self._unsettled = self._settling.wait(
            (want.name, name, fresh[want.name])
            for want in wants
            if want.name in fresh
            for name in _looked_at(want)
        )
        return self._looks.observe(wants, self._look)

    def touched(self, want: Certificate, change: Change | None) -> None:
        """Look again after any change, and patiently after some; see ``Witness``."""
        self._looks.forget(want)
        if not isinstance(change, Install | Reload) or change.share.family != _SERVES:
            return
        if (mark := change.details.get("fingerprint")) is not None:
            self._installed[want.name] = str(mark)

    def _expected(self, want: Certificate) -> str | None:
        """Return what has to be served of *want*; None where it was not touched."""
        asked = self._installed.pop(want.name, None)
        if asked != NEXT:
            return asked
        try:
            kept = self._account.keys.open(want).current if self._account.keys else None
        except ProviderError:
            return None
        if kept is None:
            return None
        leaf = x509.load_pem_x509_certificate(kept.chain)
        return leaf.fingerprint(hashes.SHA256()).hex()

    def _look(self, want: Certificate) -> TlsState:
        served: list[Served] = []
        unknown: dict[str, str] = {}
        failed: ProviderError | None = None
        for name in _looked_at(want):
            try:
                addresses = self._names.addresses(name)
            except ProviderError as error:
                unknown[name], failed = "its addresses cannot be found", error
                continue
            if not addresses:
                unknown[name] = "it has no address"
            served += [self._served(name, at, want.name) for at in addresses]
        if failed is not None and not served:
            raise failed
        return TlsState(
            seen=self._account.clock(),
            served=_reachable(served),
            unknown=unknown,
        )

    def _served(self, name: str, address: str, of: str = "") -> Served:
        """Return what is served; of what goes to and fro, what should not be."""
        other = self._unsettled.get(Spot(of, name, address))
        shown = other or self._shown(name, address)
        if shown.problem is not None:
            return Served(name=name, address=address, problem=shown.problem)
        try:
            found = self._read(name, address, shown.chain)
        except ValueError:
            why = "what it serves is no certificate"
            return Served(name=name, address=address, problem=why)
        if not found.trusted and self._accepted(name, address):
            found = found.model_copy(update={"trusted": True})
        return found

    def _shown(self, name: str, address: str) -> Shown:
        try:
            return Shown(tuple(self._handshake(name, address, self._reading)))
        except Transient as error:
            return Shown(problem=error.what)

    @cached_property
    def _reading(self) -> ssl.SSLContext:
        return unverified()

    def _accepted(self, name: str, address: str) -> bool:
        """Say whether OpenSSL takes the chain that a stricter reading refused."""
        authorities = b"".join(self._network.authorities())
        if not authorities:
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the name is judged by itself
        context.load_verify_locations(cadata=authorities)
        try:
            return bool(self._handshake(name, address, context))
        except Transient:
            return False

    def _handshake(
        self, name: str, address: str, context: ssl.SSLContext
    ) -> list[bytes]:
        """Return the certificates that are served, the leaf first."""
        at = self._network.place(address, _PORT)
        try:
            with (
                socket.create_connection((at.address, at.port), self._timeout) as plain,
                context.wrap_socket(plain, server_hostname=name) as secured,
            ):
                return chain_of(secured)
        except ssl.SSLError as error:
            reason = (error.reason or "no TLS").lower().replace("_", " ")
            raise Transient(f"no handshake ({reason})") from None
        except TimeoutError:
            raise Transient("no answer") from None
        except OSError as error:
            raise Transient(why(error)) from None

    def _read(self, name: str, address: str, chain: Sequence[bytes]) -> Served:
        leaf = x509.load_der_x509_certificate(chain[0])
        others = [x509.load_der_x509_certificate(one) for one in chain[1:]]
        return Served(
            name=name,
            address=address,
            fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
            issuer=_issuer(leaf),
            not_after=leaf.not_valid_after_utc,
            matches=covered(name, names_of(leaf)),
            trusted=self._trust.holds(leaf, others),
            chain=chain_mark(others),
        )


def _looked_at(want: Certificate) -> list[str]:
    """Return the names that have addresses: a wildcard has none."""
    return [name for name in want.spec.names if not name.startswith("*.")]


def _mark(want: Certificate) -> JsonValue:
    return [*want.spec.names]


def _first_end(state: TlsState) -> datetime | None:
    return min((s.not_after for s in state.served if s.not_after), default=None)


def _in_trouble(state: TlsState) -> bool:
    wrong = any(s.problem or not (s.matches and s.trusted) for s in state.served)
    ends: dict[str, list[datetime]] = {}
    for one in state.served:
        if one.not_after is not None:
            ends.setdefault(one.name, []).append(one.not_after)
    return (
        wrong
        or bool(state.unknown)
        or any(max(of) - min(of) >= timedelta(days=1) for of in ends.values())
    )


def _reachable(served: Sequence[Served]) -> tuple[Served, ...]:
    """Leave out what cannot be reached from here, where another address can."""
    there = {one.name for one in served if one.problem != NO_ROUTE}
    return tuple(s for s in served if s.problem != NO_ROUTE or s.name not in there)


def _issuer(leaf: x509.Certificate) -> str | None:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for found in leaf.issuer.get_attributes_for_oid(oid):
            return shown(str(found.value))[:80]
    return None


DRIVER = PublicTls
