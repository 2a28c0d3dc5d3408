"""What the registry says about a domain, by RDAP, and beside it the registrar."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime

from reconciler.model import State


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
