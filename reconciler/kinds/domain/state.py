"""What a registrar and a DNS host say about a domain."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime

from reconciler.model import Money, State


class Phase(StrEnum):
    """Where a registration stands in its life (ICANN's gTLD life cycle)."""

    ACTIVE = "active"
    GRACE = "grace"
    REDEMPTION = "redemption"
    PENDING_DELETE = "pending-delete"
    TRANSFERRED = "transferred"


class RegistrationState(State):
    """
    The registrar's word. None is *the vendor does not say*, and is not compared.

    Attributes:
        expires: The paid date at the registrar, not the registry's.
        renew_price: What *one renewal of the wanted term* costs now.
        renew_from: Before this the vendor refuses a renewal.
        renewable: Whether the vendor's API can renew this name at all.
    """

    expires: AwareDatetime
    phase: Phase = Phase.ACTIVE
    auto_renew: bool | None = None
    locked: bool | None = None
    privacy: bool | None = None
    nameservers: frozenset[str] | None = None
    renew_price: Money | None = None
    renew_from: AwareDatetime | None = None
    renewable: bool = True


RecordKey = str
"""``name/TYPE``, the name relative to the zone, ``@`` for the zone itself."""


class ZoneState(State):
    """
    The records a DNS host serves; apex NS and SOA are left out.

    Attributes:
        records: ``name/TYPE`` -> (ttl in seconds as text, canonical values ...).
        nameservers: The hosts this account serves the zone from.
        serial: The zone's serial, where the vendor has one.
        foreign: What could not be declared as it is, and why; part of *records* or not.
    """

    records: Mapping[RecordKey, tuple[str, ...]]
    nameservers: frozenset[str] = frozenset()
    serial: int | None = None
    foreign: Mapping[RecordKey, str] = {}
