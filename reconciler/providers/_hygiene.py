"""
What octoDNS' validators say about declared records: mail, CAA, targets, loops.

They look at what is wanted, never at what is live, and only advise.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.kinds.domain import Domain
from reconciler.kinds.domain.zone import wanted
from reconciler.providers._txt import THEIRS


class Advice(NamedTuple):
    """One thing to mend: a stable code and what is wrong."""

    code: str
    message: str


def lint(domain: Domain) -> list[Advice]:
    """
    Return what is unwise in the records that *domain* declares.

    Nothing is said about a domain that declares none. A code is ``dns-`` and the id
    of the octoDNS validator, as in ``dns-mail``.
    """
    rows = wanted(domain.spec.dns)
    if not rows:
        return []
    from octodns.zone import Zone  # noqa: PLC0415

    from reconciler.providers._octodns_rows import record_of, zone_of  # noqa: PLC0415

    zone = zone_of(domain.name)
    for key, row in rows.items():
        zone.add_record(record_of(zone, key, row, THEIRS), lenient=True)
    reasons = Zone.validators.process_zone(zone)
    return sorted({Advice(f"dns-{r.validator_id}", str(r.reason)) for r in reasons})
