"""
Whether resolvers that validate refuse a zone: its signatures, against its parent's DS.

Sources: RFC 4033 (secure, insecure, bogus), RFC 4035 (5.2: a DS must lead to a key, and
that key must have signed all keys; 5.3: what a signature is good for), RFC 6840. A zone
without DS is insecure, which is no fault. That there is no DS is taken from the parent
as it says so, and the parent's own signatures are its own affair.
"""

from __future__ import annotations

from datetime import datetime

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from reconciler.errors import ProviderError, Transient
from reconciler.providers._names import Names, Server, authoritative

_UNKNOWN = "its servers do not tell"


def bogus(names: Names, zone: str, now: datetime) -> str | None:
    """
    Return why *zone* is bogus; None where it is secure, or has no DS.

    Raises:
        Transient: Nobody tells.
    """
    cut = names.delegated(zone)
    signers = _answer(names, cut.above, zone, "DS")
    ds = _rrset(signers, zone, "DS")
    if ds is None:
        return None
    answer = _answer(names, cut.servers, zone, "DNSKEY", signed=True)
    keys, signed = _rrset(answer, zone, "DNSKEY"), _signatures(answer, zone, "DNSKEY")
    if keys is None:
        return "its parent has a DS, and it has no key"
    try:
        entry = _entry(keys, ds)
    except dns.exception.UnsupportedAlgorithm:
        return None  # RFC 4035, 5.2: as if it were not signed
    if not entry:
        return "no key of it fits the DS at its parent"
    why = _judged(keys, signed, entry, now)
    if why is not None:
        return f"its keys: {why}"
    answer = _answer(names, cut.servers, zone, "SOA", signed=True)
    soa = _rrset(answer, zone, "SOA")
    if soa is None:
        raise Transient(_UNKNOWN)
    why = _judged(soa, _signatures(answer, zone, "SOA"), keys, now)
    return None if why is None else f"its SOA: {why}"


def _answer(
    names: Names,
    servers: tuple[Server, ...],
    zone: str,
    rtype: str,
    *,
    signed: bool = False,
) -> dns.message.Message:
    """Return the first authoritative answer."""
    for server in servers:
        for address in server.addresses or _found(names, server.host):
            try:
                answer = names.ask(address, zone, rtype, signed=signed)
            except Transient:
                continue
            if answer.rcode() == dns.rcode.NOERROR and authoritative(answer):
                return answer
    raise Transient(_UNKNOWN)


def _found(names: Names, host: str) -> tuple[str, ...]:
    try:
        return names.addresses(host)
    except ProviderError:
        return ()


def _rrset(
    answer: dns.message.Message, zone: str, rtype: str
) -> dns.rrset.RRset | None:
    name, kind = dns.name.from_text(zone), dns.rdatatype.from_text(rtype)
    for rrset in answer.answer:
        if rrset.name == name and rrset.rdtype == kind:
            return rrset
    return None


def _signatures(
    answer: dns.message.Message, zone: str, rtype: str
) -> dns.rrset.RRset | None:
    name, kind = dns.name.from_text(zone), dns.rdatatype.from_text(rtype)
    for rrset in answer.answer:
        if rrset.name == name and rrset.covers == kind:
            return rrset
    return None


def _entry(keys: dns.rrset.RRset, ds: dns.rrset.RRset) -> dns.rrset.RRset | None:
    """Return the keys that a DS stands for; None where there is no such key."""
    fits = [
        key
        for key in keys
        if any(
            dns.dnssec.make_ds(keys.name, key, one.digest_type, validating=True) == one
            for one in ds
            if one.key_tag == dns.dnssec.key_id(key)
        )
    ]
    return dns.rrset.from_rdata_list(keys.name, keys.ttl, fits) if fits else None


def _judged(
    rrset: dns.rrset.RRset,
    signed: dns.rrset.RRset | None,
    keys: dns.rrset.RRset,
    now: datetime,
) -> str | None:
    """Return why no signature of *rrset* holds; None where one does."""
    if signed is None:
        return "they have no signature" if len(rrset) > 1 else "no signature"
    moment = now.timestamp()
    try:
        dns.dnssec.validate(rrset, signed, {keys.name: keys}, now=moment)
    except dns.exception.DNSException:
        late = all(one.expiration < moment for one in signed)
        return "the signatures have ended" if late else "no signature holds"
    except ValueError:
        return "no signature holds"
    return None
