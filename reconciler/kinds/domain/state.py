"""What a registrar and a DNS host say about a domain."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime

from reconciler.kinds.domain.mail import MailState
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
        ds: The DS records at the parent, each as ``KEYTAG ALGORITHM DIGESTTYPE
            DIGEST`` with the digest in upper-case hex (RFC 4034).
        glue: The nameservers inside the domain, with their addresses in order.
        restore_price: What it costs now to buy the name back from redemption.
        transfer: What the vendor says about a transfer away that is under way.
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
    ds: frozenset[str] | None = None
    glue: Mapping[str, tuple[str, ...]] | None = None
    restore_price: Money | None = None
    transfer: str | None = None


class DelegationState(State):
    """
    What the live DNS shows of a delegation. None is *not seen*.

    It is looked at from the root down, without anybody's cache.

    Attributes:
        seen: When it was looked at.
        nameservers: The delegation at the parent; empty: there is none.
        child: The nameservers that the zone itself names.
        problems: Why a nameserver of the parent does not serve the zone.
        parent_ds: The DS records the parent publishes.
        live_ds: A DS (SHA-256) of every key that *each* of the nameservers serves and
            that may sign the zone's keys; empty where the zone is not signed.
        dnskeys: The key of each of them, as ``FLAGS PROTOCOL ALGORITHM KEY``.
        serials: The zone's serial at each nameserver; None where it does not answer.
        stale_ds: The DS records at the parent that fit no key of any nameserver.
        spf: The texts at the zone itself that begin with ``v=spf1``.
        spf_lookups: How many look-ups evaluating it takes (RFC 7208, 4.6.4).
        dmarc: The texts at ``_dmarc`` that begin with ``v=DMARC1``.
        caa: Whether a CAA record says who may issue for the name.
        dangling: Names whose CNAME leads to a name that does not exist, with it.
        mail: How mail comes in; None where none does.
    """

    seen: AwareDatetime | None = None
    nameservers: frozenset[str] | None = None
    child: frozenset[str] | None = None
    problems: Mapping[str, str] = {}
    parent_ds: frozenset[str] | None = None
    live_ds: frozenset[str] | None = None
    dnskeys: Mapping[str, str] = {}
    serials: Mapping[str, int | None] = {}
    stale_ds: frozenset[str] = frozenset()
    spf: tuple[str, ...] | None = None
    spf_lookups: int | None = None
    dmarc: tuple[str, ...] | None = None
    caa: bool | None = None
    dangling: Mapping[str, str] = {}
    mail: MailState | None = None


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
        ds: The DS records that this host's keys for the zone answer for; empty where
            it does not sign, None where it does not say.
    """

    records: Mapping[RecordKey, tuple[str, ...]]
    nameservers: frozenset[str] = frozenset()
    serial: int | None = None
    foreign: Mapping[RecordKey, str] = {}
    ds: frozenset[str] | None = None
