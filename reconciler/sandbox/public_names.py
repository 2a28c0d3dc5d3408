"""
The DNS of the sandbox: a root, the top-level domains, and everybody's nameservers.

What is delegated where is what the registrars hold; a zone that Route 53 has is served
as it stands there. Answers are those of RFC 1034, 4.3.2: authoritative, a referral with
glue, NXDOMAIN, or REFUSED for zones that a server does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from reconciler.sandbox import public_signing as signing
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.public_registry import (
    delegation_signers,
    registration,
    registrations,
)

ROOT, TOP = 0, 1
#: Servers 0 and 1 are the root's and the top-level domains'; the others are hosts'.
SERVERS: Final = 24
_TTL: Final = 300
Records = dict[tuple[str, str], list[str]]


def address_of(number: int) -> str:
    """Return the public address that a server plays (TEST-NET-2)."""
    return f"198.51.100.{number + 1}"


class PublicNames:
    """Answers for every server; holds nothing of its own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._hosts: list[str] = []

    def answer(
        self, number: int, query: dns.message.Message
    ) -> dns.message.Message | None:
        """Return what server *number* says to *query*; None where it is silent."""
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        rtype = dns.rdatatype.to_text(question.rdtype)
        said = dns.message.make_response(query)
        self._bench.ledger.count(self._bench.vendor, f"dns-{rtype}")
        fault = self._bench.faults.take(self._bench.vendor, f"dns-{rtype}")
        if fault is not None:
            if fault.kind != "status":
                return None
            said.set_rcode(dns.rcode.SERVFAIL)
            return said
        if number == ROOT:
            return self._root(said, name)
        if number == TOP:
            return self._top(said, name, rtype)
        answer = self._host(said, number, name, rtype)
        wants = bool(query.ednsflags & dns.flags.DO)
        return self._signed(answer, name) if wants and answer else answer

    def _signed(self, answer: dns.message.Message, name: str) -> dns.message.Message:
        """Return *answer* with the signatures its zone has, if it has any."""
        zone, _ = self._registered(name)
        way = self._bench.state["oddities"].get(zone, {}).get("signed")
        if not way or not answer.flags & dns.flags.AA:
            return answer
        return signing.signed(answer, zone, way, self._bench.clock())

    # -- the way down --------------------------------------------------------------

    def _root(self, said: dns.message.Message, name: str) -> dns.message.Message:
        last = name.rpartition(".")[2]
        if last not in self._tops():
            return _nothing(said, ".", exists=False)
        _add(said.authority, last, "NS", ["a.nic.test."])
        _add(said.additional, "a.nic.test", "A", [address_of(TOP)])
        return said

    def _tops(self) -> set[str]:
        hosts = {host.rpartition(".")[2] for host in self._known_hosts()}
        return {*self._bench.state["suffixes"], *hosts, "test"}

    def _top(
        self, said: dns.message.Message, name: str, rtype: str
    ) -> dns.message.Message:
        """Answer as the registry's own servers do: delegations, and some addresses."""
        top = name.rpartition(".")[2]
        zone, row = self._registered(name)
        if row is not None and not (name == zone and rtype == "DS"):
            hosts = self._delegated(zone, row)
            if not hosts:
                return _nothing(said, top, exists=False)
            _add(said.authority, zone, "NS", [f"{host}." for host in hosts])
            for host in hosts:
                if host.endswith(f".{zone}"):
                    _add(said.additional, host, "A", [self._address(host)])
            return said
        said.flags |= dns.flags.AA
        if row is not None:
            _add(said.answer, name, "DS", delegation_signers(self._bench, zone, row))
            return said if said.answer else _nothing(said, top, exists=True)
        if rtype == "A" and name in self._known_hosts(name):
            _add(said.answer, name, "A", [self._address(name)])
            return said
        return _found(said, top, self._bench.state["names"], name, rtype)

    def _registered(self, name: str) -> tuple[str, Mapping[str, Any] | None]:
        """Return the registered name that *name* is in, with its registration."""
        labels = name.split(".")
        for at in range(len(labels) - 1):
            zone = ".".join(labels[at:])
            found = registration(self._bench, zone)
            if found is not None and found[0]:
                return zone, found[0]
        return "", None

    def _delegated(self, zone: str, row: Mapping[str, Any]) -> list[str]:
        odd = self._bench.state["oddities"].get(zone, {})
        return [str(host).lower() for host in odd.get("parent", row["nameservers"])]

    # -- hosts -----------------------------------------------------------------------

    def _known_hosts(self, wanted: str = "") -> list[str]:
        """
        Return every host that anybody's delegation names, in order of appearance.

        All are only looked through where there is none yet, or not *wanted*.
        """
        if self._hosts and (not wanted or wanted in self._hosts):
            return self._hosts
        odd = self._bench.state["oddities"].values()
        for held in (*registrations(self._bench).values(), *odd):
            for host in (*held.get("nameservers", ()), *held.get("parent", ())):
                if (plain := str(host).lower()) not in self._hosts:
                    self._hosts.append(plain)
        return self._hosts

    def _address(self, host: str) -> str:
        """Return the address of a host; those beyond the last server share it."""
        at = self._known_hosts(host).index(host) + TOP + 1
        return address_of(min(at, SERVERS - 1))

    def _host(
        self, said: dns.message.Message, number: int, name: str, rtype: str
    ) -> dns.message.Message | None:
        hosts = self._known_hosts()
        host = hosts[number - TOP - 1] if number - TOP - 1 < len(hosts) else ""
        zone, row = self._registered(name)
        records = self._zone(zone, host) if row is not None else None
        odd = self._bench.state["oddities"].get(zone, {})
        if host in odd.get("mute", ()):
            return None
        if row is None or records is None or host in odd.get("lame", ()):
            said.set_rcode(dns.rcode.REFUSED)
            return said
        said.flags |= dns.flags.AA
        serial = odd.get("serials", {}).get(host, 1)
        soa = f"{host}. hostmaster.{zone}. {serial} 7200 900 1209600 300"
        records = {**records, (zone, "SOA"): [soa]}
        answer = _found(said, zone, records, name, rtype)
        if host in odd.get("cached", ()):  # a resolver's word, or an old secondary's
            answer.flags &= ~dns.flags.AA
        return answer

    def copied(self, zone: str, late: Mapping[str, float]) -> dict[str, Any]:
        """Return the zone as it is now, at each host that is *late* by such seconds."""
        now = self._bench.clock()
        return {
            host: {
                "until": (now + timedelta(seconds=seconds)).isoformat(),
                "records": {
                    "/".join(key): [*rows]
                    for key, rows in (self._zone(zone, host) or {}).items()
                },
            }
            for host, seconds in late.items()
        }

    def _late(self, zone: str, host: str) -> Records | None:
        """Return what *host* still has of *zone*; None where it is not behind."""
        odd = self._bench.state["oddities"].get(zone, {}).get("behind", {})
        old = odd.get(host)
        if old is None or self._bench.clock() >= datetime.fromisoformat(old["until"]):
            return None
        return {
            (key.partition("/")[0], key.partition("/")[2]): list(rows)
            for key, rows in old["records"].items()
        }

    def _zone(self, zone: str, host: str) -> Records | None:
        """Return the records of *zone* at *host*; None where it does not have it."""
        if (old := self._late(zone, host)) is not None:
            return old
        own = self._bench.state["zones"].get(zone)
        if own is not None:
            hosts = [str(one).lower() for one in own["nameservers"]]
            made: Records = {
                (_whole(key.partition("/")[0], zone), key.partition("/")[2]): list(rows)
                for key, rows in own["records"].items()
            }
        else:
            found = self._hosted(zone)
            if found is None:
                return None
            hosts, made = found
        if host not in hosts:
            return None
        odd = self._bench.state["oddities"].get(zone, {})
        made[zone, "NS"] = [f"{one}." for one in odd.get("child", hosts)]
        own = [signing.dnskey(zone).to_text()] if odd.get("signed") else ()
        if keys := odd.get("keys", own):
            made[zone, "DNSKEY"] = list(keys)
        return made

    def _hosted(self, zone: str) -> tuple[list[str], Records] | None:
        """Return a zone as Route 53 has it now."""
        for other in self._bench.beside.values():
            for held in other.state.get("zones", ()):
                if isinstance(held, dict) and held.get("name") == zone:
                    return list(self._bench.state["route53"]), _route53(held)
        return None


def _route53(zone: Mapping[str, Any]) -> Records:
    return {
        (record["Name"].strip(".").lower(), record["Type"]): [
            value["Value"] for value in record.get("ResourceRecords", ())
        ]
        for record in zone["records"]
    }


def _whole(name: str, zone: str) -> str:
    return zone if name == "@" else f"{name}.{zone}"


def _found(
    said: dns.message.Message,
    zone: str,
    records: Mapping[tuple[str, str], Iterable[str]] | Mapping[str, Any],
    name: str,
    rtype: str,
) -> dns.message.Message:
    """Fill in what *records* have: the type, an alias, nothing, or no such name."""
    said.flags |= dns.flags.AA
    for one in (rtype, "CNAME"):
        rows = records.get((name, one)) or records.get(f"{name}/{one}")  # type: ignore[call-overload]
        if rows:
            _add(said.answer, name, one, rows)
            return said
    exists = any(_owner(key) == name for key in records)
    below = any(_owner(key).endswith(f".{name}") for key in records)
    return _nothing(said, zone, exists=exists or below)


def _owner(key: tuple[str, str] | str) -> str:
    return key[0] if isinstance(key, tuple) else key.partition("/")[0]


def _nothing(
    said: dns.message.Message, zone: str, *, exists: bool
) -> dns.message.Message:
    """Return *said* as a denial (RFC 2308): NODATA, or NXDOMAIN."""
    said.flags |= dns.flags.AA
    if not exists:
        said.set_rcode(dns.rcode.NXDOMAIN)
    soa = "ns.nic.test. hostmaster.nic.test. 1 7200 900 1209600 300"
    _add(said.authority, zone, "SOA", [soa])
    return said


def _add(
    section: list[dns.rrset.RRset], name: str, rtype: str, rows: Iterable[str]
) -> None:
    found = [*rows]
    if found:
        owner = dns.name.from_text(name)
        section.append(dns.rrset.from_text_list(owner, _TTL, "IN", rtype, found))
