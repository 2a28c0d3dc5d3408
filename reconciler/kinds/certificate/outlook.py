"""What comes of a certificate, and until when nothing can change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.kinds.certificate import surface
from reconciler.kinds.certificate.ordering import decided
from reconciler.kinds.certificate.serving import CRITICAL, ERROR, whole
from reconciler.kinds.certificate.state import TLS, IssuanceState, TlsState, end
from reconciler.model import Due, Have

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate


def first_end(have: Have) -> datetime | None:
    """Return the first end of what is served anywhere."""
    state = have.get(TLS)
    if not isinstance(state, TlsState):
        return None
    return min(map(end, whole(state)), default=None)


def due(want: Certificate, have: Have, now: datetime) -> Iterator[Due]:
    """Yield the first end of what is served, or when it is renewed before that."""
    at = first_end(have)
    mode = want.spec.mode
    issued = want.issued(have)
    kept = issued.kept if isinstance(issued, IssuanceState) else None
    if mode == "acme" and isinstance(issued, IssuanceState) and kept is not None:
        found = decided(want, issued, have, now)
        until = found.wait.until if found.wait else now
        moment = max(found.at or now, until) if found.wait else now
        yield Due(moment, want.kind, want.name, "certificate renews", by="auto")
    if mode == "observe" and at is not None:
        yield Due(at, want.kind, want.name, "certificate ends (observed only)")
    elif mode == "import" and kept is not None:
        yield Due(kept.not_after, want.kind, want.name, "bought certificate ends")
    elif mode == "provider" and at is not None:
        what = "certificate ends (its server renews it)"
        yield Due(at, want.kind, want.name, what, by="auto")


def quiet_until(want: Certificate, have: Have, now: datetime) -> datetime | None:
    """Return the next moment at which a warning begins."""
    if want.spec.mode != "observe":
        return now  # what its issuers and places are is in other documents
    state = have.get(TLS)
    ends = list(map(end, whole(state))) if isinstance(state, TlsState) else []
    before = {*want.spec.warn_at, ERROR, CRITICAL, timedelta(0)}
    moments = [at - early for at in ends for early in before]
    moments += surface.moments(have)
    return min((m for m in moments if m > now), default=None)
