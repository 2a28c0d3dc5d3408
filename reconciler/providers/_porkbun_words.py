"""How Porkbun says things: ``{"status": "ERROR", "message": ..., "code": ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reconciler.errors import Ambiguous, ProviderError, Rejected, TooEarly, Transient
from reconciler.kinds.domain import Phase
from reconciler.providers._http import Reply, Words
from reconciler.providers._registrar import phase_by_date


def mapping(data: Any) -> Mapping[str, Any]:
    """Return *data* as the object it has to be; raise Rejected if it is none."""
    if not isinstance(data, dict):
        raise Rejected("the answer is not what the vendor documents")
    return data


def on(value: Any) -> bool:
    """Read a flag, which comes as 1, "1" or true."""
    return str(value).lower() in {"1", "true", "yes", "on"}


def phase(status: str, expires: datetime, now: datetime) -> Phase:
    """
    Return the phase of a listed name.

    The vendor documents no values but ``ACTIVE``; the registries' words (RFC 3915)
    are looked for in what it says, then the date decides.
    """
    said = _plain(status)
    if "PENDINGDELETE" in said:
        return Phase.PENDING_DELETE
    if "REDEMPTION" in said:
        return Phase.REDEMPTION
    if "TRANSFERRED" in said:
        return Phase.TRANSFERRED
    return phase_by_date(expires, now)


def transfer(status: str) -> str | None:
    """Return what a listed name's status says of a transfer away, if anything."""
    return "pending at the registry" if "PENDINGTRANSFER" in _plain(status) else None


def _plain(status: str) -> str:
    return status.upper().replace("_", "").replace(" ", "").replace("-", "")


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    return " ".join(str(data[k]) for k in ("code", "message") if data.get(k))


def _refused(reply: Reply, text: str) -> ProviderError | None:
    data = reply.data if isinstance(reply.data, dict) else {}
    code, status, number = data.get("code"), data.get("status"), reply.request_id
    if reply.status < 300 and status == "SUCCESS":  # noqa: PLR2004
        return None
    if code == "RENEWAL_TOO_SOON":
        return TooEarly(text, request_id=number)
    if code == "RATE_LIMIT_EXCEEDED":
        return Transient(text, request_id=number)
    if code == "IDEMPOTENCY_KEY_IN_USE" or (reply.status < 300 and status != "ERROR"):  # noqa: PLR2004
        return Ambiguous(text, request_id=number)
    return Rejected(text, request_id=number)


def _request_id(data: Any) -> str | None:
    found = data.get("requestId") if isinstance(data, dict) else None
    return str(found) if found else None


def _wait(data: Any) -> float | None:
    limited = isinstance(data, dict) and data.get("code") == "RATE_LIMIT_EXCEEDED"
    left = data.get("ttlRemaining") if limited else None
    return float(left) if isinstance(left, int | float) else None


WORDS = Words(_said, _refused, _request_id, _wait)
