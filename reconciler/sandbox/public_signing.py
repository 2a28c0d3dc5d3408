"""
Signatures over the sandbox's zones (RFC 4034), as an oddity of a zone asks for them.

``signed`` is ``well``, ``expired`` (they ended yesterday), ``late`` (so did all but the
key's own), ``forged`` (made with another key) or ``bare`` (a DS at the parent, and no
signatures). A zone's key follows from its name, so that nothing has to be kept.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import dns.dnssec
import dns.message
import dns.name
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm, DSDigest
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.DNSKEY import DNSKEY

_ORDER: Final = int(
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16
)
_DAY: Final = timedelta(days=1)
#: How a zone can be signed.
WAYS: Final = ("well", "expired", "late", "forged", "bare")


@cache
def _key(zone: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(zone.encode()).digest())
    return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP256R1())


@cache
def dnskey(zone: str) -> DNSKEY:
    """Return the one key of *zone*, which signs all of it."""
    public = _key(zone).public_key()
    made = dns.dnssec.make_dnskey(public, Algorithm.ECDSAP256SHA256, 257)
    assert isinstance(made, DNSKEY)  # noqa: S101  (its caller chose the algorithm)
    return made


def ds(zone: str) -> str:
    """Return the DS that stands for the key, as it is at the parent."""
    name = dns.name.from_text(zone)
    return dns.dnssec.make_ds(name, dnskey(zone), DSDigest.SHA256).to_text()


def signed(
    answer: dns.message.Message, zone: str, way: str, now: datetime
) -> dns.message.Message:
    """Return *answer* with the signatures that *way* gives what is in it."""
    if way == "bare":
        return answer
    name = dns.name.from_text(zone)
    private = _key(f"not {zone}" if way == "forged" else zone)
    for rrset in list(answer.answer):
        over = way == "expired" or (way == "late" and rrset.rdtype != RdataType.DNSKEY)
        ends = now - _DAY if over else now + 14 * _DAY
        made = dns.dnssec.sign(
            rrset,
            private,
            name,
            dnskey(zone),
            inception=ends - 28 * _DAY,
            expiration=ends,
        )
        answer.answer.append(dns.rrset.from_rdata(rrset.name, rrset.ttl, made))
    return answer
