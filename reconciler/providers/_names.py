"""
DNS from the root down: no recursion, nobody's cache, every server asked by itself.

Sources: RFC 1034 (delegations, 4.3.2), RFC 2181 (5.4.1, who may say what), RFC 8499
(terms). A server's word counts where it is authoritative for what it says; a parent's
where it refers. What is learned about the way (root, top-level domains) is kept for
one run.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from reconciler.errors import ProviderError, Transient
from reconciler.model import Account
from reconciler.providers._looks import NotNow
from reconciler.providers._network import Network, NoRoute

TIMEOUT: Final = 3.0
_PORT: Final = 53
_ROOT: Final = "root"
_DEPTH: Final = 16
_ALIASES: Final = 8
_NESTED: Final = 4
_TRIES: Final = 4
_NO_ROUTE: Final = {
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
}
Name = dns.name.Name


class Server(NamedTuple):
    """A nameserver, and its addresses where the one who named it said so."""

    host: str
    addresses: tuple[str, ...] = ()


class Cut(NamedTuple):
    """
    A delegation as its parent has it.

    Attributes:
        servers: Empty where the parent says that there is none.
        above: The servers of the parent zone.
        own: The parent's servers serve the zone itself too, so that what they say is
            the zone's word.
    """

    servers: tuple[Server, ...]
    above: tuple[Server, ...]
    own: bool = False


class Found(NamedTuple):
    """What became of a question: values in zone-file notation, or none, and why."""

    values: tuple[str, ...]
    exists: bool = True


class Names:
    """The DNS, asked for one account; thread-safe."""

    def __init__(self, account: Account, network: Network) -> None:
        self._network = network
        self._timeout = account.limits.get("timeoutSeconds", TIMEOUT)
        self._cuts: dict[Name, tuple[Server, ...]] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._cut_off = False

    @property
    def cut_off(self) -> bool:
        """Whether no root server answered: nothing can be told from here."""
        return self._cut_off

    def ask(
        self, address: str, name: str, rtype: str, *, signed: bool = False
    ) -> dns.message.Message:
        """
        Ask one server one question; *signed*: with the signatures there are.

        Raises:
            Transient: It does not answer, or not in DNS.
        """
        query = dns.message.make_query(
            name, rtype, use_edns=0, payload=1232, want_dnssec=signed
        )
        query.flags &= ~dns.flags.RD
        at = self._network.place(address, _PORT)
        try:
            answer, _ = dns.query.udp_with_fallback(
                query, at.address, self._timeout, at.port, ignore_unexpected=True
            )
        except OSError as error:
            kind = NoRoute if error.errno in _NO_ROUTE else Transient
            raise kind(f"{address}: no answer ({type(error).__name__})") from None
        except (dns.exception.DNSException, EOFError) as error:
            raise Transient(f"{address}: no answer ({type(error).__name__})") from None
        return answer

    def delegated(self, name: str) -> Cut:
        """
        Return how *name* is delegated, as the servers above it say.

        Raises:
            Transient: Nobody above it answers.
        """
        wanted = dns.name.from_text(name)
        zone, servers = self._closest(wanted.parent())
        for _ in range(_DEPTH):
            answer = self._any(servers, wanted, "NS")
            below = _referral(answer, zone, wanted)
            if below is None and zone == dns.name.root:
                # The root has every suffix there is: whoever says this is not it.
                raise Transient(f"{name}: what answers for the root is not the root")
            if below is None:
                own = _values(answer.answer, wanted, "NS")
                hosts = tuple(Server(_plain(host)) for host in sorted(own))
                return Cut(hosts, servers, own=bool(hosts))
            if below.zone == wanted:
                self._cuts[wanted] = below.servers
                return Cut(below.servers, servers)
            zone, servers = below.zone, below.servers
            self._cuts[zone] = servers
        raise Transient(f"{name}: one referral after the other")

    def resolve(self, name: str, rtype: str, nested: int = 0) -> Found:
        """
        Return what the DNS says to anyone who asks, through all aliases.

        Raises:
            Transient: Nobody who should know it answers.
        """
        wanted = dns.name.from_text(name)
        for _ in range(_ALIASES):
            answer = self._answer(wanted, rtype, nested)
            if values := _values(answer.answer, wanted, rtype):
                return Found(values)
            alias = _values(answer.answer, wanted, "CNAME")
            if not alias or rtype == "CNAME":
                return Found((), answer.rcode() != dns.rcode.NXDOMAIN)
            wanted = dns.name.from_text(alias[0])
        return Found(())

    def zone(self, name: str) -> str:
        """Return the zone that *name* is in, by its SOA; raises Transient."""
        wanted = dns.name.from_text(name)
        answer = self._answer(wanted, "SOA", 0)
        for rrset in (*answer.answer, *answer.authority):
            owner = rrset.name
            if rrset.rdtype == dns.rdatatype.SOA and wanted.is_subdomain(owner):
                return owner.to_text(omit_final_dot=True).lower()
        return self._closest(wanted)[0].to_text(omit_final_dot=True).lower()

    def addresses(self, host: str, nested: int = 0) -> tuple[str, ...]:
        """Return all addresses of *host*, IPv4 first; raises Transient."""
        if host not in self._addresses:
            four = self.resolve(host, "A", nested)
            six = self.resolve(host, "AAAA", nested)
            self._addresses[host] = (*sorted(four.values), *sorted(six.values))
        return self._addresses[host]

    # -- the way down --------------------------------------------------------------

    def _answer(self, name: Name, rtype: str, nested: int) -> dns.message.Message:
        zone, servers = self._closest(name)
        for _ in range(_DEPTH):
            answer = self._any(servers, name, rtype, nested)
            below = _referral(answer, zone, name)
            if below is None:
                return answer
            zone, servers = below.zone, below.servers
            self._cuts[zone] = servers
        raise Transient(f"{name}: one referral after the other")

    def _closest(self, name: Name) -> tuple[Name, tuple[Server, ...]]:
        """Return the deepest zone at or above *name* that is known."""
        at = name
        while at != dns.name.root:
            if at in self._cuts:
                return at, self._cuts[at]
            at = at.parent()
        if self._cut_off:
            raise NotNow("no root server answers in this run")
        roots = tuple(Server(_ROOT, (address,)) for address in self._network.roots)
        return dns.name.root, roots

    def _any(
        self, servers: Sequence[Server], name: Name, rtype: str, nested: int = 0
    ) -> dns.message.Message:
        """Return the first answer that means something."""
        tried = 0
        for address in self._reachable(servers, nested):
            try:
                answer = self.ask(address, name.to_text(), rtype)
            except Transient:
                tried += 1
            else:
                if answer.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
                    return answer
                tried += 1
            if tried >= _TRIES:
                break
        if any(server.host == _ROOT for server in servers):
            self._cut_off = True  # nobody's turn comes in this run
            raise Transient("no root server answers: is port 53 open to the outside?")
        raise Transient(f"{name.to_text(omit_final_dot=True)}: nobody answers for it")

    def _reachable(self, servers: Iterable[Server], nested: int) -> Iterator[str]:
        """Yield addresses: those that were told first, then those to be looked for."""
        unknown = []
        for server in servers:
            yield from server.addresses
            if not server.addresses:
                unknown.append(server.host)
        if nested < _NESTED:
            for host in unknown:
                try:
                    yield from self.addresses(host, nested + 1)
                except ProviderError:
                    continue


class _Below(NamedTuple):
    zone: Name
    servers: tuple[Server, ...]


def _referral(answer: dns.message.Message, zone: Name, name: Name) -> _Below | None:
    """Return where *answer* refers to: a zone below *zone*, at or above *name*."""
    if answer.answer or answer.flags & dns.flags.AA:
        return None
    for rrset in answer.authority:
        below = rrset.name
        if (
            rrset.rdtype == dns.rdatatype.NS
            and below != zone
            and below.is_subdomain(zone)
            and name.is_subdomain(below)
        ):
            hosts = sorted(_plain(one.target.to_text()) for one in rrset)
            glue = {host: _glue(answer, host) for host in hosts}
            return _Below(below, tuple(Server(h, glue[h]) for h in hosts))
    return None


def _glue(answer: dns.message.Message, host: str) -> tuple[str, ...]:
    name = dns.name.from_text(host)
    return tuple(
        value
        for rtype in ("A", "AAAA")
        for value in sorted(_values(answer.additional, name, rtype))
    )


def _values(
    section: Iterable[dns.rrset.RRset], name: Name, rtype: str
) -> tuple[str, ...]:
    kind = dns.rdatatype.from_text(rtype)
    return tuple(
        one.to_text()
        for rrset in section
        if rrset.name == name and rrset.rdtype == kind
        for one in rrset
    )


def values(answer: dns.message.Message, name: str, rtype: str) -> tuple[str, ...]:
    """Return the values of *rtype* at *name* that *answer* has."""
    return _values(answer.answer, dns.name.from_text(name), rtype)


def authoritative(answer: dns.message.Message) -> bool:
    """Say whether who answered serves the zone of what was asked."""
    return bool(answer.flags & dns.flags.AA)


def text_of(value: str) -> str:
    """Return a TXT value without its quotes: its strings, joined (RFC 7208, 3.3)."""
    made: Any = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.TXT, value)
    return b"".join(made.strings).decode("utf-8", "replace")


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")
