"""
Where an authority of the sandbox looks names up.

The world says it: ``resolver: "HOST:PORT"`` is a server that is asked over UDP (and
TCP where the answer is long); ``resolver: public`` is the DNS of the sandbox's vendor
``public``, followed from the root; without a socket it may be a function of a name and
a type. Aliases are followed. What was broken by hand (``/acme/bogus``) fails as a zone
does whose DNSSEC signatures are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.public_names import ROOT, SERVERS, PublicNames, address_of

#: Rows in text, nothing, or None where there is no such name.
Lookup = Callable[[str, str], list[str] | None]
_PATIENCE: Final = 2.0
_MOST_ALIASES: Final = 8
_MOST_REFERRALS: Final = 12


class DnsTrouble(Exception):
    """Nobody gave an answer that counts: SERVFAIL, or silence."""


def lookup_of(bench: Bench) -> Lookup:
    """
    Return the way to look names up in the world of *bench*.

    Raises:
        ReconcilerError: The world names none that can be.
    """
    found = bench.world.get("resolver")
    if found is None:
        asked: Lookup = _nowhere
    elif callable(found):
        asked = found
    elif found == "public" and "public" in bench.beside:
        asked = _Following(_Walk(bench.beside["public"]).ask)
    else:
        host, _, port = str(found).rpartition(":")
        if not host or not port.isdecimal():
            raise ReconcilerError(
                f"the resolver of acme cannot be {found!r}",
                hint='write "127.0.0.1:5300", or public where that vendor is there',
            )
        asked = _Following(_Server(host, int(port)).ask)
    return _Broken(bench, asked)


def _nowhere(name: str, kind: str) -> list[str] | None:
    del name, kind
    return []


class _Broken:
    """A lookup, but for the names that were broken by hand."""

    def __init__(self, bench: Bench, asked: Lookup) -> None:
        self._bench = bench
        self._asked = asked

    def __call__(self, name: str, kind: str) -> list[str] | None:
        for one in self._bench.state["bogus"]:
            if name == one or name.endswith(f".{one}"):
                raise DnsTrouble("SERVFAIL")
        if kind == "CAA" and name in self._bench.state["caa"]:
            return list(self._bench.state["caa"][name])
        return self._asked(name, kind)


class _Following:
    """Follows aliases where the server that was asked does not have their end."""

    def __init__(
        self, ask: Callable[[str, dns.rdatatype.RdataType], dns.message.Message]
    ) -> None:
        self._ask = ask

    def __call__(self, name: str, kind: str) -> list[str] | None:
        wanted = dns.rdatatype.from_text(kind)
        for _ in range(_MOST_ALIASES):
            said = self._ask(name, wanted)
            if said.rcode() == dns.rcode.NXDOMAIN and not said.answer:
                return None
            rows, name = _end(said, name, wanted)
            if rows or not name:
                return rows
        raise DnsTrouble("SERVFAIL")


def _end(
    said: dns.message.Message, name: str, wanted: dns.rdatatype.RdataType
) -> tuple[list[str], str]:
    """Return what an answer holds of a name, or the alias that leads on."""
    at, moved = dns.name.from_text(name), False
    for _ in range(_MOST_ALIASES):
        for rrset in said.answer:
            if rrset.name == at and rrset.rdtype == wanted:
                return [_text(rdata) for rdata in rrset], ""
        alias = [
            rrset[0].target
            for rrset in said.answer
            if rrset.name == at and rrset.rdtype == dns.rdatatype.CNAME
        ]
        if not alias:
            break
        at, moved = alias[0], True
    return [], at.to_text(omit_final_dot=True) if moved else ""


def _text(rdata: Any) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8", "replace")
    return str(rdata.to_text())


class _Server:
    """One server, asked over the network."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    def ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        query = dns.message.make_query(name, kind, use_edns=True)
        try:
            said, _ = dns.query.udp_with_fallback(
                query, self._host, timeout=_PATIENCE, port=self._port
            )
        except (dns.exception.DNSException, OSError) as error:
            raise DnsTrouble("query timed out") from error
        return _counted(said)


def _counted(said: dns.message.Message) -> dns.message.Message:
    """Return an answer; one that refuses has nothing of the name, as far as we ask."""
    if said.rcode() == dns.rcode.SERVFAIL:
        raise DnsTrouble("SERVFAIL")
    return said


class _Walk:
    """From the root of the sandbox's public DNS down to who knows."""

    def __init__(self, public: Bench) -> None:
        self._names = PublicNames(public)
        self._numbers = {address_of(number): number for number in range(SERVERS)}

    def ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        servers = [ROOT]
        query = dns.message.make_query(name, kind)
        for _ in range(_MOST_REFERRALS):
            said = self._first(servers, query)
            if said.answer or said.flags & dns.flags.AA or not _hosts(said):
                return _counted(said)
            servers = [*self._addresses(said)]
        raise DnsTrouble("SERVFAIL")

    def _first(
        self, servers: Iterable[int], query: dns.message.Message
    ) -> dns.message.Message:
        """Return the first answer of some servers that counts."""
        for number in servers:
            said = self._names.answer(number, query)
            if said is not None and said.rcode() != dns.rcode.REFUSED:
                return said
        raise DnsTrouble("SERVFAIL")

    def _addresses(self, said: dns.message.Message) -> Iterable[int]:
        glue = {
            rrset.name.to_text(omit_final_dot=True): rrset[0].to_text()
            for rrset in said.additional
            if rrset.rdtype == dns.rdatatype.A
        }
        for host in _hosts(said):
            address = glue.get(host)
            if address is None:
                found = _Following(self.ask)(host, "A")
                address = found[0] if found else None
            if address in self._numbers:
                yield self._numbers[address]


def _hosts(said: dns.message.Message) -> list[str]:
    return [
        rdata.target.to_text(omit_final_dot=True)
        for rrset in said.authority
        if rrset.rdtype == dns.rdatatype.NS
        for rdata in rrset
    ]
