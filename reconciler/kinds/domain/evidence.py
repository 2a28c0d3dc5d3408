"""What witnesses say about a domain: the registry, by RDAP, and the live DNS."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime

from reconciler.model import Frozen, State


class Standing(StrEnum):
    """Where a name stands at its registry (RFC 3915, by the words of RFC 8056)."""

    REGISTERED = "registered"
    AUTO_RENEW_GRACE = "auto-renew-grace"
    """The registry renewed it by itself and can take that back for 45 days."""
    REDEMPTION = "redemption"
    PENDING_DELETE = "pending-delete"
    AVAILABLE = "available"
    """The registry has no such name."""
    UNPUBLISHED = "unpublished"
    """The registry of this suffix has no RDAP service."""


class RdapState(State):
    """
    The registry's word, and beside it, never over it, the registrar's.

    Attributes:
        seen: When it was said; an answer is good for a day, and kept for longer
            where no new one was to be had.
        registry_expires: In *auto-renew-grace* this date has moved already,
            whoever has paid or not: it proves nothing then.
        registrar_expires: The date the registrar itself publishes.
        registrar: Its name; organisations only, never a person.
        registrar_error: Why the registrar's own service could not be read.
        statuses: The RDAP statuses, as in ``client transfer prohibited``.
        nameservers: As the registry has them; None where it does not say.
    """

    seen: AwareDatetime
    standing: Standing = Standing.REGISTERED
    registry_expires: AwareDatetime | None = None
    registrar_expires: AwareDatetime | None = None
    registrar: str | None = None
    registrar_error: str | None = None
    statuses: tuple[str, ...] = ()
    nameservers: tuple[str, ...] | None = None


class ServerSeen(Frozen):
    """
    One nameserver, asked for the zone.

    Attributes:
        problem: Why it does not serve the zone; None where it does.
        serial: The zone's serial there.
    """

    problem: str | None = None
    serial: int | None = None


class DelegationState(State):
    """
    The zone as it is found from the root down, without anybody's cache.

    Attributes:
        seen: When it was looked at.
        parent: The nameservers in the parent zone; empty: it is not delegated.
        child: The nameservers that the zone itself names.
        servers: Each of the parent's nameservers.
        ds: How many DS records the parent has; None where they could not be read.
        stale_ds: Those that match no key of the zone, as ``tag algorithm digest``.
        spf: The texts at the zone itself that begin with ``v=spf1``.
        spf_lookups: How many look-ups evaluating it takes (RFC 7208, 4.6.4).
        dmarc: The texts at ``_dmarc`` that begin with ``v=DMARC1``.
        caa: Whether a CAA record says who may issue for it.
        dangling: Names whose CNAME leads to a name that does not exist.
    """

    seen: AwareDatetime
    parent: tuple[str, ...] = ()
    child: tuple[str, ...] | None = None
    servers: Mapping[str, ServerSeen] = {}
    ds: int | None = None
    stale_ds: tuple[str, ...] = ()
    spf: tuple[str, ...] | None = None
    spf_lookups: int | None = None
    dmarc: tuple[str, ...] | None = None
    caa: bool | None = None
    dangling: Mapping[str, str] = {}
