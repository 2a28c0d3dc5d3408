"""Which types of record nobody reads: what octoDNS does not know, it does not see."""

from __future__ import annotations

from collections.abc import Container

#: Of the zone itself, and of DNSSEC: the host's own business.
_HOSTS_OWN = frozenset({"SOA", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "CDS"})


def unread(supported: Container[str], rtype: str) -> str | None:
    """Say why records of *rtype* are left out of every reading, if so."""
    if rtype in supported or rtype in _HOSTS_OWN:
        return None
    return f"octoDNS reads no {rtype} records here"
