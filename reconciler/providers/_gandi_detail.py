"""What Gandi's details of a name mean: the date that is paid, the phase, the lock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.domain import Phase, RegistrationState
from reconciler.providers import _registrar
from reconciler.providers._answers import mapping, nameservers

LOCKED: Final = "clientTransferProhibited"
_LEAVING: Final = "pendingTransfer"
_HOLDS: Final = frozenset({"clientHold", "serverHold"})
_DATES: Final = (
    "registry_ends_at",
    "hold_begins_at",
    "deletes_at",
    "restore_ends_at",
)


def kept(said: Mapping[str, Any]) -> JsonValue:
    """Return what may be kept of the details: no contact and no transfer code."""
    dates = mapping(said["dates"])
    return {
        "dates": {date: str(dates[date]) for date in _DATES if dates.get(date)},
        "status": [*sorted(map(str, said["status"]))],
        "nameservers": [*sorted(nameservers(said["nameservers"]))],
        "lockable": bool(said["can_tld_lock"]),
        "auto_renew": mapping(said["autorenew"])["enabled"] is True,
    }


def known(detail: Mapping[str, Any], now: datetime) -> RegistrationState:
    """Return the state that kept details show; raise Rejected where they do not say."""
    dates = {name: _registrar.utc(text) for name, text in detail["dates"].items()}
    status = set(detail["status"])
    expires = _paid(dates, status)
    return RegistrationState(
        expires=expires,
        phase=_phase(dates, expires, now),
        auto_renew=detail["auto_renew"],
        locked=LOCKED in status if detail["lockable"] else None,
        nameservers=nameservers(detail["nameservers"]),
        transfer=_LEAVING if _LEAVING in status else None,
    )


def _paid(dates: Mapping[str, datetime], status: set[str]) -> datetime:
    """
    Return the date until which is paid.

    Raises:
        Rejected: The vendor does not say: no date at all, or on hold since when.
    """
    if "registry_ends_at" not in dates:
        raise Rejected("the registrar says no expiry date (yet)")
    if "hold_begins_at" not in dates and status & _HOLDS:
        raise Rejected("it is on hold, and the registrar does not say since when")
    return min(
        dates[name] for name in ("registry_ends_at", "hold_begins_at") if name in dates
    )


def _phase(dates: Mapping[str, datetime], expires: datetime, now: datetime) -> Phase:
    """Return the phase by the vendor's own dates, where it says them."""
    deletes = dates.get("deletes_at")
    if now < expires or deletes is None:
        return _registrar.phase_by_date(expires, now)
    if now < deletes:
        return Phase.GRACE
    lost = dates.get("restore_ends_at", deletes) <= now
    return Phase.PENDING_DELETE if lost else Phase.REDEMPTION
